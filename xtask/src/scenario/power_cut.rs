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

/// Where the writer works.
const FOLDER: &str = "WORK:cut";

/// Kills machines; nothing acknowledged may be lost.
pub fn power_cuts(rig: &Rig<'_>) -> anyhow::Result<()> {
    let mut random = Random(rig.lab.seed);
    let cuts = if rig.lab.is_full { CUTS_FULL } else { CUTS };
    rig.run(rig.machine()?, &format!("MakeDir {FOLDER}"))?
        .expect_code(0)?;
    let mut acknowledged = 0;
    for cut in 1..=cuts {
        let delay = random.below(SPREAD_MS);
        acknowledged = write_and_cut(rig, acknowledged, Duration::from_millis(delay))
            .and_then(|count| {
                rig.fsck(&rig.disk())?;
                Ok(count)
            })
            .with_context(|| format!("cut {cut}, {delay} ms after the first file"))?;
    }
    verify(rig, acknowledged)?.expect_code(0)?;
    println!("        {cuts} cuts, {acknowledged} files acknowledged and found");
    Ok(())
}

/// The verification itself: with an acknowledged file taken away it must fail.
pub fn planted_loss(rig: &Rig<'_>) -> anyhow::Result<()> {
    let prepare = format!("MakeDir {FOLDER}; {}", writer("COUNT 5"));
    let outcome = rig.run(rig.machine()?, &prepare)?;
    let count = last_number(outcome.expect_code(0)?.output.as_str()).context("no file named")?;
    verify(rig, count)?.expect_code(0)?;
    let mut remove = command::program(rig.lab.system.tools.viperfs());
    let file = format!("/Work/cut/{count}");
    command::capture(remove.arg("rm").arg(rig.disk()).arg(&file))?;
    let outcome = verify(rig, count)?;
    if outcome.expect_code(0).is_ok() {
        bail!("the loss of {file} was not noticed\n{outcome}");
    }
    Ok(())
}

/// Checks what is there, writes on from it, and cuts; the value is the highest
/// number acknowledged so far.
fn write_and_cut(rig: &Rig<'_>, before: u64, delay: Duration) -> anyhow::Result<u64> {
    let mut machine = rig.machine()?;
    let commands = format!(
        "FailAt 5; {}; {}",
        writer(&format!("VERIFY {before}")),
        writer(&format!("FROM {}", before + 1))
    );
    machine.exec = Some(commands);
    let mut vm = rig.boot(machine)?;
    vm.expect("\n").context("the writer acknowledges nothing")?;
    std::thread::sleep(delay);
    vm.kill();
    let text = vm.screen().text();
    // A line that the cut tore may lack its last digits.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    match last_number(whole) {
        Some(number) => Ok(number.max(before)),
        None => bail!("the writer names no file: {text:?}"),
    }
}

fn verify(rig: &Rig<'_>, count: u64) -> anyhow::Result<super::lab::Outcome> {
    rig.run(rig.machine()?, &writer(&format!("VERIFY {count}")))
}

fn writer(arguments: &str) -> String {
    format!("SYS:Tests/Writer {FOLDER} {arguments}")
}

/// The last number that stands at the end of a line.
fn last_number(text: &str) -> Option<u64> {
    text.lines()
        .rev()
        .find_map(|line| line.split_whitespace().last()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_acknowledged_number_is_read() {
        assert_eq!(last_number("verified 3\n4\n5\n"), Some(5));
        assert_eq!(last_number("wrote 17\n"), Some(17));
        assert_eq!(last_number("nothing\n"), None);
    }
}
