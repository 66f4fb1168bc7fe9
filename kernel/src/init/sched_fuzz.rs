//! Seed, planted mistake and watchdog of a kernel with the feature `sched-fuzz`.

use crate::sync::{plant, sched_fuzz};
use crate::time::now_ns;
use crate::{sched, syscall};

use super::serial;

/// How often the watchdog looks, and after how many looks without a sign of life it gives up.
const LOOK_NS: u64 = 1_000_000_000;
const LOOKS: u32 = 20;

/// Begins to change the schedule as the boot arguments ask for, and to make the mistake they
/// name. The words are in the log, so that a test sees that this kernel understood them.
pub(super) fn start(words: &str) {
    let value = |key: &str| {
        words
            .split_whitespace()
            .find_map(|word| word.strip_prefix(key))
    };
    if let Some(name) = value("plant=") {
        if !plant(name) {
            serial::refuse(format_args!("plant={name}: no mistake has this name"));
        }
        log::warn!("sched-fuzz: mistake {name} is planted");
    }
    if let Some(seed) = value("sched-fuzz=") {
        let Ok(seed) = seed.parse() else {
            serial::refuse(format_args!("sched-fuzz={seed}: the seed is a number"));
        };
        log::warn!("sched-fuzz: seed {seed}");
        sched_fuzz::start(seed);
    }
    if sched::spawn_kernel_thread(watch, 0).is_err() {
        log::warn!("sched-fuzz: no memory for the watchdog");
    }
}

/// Stops the kernel where no program makes a call for long: every one of them waits for
/// something that does not come.
extern "C" fn watch(_argument: u64) -> ! {
    let (mut seen, mut looks) = (0, 0u32);
    loop {
        sched::sleep_until(now_ns().saturating_add(LOOK_NS));
        let signs = syscall::calls_made();
        looks = if signs == seen {
            looks.saturating_add(1)
        } else {
            0
        };
        seen = signs;
        assert!(
            looks < LOOKS,
            "watchdog: no program has made a call for {LOOKS} s"
        );
    }
}

/// Says how far the changes have come, at the end of the machine.
pub(super) fn end() {
    let (passages, digest) = sched_fuzz::course();
    log::warn!("sched-fuzz: {passages} points, course {digest:016x}");
}
