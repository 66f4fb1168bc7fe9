//! A heartbeat: how many of many beats come on time while others misbehave.

use alloc::string::String;
use core::time::Duration;

use viper::io::Result;

use super::{Case, Verdict};
use crate::{check, need};

/// The tests.
pub const CASES: &[Case] = &[Case {
    name: "heartbeat::late_beats_are_noticed",
    run: late,
}];

/// Shortest time from beat to beat; beyond it lies how long others may use a CPU in turn.
const INTERVAL: Duration = Duration::from_millis(60);
/// Times that the interval may be doubled where the machine itself is slow.
const DOUBLINGS: u32 = 5;
/// Beats of one measurement.
const BEATS: u32 = 12;
/// Measurements, of which the best counts: what starves others starves them in each.
const TRIES: u32 = 3;

/// Beats on time, out of all.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    on_time: u32,
    all: u32,
}

impl Rate {
    /// Whether at least so many per cent came on time.
    pub fn expect(self, percent: u32) -> core::result::Result<(), String> {
        let Rate { on_time, all } = self;
        if on_time.saturating_mul(100) >= all.saturating_mul(percent) {
            return Ok(());
        }
        Err(alloc::format!("{on_time} of {all} heartbeats on time"))
    }
}

/// An interval in which every beat comes on time while nobody disturbs, in ns: the machine
/// that the system runs on may be shared itself.
pub fn undisturbed_interval() -> core::result::Result<u64, String> {
    let mut interval = u64::try_from(INTERVAL.as_nanos()).unwrap_or(u64::MAX);
    for _ in 0..=DOUBLINGS {
        if need!(beat(interval, |_| {})).expect(100).is_ok() {
            return Ok(interval);
        }
        interval = interval.saturating_mul(2);
    }
    Err("nobody disturbs, and heartbeats are late".into())
}

/// Beats for a while; a beat is on time if it comes before the next one is due.
pub fn on_time(interval: u64) -> Result<Rate> {
    let mut best = beat(interval, |_| {})?;
    for _ in 1..TRIES {
        if best.expect(80).is_ok() {
            break;
        }
        let rate = beat(interval, |_| {})?;
        best = if rate.on_time > best.on_time {
            rate
        } else {
            best
        };
    }
    Ok(best)
}

fn beat(interval: u64, mut before: impl FnMut(u32)) -> Result<Rate> {
    let mut due = rt::time::now()?;
    let mut on_time = 0u32;
    for number in 0..BEATS {
        due = due.saturating_add(interval);
        before(number);
        rt::thread::sleep_until(due)?;
        let now = rt::time::now()?;
        if now.saturating_sub(due) < interval {
            on_time = on_time.saturating_add(1);
        } else {
            // The next one is counted from here: one delay is one late beat, not a delay
            // of all that follow.
            due = now;
        }
    }
    Ok(Rate {
        on_time,
        all: BEATS,
    })
}

/// The control of every use: delays are seen.
fn late() -> Verdict {
    let interval = undisturbed_interval()?;
    need!(on_time(interval)).expect(80)?;
    let delayed = need!(beat(interval, |number| {
        if number.is_multiple_of(3) {
            viper::thread::sleep(Duration::from_nanos(interval.saturating_mul(3)));
        }
    }));
    check!(delayed.expect(80).is_err());
    Ok(())
}
