//! Power cuts at random moments of a writing workload.
//!
//! `Writer` writes numbered files, and names each on its output once `fsync` has
//! acknowledged it. QEMU is killed at a random moment; then the volume must be
//! clean for `fsck.viperfs`, the next boot must mount it, and every number that
//! was named must be there with its contents.

use std::time::Duration;

use anyhow::{Context, bail};

use super::bad_disk::Random;
use super::lab::Rig;
use crate::command;

/// Cuts in the share of half an hour, and in a full run.
const CUTS: u64 = 25;
const CUTS_FULL: u64 = 200;

/// Longest time from the first acknowledged file to the cut, in ms.
const SPREAD_MS: u64 = 700;

/// Kills machines; nothing acknowledged may be lost.
pub fn power_cuts(rig: &Rig<'_>) -> anyhow::Result<()> {
    let mut random = Random(rig.lab.seed);
    let cuts = if rig.lab.is_full { CUTS_FULL } else { CUTS };
    let mut last = Folder {
        name: "WORK:cut0".to_owned(),
        acknowledged: 0,
    };
    let mut total = 0;
    for cut in 1..=cuts {
        let delay = random.below(SPREAD_MS);
        last = write_and_cut(rig, &last, cut, Duration::from_millis(delay))
            .and_then(|folder| rig.fsck(&rig.disk()).map(|()| folder))
            .with_context(|| format!("cut {cut}, {delay} ms after the first file"))?;
        total += last.acknowledged;
    }
    rig.run(rig.machine()?, &last.verification())?
        .expect_code(0)?;
    println!("        {cuts} cuts, {total} files acknowledged and found");
    Ok(())
}

/// The verification itself: with an acknowledged file taken away it must fail.
pub fn planted_loss(rig: &Rig<'_>) -> anyhow::Result<()> {
    let folder = Folder {
        name: "WORK:cut".to_owned(),
        acknowledged: 5,
    };
    let write = format!("MakeDir {0}; SYS:Tests/Writer {0} COUNT 5", folder.name);
    rig.run(rig.machine()?, &write)?.expect_code(0)?;
    rig.run(rig.machine()?, &folder.verification())?
        .expect_code(0)?;
    let mut remove = command::program(rig.lab.system.tools.viperfs());
    command::capture(remove.arg("rm").arg(rig.disk()).arg("/Work/cut/3"))?;
    let outcome = rig.run(rig.machine()?, &folder.verification())?;
    if outcome.expect_code(0).is_ok() {
        bail!("the loss of a file was not noticed\n{outcome}");
    }
    Ok(())
}

/// A folder of the writer.
#[derive(Clone, Debug)]
struct Folder {
    name: String,
    /// Files from 1 to this number are durable.
    acknowledged: u64,
}

impl Folder {
    /// The command that looks for every acknowledged file.
    fn verification(&self) -> String {
        format!(
            "SYS:Tests/Writer {} VERIFY {}",
            self.name, self.acknowledged
        )
    }
}

/// Verifies what the last cut left, writes into a new folder, and cuts.
fn write_and_cut(
    rig: &Rig<'_>,
    last: &Folder,
    cut: u64,
    delay: Duration,
) -> anyhow::Result<Folder> {
    let name = format!("WORK:cut{cut}");
    // What was verified makes room, or two hundred cuts would fill the disk.
    let room = match cut {
        1 => String::new(),
        _ => format!("Delete {} ALL QUIET; ", last.name),
    };
    let commands = format!(
        "{}; {room}MakeDir {name}; SYS:Tests/Writer {name}",
        last.verification()
    );
    let mut vm = rig.boot_with(rig.machine()?, &commands)?;
    vm.expect(&format!("verified {}\n", last.acknowledged))
        .context("files are lost")?;
    vm.expect("1\n")
        .context("the writer acknowledges nothing")?;
    std::thread::sleep(delay);
    vm.kill();
    let text = vm.screen().text();
    // A line that the cut tore may lack its last digits.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let acknowledged = last_number(whole).context("the writer names no file")?;
    Ok(Folder { name, acknowledged })
}

/// The last line that is a number.
fn last_number(text: &str) -> Option<u64> {
    text.lines().rev().find_map(|line| line.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_acknowledged_number_is_read() {
        assert_eq!(last_number("verified 3\n1\n2\n"), Some(2));
        assert_eq!(last_number("17\n"), Some(17));
        assert_eq!(last_number("verified 3\n"), None);
    }
}
