//! Points in time, one or one after another, that raise a signal.
//!
//! A timer that has rung is not among the alarms: further points are counted when somebody
//! reads them. So a period, however short, interrupts the CPU once for each read at most.
//!
//! Lock order: a timer's setting, then its signals, then the alarms.

use abi::{NEVER, ObjectKind, Signals};

use crate::cap::{KernelObject, ObjectBase, kind_stamp};
use crate::sched::{Alarm, AlarmPlace, cancel_alarm, reserve_alarm, set_alarm};
use crate::sync::{AllocError, Ref, SpinLock, Stamped};

/// What a timer is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Setting {
    /// The first point that nobody has read, [`NEVER`] for none.
    deadline_ns: u64,
    /// Time between the points; 0: there is only one.
    period_ns: u64,
    /// The first point has come, and the signal says so.
    has_rung: bool,
    /// No handle is left.
    is_closed: bool,
}

const UNSET: Setting = Setting {
    deadline_ns: NEVER,
    period_ns: 0,
    has_rung: false,
    is_closed: false,
};

impl Setting {
    /// How many points have come by `now`, and the setting without them.
    fn passed(self, now_ns: u64) -> (u64, Setting) {
        if self.deadline_ns == NEVER || now_ns < self.deadline_ns {
            return (0, self);
        }
        let late = now_ns.saturating_sub(self.deadline_ns);
        let more = late.checked_div(self.period_ns).unwrap_or(0);
        let count = more.saturating_add(1);
        // A period of 0, and a point beyond the end of time: nothing comes any more.
        let next = count
            .checked_mul(self.period_ns)
            .filter(|step| *step > 0)
            .and_then(|step| self.deadline_ns.checked_add(step))
            .filter(|deadline_ns| *deadline_ns != NEVER);
        let rest = match next {
            Some(deadline_ns) => Setting {
                deadline_ns,
                has_rung: false,
                ..self
            },
            None => Setting {
                is_closed: self.is_closed,
                ..UNSET
            },
        };
        (count, rest)
    }

    /// Whether it is to ring some day.
    fn waits(&self) -> bool {
        !self.has_rung && self.deadline_ns != NEVER && !self.is_closed
    }
}

/// A timer.
pub struct Timer {
    base: ObjectBase,
    place: AlarmPlace,
    setting: SpinLock<Setting>,
}

/// Bytes that a timer's place among the alarms takes.
const PLACE_BYTES: usize = 32;

impl Timer {
    /// One that is not set.
    pub fn new() -> Timer {
        Timer {
            base: ObjectBase::new(Signals::empty()),
            place: AlarmPlace::default(),
            setting: SpinLock::new(UNSET),
        }
    }
}

impl Default for Timer {
    fn default() -> Self {
        Timer::new()
    }
}

impl Ref<Timer> {
    /// Sets it to a point in time and, unless `period_ns` is 0, every `period_ns` after that.
    /// Returns the first point of before that nobody has read, [`NEVER`] for none.
    ///
    /// # Errors
    /// [`AllocError`], and nothing has changed.
    pub fn set(&self, deadline_ns: u64, period_ns: u64, now_ns: u64) -> Result<u64, AllocError> {
        let mut setting = self.setting.lock();
        reserve_alarm()?;
        let previous = setting.deadline_ns;
        let new = Setting {
            deadline_ns,
            period_ns,
            has_rung: deadline_ns <= now_ns,
            is_closed: setting.is_closed,
        };
        self.change(&mut setting, new)?;
        Ok(previous)
    }

    /// Takes the points that have come since the last time; 0 for none.
    ///
    /// # Errors
    /// [`AllocError`], and nothing was taken.
    pub fn read(&self, now_ns: u64) -> Result<u64, AllocError> {
        let mut setting = self.setting.lock();
        let (count, rest) = setting.passed(now_ns);
        if count > 0 {
            reserve_alarm()?;
            self.change(&mut setting, rest)?;
        }
        Ok(count)
    }

    /// Takes on a setting, for which there is room among the alarms.
    fn change(&self, setting: &mut Setting, new: Setting) -> Result<(), AllocError> {
        cancel_alarm(&**self);
        *setting = new;
        let raised = if new.has_rung {
            Signals::READABLE
        } else {
            Signals::empty()
        };
        self.base.signals().update(Signals::READABLE, raised);
        if new.waits() {
            let alarm = self.clone().widen(|timer| timer as *mut dyn Alarm);
            set_alarm(alarm, new.deadline_ns)?;
        }
        Ok(())
    }
}

impl Alarm for Timer {
    fn place(&self) -> &AlarmPlace {
        &self.place
    }

    fn ring(&self, now_ns: u64) {
        let mut setting = self.setting.lock();
        // It may have been set to a later time while it was being taken out.
        if setting.waits() && setting.deadline_ns <= now_ns {
            setting.has_rung = true;
            self.base
                .signals()
                .update(Signals::empty(), Signals::READABLE);
        }
    }
}

impl Stamped for Timer {
    const KIND: u64 = kind_stamp(ObjectKind::Timer);
}

impl KernelObject for Timer {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Timer
    }

    fn base(&self) -> &ObjectBase {
        &self.base
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Timer>().saturating_add(PLACE_BYTES)
    }

    /// The alarms hold a timer that is set.
    fn on_last_handle(&self) {
        self.setting.lock().is_closed = true;
        cancel_alarm(self);
    }
}

impl core::fmt::Debug for Timer {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str("Timer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(deadline_ns: u64, period_ns: u64) -> Setting {
        Setting {
            deadline_ns,
            period_ns,
            ..UNSET
        }
    }

    #[test]
    fn missed_points_are_counted_and_the_next_one_keeps_the_beat() {
        let every = setting(100, 10);
        assert_eq!(every.passed(99), (0, every));
        assert_eq!(every.passed(100), (1, setting(110, 10)));
        assert_eq!(every.passed(109), (1, setting(110, 10)));
        assert_eq!(every.passed(110), (2, setting(120, 10)));
        assert_eq!(every.passed(1095), (100, setting(1100, 10)));
        assert_eq!(setting(100, 0).passed(5000), (1, UNSET));
        assert_eq!(UNSET.passed(u64::MAX), (0, UNSET));
    }

    #[test]
    fn the_end_of_time_is_not_passed() {
        let last = u64::MAX - 1;
        assert_eq!(setting(last, 1).passed(last), (1, UNSET));
        assert_eq!(setting(last - 1, 1).passed(last - 1), (1, setting(last, 1)));
        assert_eq!(setting(last, 2).passed(last), (1, UNSET));
        assert_eq!(setting(last, u64::MAX).passed(last), (1, UNSET));
        assert_eq!(setting(0, 1).passed(last), (u64::MAX, UNSET));
        assert_eq!(setting(0, 1).passed(u64::MAX), (u64::MAX, UNSET));
        assert_eq!(
            setting(0, 1 << 63).passed(1 << 63),
            (2, UNSET),
            "2^64 is beyond the end"
        );
        let half = 1 << 63;
        assert_eq!(
            setting(0, half - 1).passed(half),
            (2, setting(last, half - 1))
        );
        assert_eq!(setting(1, half - 1).passed(half), (2, UNSET));
    }

    fn readable(timer: &Timer) -> bool {
        timer.base.signals().raised().contains(Signals::READABLE)
    }

    #[test]
    fn a_timer_rings_once_until_it_is_read() {
        let timer = Ref::new(Timer::new()).unwrap();
        assert_eq!(timer.set(1 << 50, 10, 0), Ok(NEVER));
        timer.ring((1 << 50) - 1);
        assert!(!readable(&timer));
        timer.ring(1 << 50);
        assert!(readable(&timer));
        assert_eq!(timer.read((1 << 50) + 25), Ok(3));
        assert!(!readable(&timer));
        assert_eq!(timer.read((1 << 50) + 25), Ok(0));
        // What rings late, after it was set anew, is not heard.
        assert_eq!(timer.set(1 << 51, 0, 0), Ok((1 << 50) + 30));
        timer.ring((1 << 50) + 30);
        assert!(!readable(&timer));
        assert_eq!(timer.set(NEVER, 0, 0), Ok(1 << 51));
        assert_eq!(timer.references(), 1);
    }

    #[test]
    fn a_time_that_has_come_rings_at_once_and_setting_forgets_it() {
        let timer = Ref::new(Timer::new()).unwrap();
        assert_eq!(timer.set(5, 0, 5), Ok(NEVER));
        assert!(readable(&timer));
        assert_eq!(timer.set(1 << 50, 0, 6), Ok(5));
        assert!(!readable(&timer));
        timer.on_last_handle();
        assert_eq!(timer.references(), 1);
        // A call that was under way leaves nothing behind.
        assert_eq!(timer.set(1 << 50, 0, 6), Ok(1 << 50));
        assert_eq!(timer.references(), 1);
    }
}
