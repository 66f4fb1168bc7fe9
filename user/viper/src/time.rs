//! Points in time: since boot, and on the wall clock as civil dates.

use core::fmt;
use core::time::Duration;

use abi::startup::Tag;
use abi::{NEVER, Signals};
use rt::OwnedHandle;
use time::{Month, UtcDateTime, Weekday};

use crate::io::Result;

/// A point in time since boot; never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    ns: u64,
}

impl Instant {
    /// Now.
    pub fn now() -> Instant {
        Instant {
            ns: rt::time::now().unwrap_or(0),
        }
    }

    /// ns since boot, the scale of every deadline.
    pub const fn since_boot_ns(self) -> u64 {
        self.ns
    }

    /// The time that has passed since.
    pub fn elapsed(self) -> Duration {
        Duration::from_nanos(Instant::now().ns.saturating_sub(self.ns))
    }
}

/// Longest part of [`delay`] that is spent waiting in a loop, in ns.
const SPIN_NS: u64 = 50_000;

/// Waits for a short time, as exactly as the machine allows: asleep for most of it, if it
/// is long enough, and in a loop for the rest.
pub fn delay(duration: Duration) {
    let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let end = Instant::now().ns.saturating_add(ns);
    if ns > SPIN_NS {
        // Ended early, if somebody cancels it: the loop waits for the rest.
        let _ = rt::thread::sleep_until(end.saturating_sub(SPIN_NS));
    }
    while Instant::now().ns < end {
        core::hint::spin_loop();
    }
}

/// Points in time to wait for, alone or together with other objects in a port.
///
/// Its handle has the signal `READABLE` from a point in time on until that is read.
#[derive(Debug)]
pub struct Timer {
    handle: OwnedHandle,
}

impl Timer {
    /// One that is not set.
    ///
    /// # Errors
    ///
    /// `NoMemory`, `LimitReached`.
    pub fn new() -> Result<Timer> {
        let handle = rt::timer::create()?;
        Ok(Timer { handle })
    }

    /// Its handle, for waiting.
    pub const fn handle(&self) -> &OwnedHandle {
        &self.handle
    }

    /// Sets it to one point in time, `after` from now; what it was set to is forgotten.
    ///
    /// # Errors
    ///
    /// `NoMemory`.
    pub fn set(&self, after: Duration) -> Result<()> {
        rt::timer::set(self.handle.get(), later(after), 0)?;
        Ok(())
    }

    /// Sets it to a point in time every `period`, the first one period from now.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a period of 0; `NoMemory`.
    pub fn set_every(&self, period: Duration) -> Result<()> {
        let ns = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        if ns == 0 {
            return Err(abi::Error::InvalidArgument);
        }
        rt::timer::set(self.handle.get(), later(period), ns)?;
        Ok(())
    }

    /// Unsets it; returns whether something was still to come or to be read.
    ///
    /// # Errors
    ///
    /// None beside those of a handle that is gone.
    pub fn cancel(&self) -> Result<bool> {
        Ok(rt::timer::set(self.handle.get(), NEVER, 0)? != NEVER)
    }

    /// Waits for the next point in time; returns how many have come since the last wait.
    ///
    /// # Errors
    ///
    /// `Cancelled`, if somebody ended the wait.
    pub fn wait(&self) -> Result<u64> {
        loop {
            rt::handle::wait(self.handle.get(), Signals::READABLE, NEVER)?;
            match rt::timer::read(self.handle.get()) {
                // Another thread has read it.
                Err(abi::Error::WouldBlock) => {}
                other => return other,
            }
        }
    }
}

/// The point in time `after` from now, at the latest the last one.
fn later(after: Duration) -> u64 {
    let ns = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
    Instant::now().ns.saturating_add(ns).min(NEVER - 1)
}

/// A point in time on the wall clock, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SystemTime {
    ns: u64,
}

impl SystemTime {
    /// Now, by the clock this process was given.
    ///
    /// # Errors
    ///
    /// `AccessDenied` where it was given none.
    pub fn now() -> Result<SystemTime> {
        let clock = rt::startup::handle(Tag::Clock).ok_or(abi::Error::AccessDenied)?;
        Ok(SystemTime {
            ns: rt::time::clock_read(clock)?,
        })
    }

    /// The time `ns` after 1970-01-01 UTC.
    pub const fn from_unix_ns(ns: u64) -> SystemTime {
        SystemTime { ns }
    }

    /// ns after 1970-01-01 UTC.
    pub const fn unix_ns(self) -> u64 {
        self.ns
    }

    /// Year, month, day and time of day.
    pub fn civil(self) -> Civil {
        let seconds = i64::try_from(self.ns / 1_000_000_000).unwrap_or(i64::MAX);
        let date = UtcDateTime::from_unix_timestamp(seconds).unwrap_or(UtcDateTime::UNIX_EPOCH);
        Civil { date }
    }
}

/// A date and time of day, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    date: UtcDateTime,
}

impl Civil {
    /// Name of the weekday.
    pub fn weekday(&self) -> &'static str {
        match self.date.weekday() {
            Weekday::Monday => "Monday",
            Weekday::Tuesday => "Tuesday",
            Weekday::Wednesday => "Wednesday",
            Weekday::Thursday => "Thursday",
            Weekday::Friday => "Friday",
            Weekday::Saturday => "Saturday",
            Weekday::Sunday => "Sunday",
        }
    }

    /// The date as AmigaDOS writes it, such as `22-Nov-2026`.
    pub fn day(&self) -> impl fmt::Display + use<> {
        Day(self.date)
    }

    /// The time of day, such as `04:46:05`.
    pub fn clock(&self) -> impl fmt::Display + use<> {
        Clock(self.date)
    }
}

/// Shows a date.
struct Day(UtcDateTime);

impl fmt::Display for Day {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let month = match self.0.month() {
            Month::January => "Jan",
            Month::February => "Feb",
            Month::March => "Mar",
            Month::April => "Apr",
            Month::May => "May",
            Month::June => "Jun",
            Month::July => "Jul",
            Month::August => "Aug",
            Month::September => "Sep",
            Month::October => "Oct",
            Month::November => "Nov",
            Month::December => "Dec",
        };
        write!(out, "{:02}-{month}-{:04}", self.0.day(), self.0.year())
    }
}

/// Shows a time of day.
struct Clock(UtcDateTime);

impl fmt::Display for Clock {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{:02}:{:02}:{:02}",
            self.0.hour(),
            self.0.minute(),
            self.0.second()
        )
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::format;

    #[test]
    fn civil_dates() {
        for (seconds, day, clock, weekday) in [
            (0, "01-Jan-1970", "00:00:00", "Thursday"),
            (951_782_400, "29-Feb-2000", "00:00:00", "Tuesday"),
            (1_795_323_599, "22-Nov-2026", "04:59:59", "Sunday"),
        ] {
            let civil = SystemTime::from_unix_ns(seconds * 1_000_000_000).civil();
            assert_eq!(format!("{}", civil.day()), day);
            assert_eq!(format!("{}", civil.clock()), clock);
            assert_eq!(civil.weekday(), weekday);
        }
    }
}
