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

/// Time from beat to beat.
const INTERVAL: Duration = Duration::from_millis(60);
/// Beats of one measurement.
const BEATS: u32 = 12;

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

/// Beats for a while; a beat is on time if it comes before the next one is due.
pub fn while_on_time() -> Result<Rate> {
    beat(|_| {})
}

fn beat(mut before: impl FnMut(u32)) -> Result<Rate> {
    let interval = u64::try_from(INTERVAL.as_nanos()).unwrap_or(u64::MAX);
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
            // The next one is counted from here: one delay is one late beat for each
            // interval it took, not a delay of all that follow.
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
    let undisturbed = need!(while_on_time());
    undisturbed.expect(80)?;
    let delayed = need!(beat(|number| {
        if number.is_multiple_of(3) {
            viper::thread::sleep(INTERVAL.saturating_mul(3));
        }
    }));
    check!(delayed.expect(80).is_err());
    Ok(())
}
