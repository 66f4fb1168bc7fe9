//! Events and ports.

use alloc::sync::Arc;
use core::time::Duration;

use abi::signal::PortEvent;
use abi::{Error, Signals};
use viper::thread;
use viper::time::Instant;

use super::{Case, Verdict};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "events::raised_is_seen_and_cleared",
        run: raise_and_wait,
    },
    Case {
        name: "events::a_wait_ends_when_another_thread_raises",
        run: across_threads,
    },
    Case {
        name: "events::a_wait_times_out",
        run: time_out,
    },
    Case {
        name: "events::only_user_signals_can_be_raised",
        run: not_others,
    },
    Case {
        name: "ports::report_who_is_ready",
        run: port,
    },
    Case {
        name: "ports::wait_for_several_kinds",
        run: port_kinds,
    },
];

/// Two user signals.
const A: Signals = Signals::USER_0;
const B: Signals = Signals::from_bits_retain(1 << 25);

fn raise_and_wait() -> Verdict {
    let event = need!(rt::event::create());
    check_eq!(
        rt::event::wait(event.get(), A, abi::NOW),
        Err(Error::TimedOut)
    );
    need!(rt::event::signal(event.get(), Signals::empty(), A | B));
    check_eq!(
        rt::handle::wait(event.get(), A, abi::NOW).map(|all| all & (A | B)),
        Ok(A | B)
    );
    check_eq!(rt::event::wait(event.get(), A, abi::NOW), Ok(A));
    check_eq!(
        rt::event::wait(event.get(), A, abi::NOW),
        Err(Error::TimedOut)
    );
    check_eq!(rt::event::wait(event.get(), A | B, abi::NOW), Ok(B));
    need!(rt::event::signal(event.get(), Signals::empty(), A));
    need!(rt::event::signal(event.get(), A, Signals::empty()));
    check_eq!(
        rt::event::wait(event.get(), A, abi::NOW),
        Err(Error::TimedOut)
    );
    Ok(())
}

fn across_threads() -> Verdict {
    let event = Arc::new(need!(rt::event::create()));
    let reply = Arc::new(need!(rt::event::create()));
    let (their_event, their_reply) = (Arc::clone(&event), Arc::clone(&reply));
    let thread = need!(thread::spawn(move || {
        for _ in 0..100 {
            rt::event::wait(their_event.get(), A, abi::NEVER)?;
            rt::event::signal(their_reply.get(), Signals::empty(), B)?;
        }
        Ok::<(), Error>(())
    }));
    for _ in 0..100 {
        need!(rt::event::signal(event.get(), Signals::empty(), A));
        check_eq!(rt::event::wait(reply.get(), B, abi::NEVER), Ok(B));
    }
    check_eq!(need!(thread.join()), Ok(()));
    Ok(())
}

fn time_out() -> Verdict {
    let event = need!(rt::event::create());
    let deadline = Instant::now().since_boot_ns() + 5_000_000;
    check_eq!(
        rt::event::wait(event.get(), A, deadline),
        Err(Error::TimedOut)
    );
    check!(Instant::now().since_boot_ns() >= deadline);
    check_eq!(
        rt::handle::wait(event.get(), A, abi::NOW),
        Err(Error::TimedOut)
    );
    Ok(())
}

fn not_others() -> Verdict {
    let event = need!(rt::event::create());
    let other = rt::event::signal(event.get(), Signals::empty(), Signals::READABLE);
    check_eq!(other, Err(Error::InvalidArgument));
    need!(rt::event::signal(
        event.get(),
        Signals::empty(),
        Signals::USER_ALL
    ));
    check_eq!(
        rt::event::wait(event.get(), Signals::USER_ALL, abi::NOW),
        Ok(Signals::USER_ALL)
    );
    Ok(())
}

fn port() -> Verdict {
    let port = need!(rt::port::create());
    let (one, two) = (need!(rt::event::create()), need!(rt::event::create()));
    need!(rt::port::add(port.get(), one.get(), A, 11));
    need!(rt::port::add(port.get(), two.get(), A | B, 22));
    let mut events = [PortEvent::default(); 4];
    check_eq!(
        rt::port::wait(port.get(), &mut events, abi::NOW),
        Err(Error::TimedOut)
    );
    need!(rt::event::signal(two.get(), Signals::empty(), B));
    for _ in 0..2 {
        // Level: it is reported as long as it is raised.
        check_eq!(rt::port::wait(port.get(), &mut events, abi::NEVER), Ok(1));
        check_eq!(
            events.first().map(|event| (event.key, event.signals)),
            Some((22, B.bits()))
        );
    }
    need!(rt::event::signal(one.get(), Signals::empty(), A));
    check_eq!(rt::port::wait(port.get(), &mut events, abi::NEVER), Ok(2));
    need!(rt::port::remove(port.get(), 22));
    check_eq!(rt::port::remove(port.get(), 22), Err(Error::NotFound));
    check_eq!(rt::port::wait(port.get(), &mut events, abi::NEVER), Ok(1));
    check_eq!(events.first().map(|event| event.key), Some(11));
    Ok(())
}

fn port_kinds() -> Verdict {
    let port = need!(rt::port::create());
    let (near, far) = need!(rt::channel::create());
    let child = need!(
        viper::process::Command::new("SYS:Tests/Child")
            .arg("3")
            .spawn()
    );
    need!(rt::port::add(port.get(), far.get(), Signals::READABLE, 1));
    need!(rt::port::add(
        port.get(),
        child.handle().get(),
        Signals::TERMINATED,
        2
    ));
    let mut events = [PortEvent::default(); 4];
    let start = Instant::now();
    let mut has_ended = false;
    while !has_ended && start.elapsed() < Duration::from_secs(20) {
        let count = need!(rt::port::wait(port.get(), &mut events, abi::NEVER));
        has_ended = events.iter().take(count).any(|event| event.key == 2);
    }
    check!(has_ended);
    check_eq!(need!(child.wait()).rc().code(), 3);
    need!(rt::port::remove(port.get(), 2));
    check_eq!(
        rt::port::wait(port.get(), &mut events, abi::NOW),
        Err(Error::TimedOut)
    );
    need!(rt::channel::write(near.get(), b"x", &[]));
    check_eq!(rt::port::wait(port.get(), &mut events, abi::NEVER), Ok(1));
    check_eq!(events.first().map(|event| event.key), Some(1));
    Ok(())
}
