//! Disks that are missing, cut short or full of rubbish.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, bail};

use super::lab::Rig;
use crate::qemu::execution::{End, PANIC};
use crate::qemu::machine::Machine;

/// Something done to an image, with a seed.
type Damage = fn(&Path, u64) -> anyhow::Result<()>;

/// Without a disk the kernel says so and stops.
pub fn no_disk(rig: &Rig<'_>) -> anyhow::Result<()> {
    refused(rig, rig.diskless_machine()).context("no disk")
}

/// Disks without a volume are refused by a clear line, whatever is on them, and
/// left as they are. The positive control is the same disk before the damage.
pub fn unreadable_disks(rig: &Rig<'_>) -> anyhow::Result<()> {
    rig.run(rig.machine()?, "Version")?.expect_code(0)?;
    let damages: [(&str, Damage); 4] = [
        ("one sector", |image, _| cut(image, 512)),
        ("first 64 KiB", |image, _| cut(image, 64 << 10)),
        ("zeros", |image, _| overwrite(image, |_| 0)),
        ("random bytes", |image, seed| {
            let mut random = Random(seed);
            overwrite(image, move |_| random.byte())
        }),
    ];
    for (name, damage) in damages {
        damage(&rig.disk(), rig.lab.seed)?;
        let before = std::fs::read(rig.disk())?;
        refused(rig, rig.machine()?).with_context(|| format!("disk with {name}"))?;
        if std::fs::read(rig.disk())? != before {
            bail!("disk with {name}: the refused disk was written to");
        }
    }
    Ok(())
}

/// With the first block of the disk gone the other copies serve.
pub fn one_damaged_block(rig: &Rig<'_>) -> anyhow::Result<()> {
    rig.run(rig.machine()?, "Echo >WORK:x safe")?
        .expect_code(0)?;
    let mut disk = File::options().write(true).open(rig.disk())?;
    disk.write_all(&[0xa5; 4096])?;
    drop(disk);
    rig.run(rig.machine()?, "Type WORK:x")?
        .expect_code(0)?
        .expect_output("safe\n")?;
    Ok(())
}

/// Whether the kernel refuses a machine's disk: a line in the log, an exit code
/// that is neither success nor panic, no hang.
fn refused(rig: &Rig<'_>, machine: Machine) -> anyhow::Result<()> {
    let outcome = rig.run(machine, "Version")?;
    if matches!(
        outcome.end,
        End::Code(0 | PANIC) | End::Hang | End::Signal(_)
    ) {
        bail!("expected a refusal\n{outcome}");
    }
    let says = ["disk", "volume"]
        .iter()
        .any(|word| outcome.expect_log_with(&[word]).is_ok());
    if !says {
        bail!("the kernel log does not say what is wrong with the disk\n{outcome}");
    }
    Ok(())
}

fn cut(image: &Path, len: u64) -> anyhow::Result<()> {
    Ok(File::options().write(true).open(image)?.set_len(len)?)
}

/// Makes an image of 1 MiB whose bytes are computed from those there.
fn overwrite(image: &Path, mut byte: impl FnMut(u8) -> u8) -> anyhow::Result<()> {
    let mut file = File::options().read(true).write(true).open(image)?;
    file.set_len(1 << 20)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    bytes.iter_mut().for_each(|old| *old = byte(*old));
    file.seek(SeekFrom::Start(0))?;
    Ok(file.write_all(&bytes)?)
}

/// A generator of random numbers (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let numbers = |seed| [(); 4].map(|()| seed).map(|seed| Random(seed).next());
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(Random(1).next(), Random(2).next());
        assert!((0..100).all(|seed| Random(seed).below(10) < 10));
    }
}
