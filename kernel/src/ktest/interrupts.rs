//! Timer interrupts and the clock.

use crate::sched;
use crate::time::now_ns;

use super::{Test, Verdict, check};

pub(super) const TESTS: &[Test] = &[
    Test {
        name: "interrupts::sleeps_end_after_their_time",
        run: sleeps,
    },
    Test {
        name: "interrupts::time_never_goes_back",
        run: time,
    },
    Test {
        name: "interrupts::a_time_in_the_past_does_not_wait",
        run: past,
    },
];

fn sleeps() -> Verdict {
    for ms in [1, 5, 20, 3] {
        let deadline = now_ns().saturating_add(ms * 1_000_000);
        sched::sleep_until(deadline);
        check!(now_ns() >= deadline);
        // A bound that only a lost interrupt misses, however busy the host is.
        check!(now_ns() < deadline.saturating_add(5_000_000_000));
    }
    Ok(())
}

fn time() -> Verdict {
    let mut last = now_ns();
    for _ in 0..20_000 {
        let now = now_ns();
        check!(now >= last);
        last = now;
    }
    Ok(())
}

fn past() -> Verdict {
    sched::sleep_until(0);
    check!(!sched::park(1));
    Ok(())
}
