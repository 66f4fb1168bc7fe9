//! A bit of everything that the kernel does, for tests that take its memory away.
//!
//! A run makes files, messages, ports, handles, mappings and a process, looks at what it
//! made, and takes it all away again. Every request for memory may be refused: then the
//! run ends with [`Stop::Refused`], and [`Lab::tidy`] brings the volume back to what it was.

mod disk;
mod steps;
#[cfg(test)]
mod tests;

use alloc::string::String;

use crate::account::{Account, Resource};
use crate::fs::vfs::{BlockDisk, Directory, MountedVolume};
use crate::fs::viperfs::{FormatOptions, Volume};
use crate::mm::shortage::{Length, Shortage};
use crate::process::Job;
use crate::sync::Ref;
use crate::word;

pub(crate) use disk::RamDisk;

/// Why a run ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// There was no memory, and the call said so.
    Refused,
    /// Something else went wrong.
    Wrong(String),
}

/// A run of one part of the kernel.
pub(crate) type Step = fn(&Lab) -> Result<(), Stop>;

/// What a run works on.
pub(crate) struct Lab {
    pub(crate) root: Ref<Directory>,
    pub(crate) job: Ref<Job>,
    pub(crate) group: Ref<Account>,
}

/// What must be the same before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Bytes that can be written to the volume.
    free_bytes: u64,
    read_only: bool,
    charged: [u64; Resource::ALL.len()],
}

/// Every kind of step but those that only the machine can do.
pub(crate) const STEPS: [(&str, Step); 5] = [
    ("files", steps::files),
    ("messages", steps::messages),
    ("ports", steps::ports),
    ("maps", steps::maps),
    ("processes", steps::processes),
];

impl Lab {
    /// A lab on an empty volume of `bytes` bytes.
    pub(crate) fn new(disk: &Ref<RamDisk>) -> Result<Lab, String> {
        let options = FormatOptions {
            label: "Lab",
            ..FormatOptions::default()
        };
        let device = BlockDisk(disk.clone().widen(|disk| disk as *mut _));
        let made = Volume::format(device.clone(), &options);
        let (_, outcome) = made.map_err(|error| alloc::format!("{error}"))?.unmount();
        outcome.map_err(|error| alloc::format!("{error}"))?;
        let volume = MountedVolume::mount(device).map_err(|error| alloc::format!("{error}"))?;
        let root = Directory::root_of(&volume).map_err(|error| alloc::format!("{error:?}"))?;
        let group = Account::root().map_err(|_| "no memory")?;
        let job = Job::root(group.clone()).map_err(|_| "no memory")?;
        Ok(Lab { root, job, group })
    }

    /// Removes what a run left on the volume, and makes that durable.
    pub(crate) fn tidy(&self) -> Result<(), Stop> {
        steps::remove_all(self)?;
        // Freed blocks come back after two commits.
        for _ in 0..3 {
            steps::touch(self)?;
            self.root.volume().sync().map_err(steps::stop("sync"))?;
        }
        Ok(())
    }

    /// What must be the same before and after.
    pub(crate) fn counters(&self) -> Counters {
        let info = self.root.volume().info();
        Counters {
            free_bytes: info.free,
            read_only: self.root.volume().is_read_only(),
            charged: Resource::ALL.map(|resource| self.group.used(resource)),
        }
    }
}

/// What a sweep has found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    /// Requests that were refused, one in each run.
    pub(crate) points: u64,
    /// Runs that went well all the same: the request was tried again, or not needed.
    pub(crate) survived: u64,
}

/// Runs `runs` times with one of `one_in` requests refused at random; after each run
/// everything must be as before.
///
/// # Errors
/// What went wrong, and with which seed.
pub(crate) fn sweep_at_random(
    lab: &Lab,
    step: Step,
    seed: u64,
    runs: u64,
    one_in: u64,
) -> Result<Swept, String> {
    warm_up(lab, step)?;
    let before = lab.counters();
    let mut swept = Swept::default();
    for seed in (seed..).take(word::index(runs)) {
        let wrong = |what: &str| alloc::format!("{what} with seed {seed}, one in {one_in}");
        let shortage = Shortage::at_random(seed, one_in);
        let outcome = step(lab);
        let refused = shortage.refused();
        drop(shortage);
        swept.points = swept.points.saturating_add(refused);
        match outcome {
            Ok(()) => swept.survived = swept.survived.saturating_add(1),
            Err(Stop::Refused) if refused > 0 => {}
            Err(Stop::Refused) => return Err(wrong("no memory, though there is some,")),
            Err(Stop::Wrong(what)) => return Err(wrong(&what)),
        }
        lab.tidy()
            .map_err(|stop| wrong(&alloc::format!("{stop:?} afterwards")))?;
        let after = lab.counters();
        if after != before {
            return Err(wrong(&alloc::format!("{before:?} became {after:?}")));
        }
    }
    Ok(swept)
}

/// Fills the caches.
fn warm_up(lab: &Lab, step: Step) -> Result<(), String> {
    for _ in 0..2 {
        let outcome = step(lab).and_then(|()| lab.tidy());
        outcome.map_err(|stop| alloc::format!("{stop:?} without a shortage"))?;
    }
    Ok(())
}

/// Refuses the first request of a run, then the second of the next, and so on, until a run
/// makes no more requests than were granted. After each, everything must be as before.
///
/// # Errors
/// What went wrong, and at which request.
pub(crate) fn sweep(lab: &Lab, step: Step, length: Length) -> Result<Swept, String> {
    let wrong = |what: &str, at: u64| alloc::format!("{what} when request {at} is refused");
    warm_up(lab, step)?;
    let before = lab.counters();
    let mut swept = Swept::default();
    for granted in 0.. {
        let shortage = Shortage::after(granted, length);
        let outcome = step(lab);
        let refused = shortage.refused();
        drop(shortage);
        match outcome {
            Ok(()) if refused == 0 => return Ok(swept),
            Ok(()) => swept.survived = swept.survived.saturating_add(1),
            Err(Stop::Refused) if refused > 0 => {}
            Err(Stop::Refused) => return Err(wrong("no memory, though there is some,", granted)),
            Err(Stop::Wrong(what)) => return Err(wrong(&what, granted)),
        }
        swept.points = swept.points.saturating_add(1);
        lab.tidy()
            .map_err(|stop| wrong(&alloc::format!("{stop:?} afterwards"), granted))?;
        let after = lab.counters();
        if after != before {
            return Err(wrong(
                &alloc::format!("{before:?} became {after:?}"),
                granted,
            ));
        }
    }
    Ok(swept)
}
