//! Ports: by level and by edge, with changes while somebody waits.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use abi::signal::{PortEvent, PortMode};
use abi::{Error, Handle, NEVER, NOW, Signals};
use rt::OwnedHandle;
use viper::thread;
use viper::time::Instant;

use super::{Case, Verdict};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "ports::by_edge_each_raising_is_reported_once",
        run: edges,
    },
    Case {
        name: "ports::by_edge_each_message_and_byte_counts",
        run: streams,
    },
    Case {
        name: "ports::by_edge_one_of_many_threads_hears",
        run: threads,
    },
    Case {
        name: "ports::members_change_while_somebody_waits",
        run: changes,
    },
    Case {
        name: "ports::unknown_modes_are_refused",
        run: modes,
    },
    Case {
        name: "ports::ten_thousand_members_and_no_more",
        run: many,
    },
];

const A: Signals = Signals::USER_0;
const B: Signals = Signals::from_bits_retain(1 << 25);
const NONE: Signals = Signals::empty();

fn raise(event: Handle, signals: Signals) -> rt::Result<()> {
    rt::event::signal(event, NONE, signals)
}

/// Keys and signals of what is ready now.
fn ready(port: Handle) -> rt::Result<Vec<(u64, Signals)>> {
    let mut events = [PortEvent::default(); 8];
    let count = match rt::port::wait(port, &mut events, NOW) {
        Err(Error::TimedOut) => 0,
        other => other?,
    };
    let pair = |event: &PortEvent| (event.key, Signals::from_bits_retain(event.signals));
    Ok(events.iter().take(count).map(pair).collect())
}

fn add_edge(
    port: &OwnedHandle,
    object: &OwnedHandle,
    signals: Signals,
    key: u64,
) -> rt::Result<()> {
    rt::port::add_with(port.get(), object.get(), signals, key, PortMode::EDGE)
}

fn edges() -> Verdict {
    let port = need!(rt::port::create());
    let event = need!(rt::event::create());
    need!(add_edge(&port, &event, A | B, 7));
    check_eq!(ready(port.get()), Ok(Vec::new()));
    need!(raise(event.get(), A));
    check_eq!(ready(port.get()), Ok(alloc::vec![(7, A)]));
    // The control: by level it would be told again.
    check_eq!(ready(port.get()), Ok(Vec::new()));
    need!(raise(event.get(), B));
    check_eq!(ready(port.get()), Ok(alloc::vec![(7, B)]));
    need!(raise(event.get(), A));
    need!(raise(event.get(), B));
    check_eq!(ready(port.get()), Ok(alloc::vec![(7, A | B)]));
    // Clearing is nothing to tell of; what was raised before it is.
    need!(rt::event::signal(event.get(), A | B, NONE));
    check_eq!(ready(port.get()), Ok(Vec::new()));
    need!(raise(event.get(), A));
    need!(rt::event::signal(event.get(), A, NONE));
    check_eq!(ready(port.get()), Ok(alloc::vec![(7, A)]));
    // Changed to level, and back: what is raised at that moment counts.
    need!(raise(event.get(), B));
    need!(rt::port::add(port.get(), event.get(), A | B, 7));
    for _ in 0..2 {
        check_eq!(ready(port.get()), Ok(alloc::vec![(7, B)]));
    }
    need!(add_edge(&port, &event, A | B, 7));
    check_eq!(ready(port.get()), Ok(alloc::vec![(7, B)]));
    check_eq!(ready(port.get()), Ok(Vec::new()));
    Ok(())
}

fn streams() -> Verdict {
    let port = need!(rt::port::create());
    let (near, far) = need!(rt::channel::create());
    let (reader, writer) = need!(rt::pipe::create(0));
    need!(add_edge(&port, &far, Signals::READABLE, 1));
    need!(add_edge(&port, &reader, Signals::READABLE, 2));
    for _ in 0..3 {
        need!(rt::channel::write(near.get(), b"x", &[]));
        check_eq!(ready(port.get()), Ok(alloc::vec![(1, Signals::READABLE)]));
        need!(rt::stream::write(writer.get(), b"x"));
        check_eq!(ready(port.get()), Ok(alloc::vec![(2, Signals::READABLE)]));
        check_eq!(ready(port.get()), Ok(Vec::new()));
    }
    // Reading raises nothing.
    need!(rt::stream::read(reader.get(), &mut [0; 1]));
    check_eq!(ready(port.get()), Ok(Vec::new()));
    Ok(())
}

fn threads() -> Verdict {
    const RAISES: u64 = 200;
    let port = Arc::new(need!(rt::port::create()));
    let event = need!(rt::event::create());
    let seen = need!(rt::event::create());
    need!(add_edge(&port, &event, A, 3));
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let (port, seen) = (Arc::clone(&port), need!(seen.try_clone()));
        waiting.push(need!(thread::spawn(move || {
            let mut heard = 0u64;
            let mut events = [PortEvent::default(); 4];
            loop {
                let count = rt::port::wait(port.get(), &mut events, NEVER)?;
                if events.iter().take(count).any(|event| event.key == 4) {
                    return Ok::<u64, Error>(heard);
                }
                heard += count as u64;
                raise(seen.get(), A)?;
            }
        })));
    }
    for _ in 0..RAISES {
        need!(raise(event.get(), A));
        check_eq!(rt::event::wait(seen.get(), A, NEVER), Ok(A));
    }
    let stop = need!(rt::event::create());
    need!(rt::port::add(port.get(), stop.get(), A, 4));
    need!(raise(stop.get(), A));
    let mut heard = 0;
    for thread in waiting {
        heard += need!(need!(thread.join()));
    }
    check_eq!(heard, RAISES);
    Ok(())
}

/// Waits at a port in another thread; the key that it heard.
fn waiter(port: &Arc<OwnedHandle>) -> viper::io::Result<thread::JoinHandle<rt::Result<u64>>> {
    let port = Arc::clone(port);
    let waiting = thread::spawn(move || {
        let mut events = [PortEvent::default(); 1];
        let deadline = Instant::now().since_boot_ns() + 20_000_000_000;
        rt::port::wait(port.get(), &mut events, deadline)?;
        Ok(events.first().map_or(0, |event| event.key))
    });
    // Long enough that it waits, in all likelihood; it must work out in any case.
    thread::sleep(Duration::from_millis(3));
    waiting
}

fn changes() -> Verdict {
    for mode in [PortMode::empty(), PortMode::EDGE] {
        let port = Arc::new(need!(rt::port::create()));
        let add = |object: &OwnedHandle, signals, key| {
            rt::port::add_with(port.get(), object.get(), signals, key, mode)
        };
        let (one, two) = (need!(rt::event::create()), need!(rt::event::create()));
        // Added while somebody waits, ready later, and ready already.
        let waiting = need!(waiter(&port));
        need!(add(&one, A, 1));
        need!(raise(one.get(), A));
        check_eq!(need!(waiting.join()), Ok(1));
        need!(rt::event::signal(one.get(), A, NONE));
        let waiting = need!(waiter(&port));
        need!(raise(two.get(), B));
        need!(add(&two, B, 2));
        check_eq!(need!(waiting.join()), Ok(2));
        need!(rt::port::remove(port.get(), 2));
        // Changed: what it no longer watches wakes nobody, what it watches now does.
        let waiting = need!(waiter(&port));
        need!(add(&one, B, 1));
        need!(raise(one.get(), A));
        need!(raise(one.get(), B));
        check_eq!(need!(waiting.join()), Ok(1));
        need!(rt::event::signal(one.get(), A | B, NONE));
        // Removed: silent. Another one is heard.
        need!(add(&two, A, 2));
        let waiting = need!(waiter(&port));
        need!(rt::port::remove(port.get(), 1));
        need!(raise(one.get(), B));
        need!(raise(two.get(), A));
        check_eq!(need!(waiting.join()), Ok(2));
    }
    Ok(())
}

fn modes() -> Verdict {
    let port = need!(rt::port::create());
    let event = need!(rt::event::create());
    for bits in [2, 3, 1 << 31] {
        let mode = PortMode::from_bits_retain(bits);
        let refused = rt::port::add_with(port.get(), event.get(), A, 1, mode);
        check_eq!(refused, Err(Error::InvalidArgument));
    }
    check_eq!(rt::port::remove(port.get(), 1), Err(Error::NotFound));
    need!(add_edge(&port, &event, A, 1));
    check_eq!(rt::port::remove(port.get(), 1), Ok(()));
    Ok(())
}

fn many() -> Verdict {
    const MEMBERS: u64 = 10_000;
    let port = need!(rt::port::create());
    let mut events = Vec::new();
    for key in 0..MEMBERS {
        let event = need!(rt::event::create());
        let mode = match key % 2 {
            0 => PortMode::empty(),
            _ => PortMode::EDGE,
        };
        need!(rt::port::add_with(port.get(), event.get(), A, key, mode));
        events.push(event);
    }
    let one_more = need!(rt::event::create());
    let refused = rt::port::add(port.get(), one_more.get(), A, MEMBERS);
    check_eq!(refused, Err(Error::LimitReached));
    check_eq!(ready(port.get()), Ok(Vec::new()));
    // Every hundredth, from behind.
    let chosen: Vec<u64> = (0..MEMBERS).rev().step_by(99).collect();
    for key in &chosen {
        let event = usize::try_from(*key).ok().and_then(|key| events.get(key));
        need!(raise(event.map_or(Handle::NONE, OwnedHandle::get), A));
    }
    let mut heard = Vec::new();
    while heard.len() < chosen.len() {
        for (key, _) in need!(ready(port.get())) {
            check!(!heard.contains(&key));
            need!(rt::port::remove(port.get(), key));
            heard.push(key);
        }
    }
    // In the order they became ready.
    check_eq!(heard, chosen);
    check_eq!(ready(port.get()), Ok(Vec::new()));
    // There is room again.
    need!(rt::port::add(port.get(), one_more.get(), A, MEMBERS));
    Ok(())
}
