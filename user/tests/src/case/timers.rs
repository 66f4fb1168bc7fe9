//! Timers.

use alloc::vec::Vec;
use core::time::Duration;

use abi::signal::PortEvent;
use abi::{Error, Handle, NEVER, NOW, Rights, Signals};
use viper::time::{Instant, Timer, delay};

use super::rights::needs;
use super::{Case, Verdict};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "timers::rights",
        run: rights,
    },
    Case {
        name: "timers::one_shot_rings_once_and_not_early",
        run: one_shot,
    },
    Case {
        name: "timers::a_time_that_has_come_rings_at_once",
        run: past,
    },
    Case {
        name: "timers::missed_periods_are_counted",
        run: periods,
    },
    Case {
        name: "timers::cancelled_timers_stay_silent",
        run: cancel,
    },
    Case {
        name: "timers::the_ends_of_time",
        run: edges,
    },
    Case {
        name: "timers::ports_hear_many",
        run: ports,
    },
    Case {
        name: "timers::a_period_of_one_nanosecond_starves_nobody",
        run: shortest,
    },
    Case {
        name: "timers::closing_a_timer_that_is_set",
        run: close,
    },
    Case {
        name: "timers::short_delays_last",
        run: delays,
    },
];

/// One millisecond, in ns.
const MS: u64 = 1_000_000;

fn now() -> u64 {
    Instant::now().since_boot_ns()
}

/// Waits for a timer, but not for ever.
fn wait(timer: Handle) -> rt::Result<Signals> {
    rt::handle::wait(timer, Signals::READABLE, now() + 20_000 * MS)
}

fn rights() -> Verdict {
    let timer = need!(rt::timer::create());
    needs(timer.get(), Rights::WRITE, |timer| {
        rt::timer::set(timer, 1, 0)
    })?;
    needs(timer.get(), Rights::READ, rt::timer::read)?;
    need!(rt::timer::set(timer.get(), 1, 0));
    needs(timer.get(), Rights::WAIT, |timer| {
        rt::handle::wait(timer, Signals::READABLE, NOW)
    })?;
    let event = need!(rt::event::create());
    check_eq!(rt::timer::set(event.get(), 1, 0), Err(Error::WrongType));
    check_eq!(rt::timer::read(event.get()), Err(Error::WrongType));
    check_eq!(rt::timer::read(Handle(77)), Err(Error::BadHandle));
    Ok(())
}

fn one_shot() -> Verdict {
    let timer = need!(rt::timer::create());
    check_eq!(rt::timer::read(timer.get()), Err(Error::WouldBlock));
    for ms in [1, 3, 10] {
        let deadline = now() + ms * MS;
        check_eq!(rt::timer::set(timer.get(), deadline, 0), Ok(NEVER));
        need!(wait(timer.get()));
        check!(now() >= deadline);
        // It stays so until it is read.
        need!(wait(timer.get()));
        check_eq!(rt::timer::read(timer.get()), Ok(1));
        check_eq!(rt::timer::read(timer.get()), Err(Error::WouldBlock));
        let soon = rt::handle::wait(timer.get(), Signals::READABLE, now() + 2 * MS);
        check_eq!(soon, Err(Error::TimedOut));
    }
    Ok(())
}

fn past() -> Verdict {
    let timer = need!(rt::timer::create());
    for deadline in [0, 1, now()] {
        need!(rt::timer::set(timer.get(), deadline, 0));
        need!(rt::handle::wait(timer.get(), Signals::READABLE, NOW));
        check_eq!(rt::timer::read(timer.get()), Ok(1));
    }
    Ok(())
}

fn periods() -> Verdict {
    let timer = need!(rt::timer::create());
    let (start, period) = (now(), 2 * MS);
    need!(rt::timer::set(timer.get(), start + period, period));
    let mut total = 0;
    for rest in [0, 7, 0, 3, 0] {
        viper::thread::sleep(Duration::from_millis(rest));
        need!(wait(timer.get()));
        let before = now();
        let count = need!(rt::timer::read(timer.get()));
        let after = now();
        total += count;
        // Every point that had come was counted, and none that had not.
        check!(total >= (before - start) / period);
        check!(total <= (after - start) / period);
        check!(rest == 0 || count >= rest / 2);
    }
    Ok(())
}

fn cancel() -> Verdict {
    let timer = need!(Timer::new());
    check_eq!(timer.cancel(), Ok(false));
    need!(timer.set(Duration::from_millis(5)));
    check_eq!(timer.cancel(), Ok(true));
    check_eq!(timer.cancel(), Ok(false));
    let handle = timer.handle().get();
    let heard = rt::handle::wait(handle, Signals::READABLE, now() + 10 * MS);
    check_eq!(heard, Err(Error::TimedOut));
    // What has come and was not read is forgotten too.
    need!(timer.set_every(Duration::from_millis(1)));
    need!(wait(handle));
    check_eq!(timer.cancel(), Ok(true));
    check_eq!(rt::timer::read(handle), Err(Error::WouldBlock));
    let heard = rt::handle::wait(handle, Signals::READABLE, now() + 5 * MS);
    check_eq!(heard, Err(Error::TimedOut));
    // Set to another time, it rings then and not before.
    need!(timer.set(Duration::from_millis(1)));
    let deadline = now() + 20 * MS;
    need!(rt::timer::set(handle, deadline, 0));
    need!(wait(handle));
    check!(now() >= deadline);
    Ok(())
}

fn edges() -> Verdict {
    let timer = need!(rt::timer::create());
    let handle = timer.get();
    check_eq!(
        rt::timer::set(handle, NEVER, 1),
        Err(Error::InvalidArgument)
    );
    check_eq!(rt::timer::set(handle, NEVER - 1, 0), Ok(NEVER));
    for (deadline, period) in [(NEVER - 1, 1), (NEVER - 1, NEVER), (1 << 63, 1 << 63)] {
        need!(rt::timer::set(handle, deadline, period));
        let heard = rt::handle::wait(handle, Signals::READABLE, now() + MS);
        check_eq!(heard, Err(Error::TimedOut));
    }
    check_eq!(rt::timer::set(handle, 0, NEVER), Ok(1 << 63));
    check_eq!(rt::timer::read(handle), Ok(1));
    // The next point is beyond the end of time.
    check_eq!(rt::timer::set(handle, 5, NEVER - 1), Ok(NEVER));
    check_eq!(rt::timer::read(handle), Ok(1));
    check_eq!(rt::timer::set(handle, NEVER, 0), Ok(NEVER));
    // A sleep to the last moment is one; it ends with somebody else's help only.
    let asleep = rt::handle::wait(handle, Signals::READABLE, now() + 2 * MS);
    check_eq!(asleep, Err(Error::TimedOut));
    Ok(())
}

fn ports() -> Verdict {
    const TIMERS: u64 = 200;
    let port = need!(rt::port::create());
    let start = now() + 5 * MS;
    let mut timers = Vec::new();
    for key in 0..TIMERS {
        let timer = need!(rt::timer::create());
        // The last one added is due first.
        let deadline = start + (TIMERS - key) * (MS / 20);
        need!(rt::timer::set(timer.get(), deadline, 0));
        need!(rt::port::add(
            port.get(),
            timer.get(),
            Signals::READABLE,
            key
        ));
        timers.push((timer, deadline));
    }
    let mut events = [PortEvent::default(); 16];
    let mut heard = 0;
    while heard < TIMERS {
        let count = need!(rt::port::wait(port.get(), &mut events, now() + 20_000 * MS));
        for event in events.iter().take(count) {
            let index = usize::try_from(event.key).unwrap_or(usize::MAX);
            let Some((timer, deadline)) = timers.get(index) else {
                return Err("an event of no member".into());
            };
            check!(now() >= *deadline);
            check_eq!(rt::timer::read(timer.get()), Ok(1));
            heard += 1;
        }
    }
    check_eq!(
        rt::port::wait(port.get(), &mut events, NOW),
        Err(Error::TimedOut)
    );
    Ok(())
}

fn shortest() -> Verdict {
    let timers: Vec<_> = (0..50).map_while(|_| rt::timer::create().ok()).collect();
    check_eq!(timers.len(), 50);
    for timer in &timers {
        need!(rt::timer::set(timer.get(), 1, 1));
    }
    // This thread still gets its turns, and the time that passes is counted.
    let start = now();
    let mut turns = 0u64;
    while now() < start + 20 * MS {
        turns += 1;
        // Each read sets the first one to the next moment.
        if let Some(timer) = timers.first() {
            check!(rt::timer::read(timer.get()) != Ok(0));
        }
    }
    check!(turns > 100);
    for timer in timers.iter().skip(1) {
        let before = now();
        check!(need!(rt::timer::read(timer.get())) >= before - 1);
    }
    Ok(())
}

fn close() -> Verdict {
    for _ in 0..1000 {
        let timer = need!(rt::timer::create());
        need!(rt::timer::set(timer.get(), NEVER - 1, 0));
        let other = need!(rt::timer::create());
        need!(rt::timer::set(other.get(), now() + MS / 10, MS / 10));
    }
    Ok(())
}

fn delays() -> Verdict {
    for us in [0, 1, 10, 100, 1000] {
        let start = Instant::now();
        delay(Duration::from_micros(us));
        check!(start.elapsed() >= Duration::from_micros(us));
    }
    Ok(())
}
