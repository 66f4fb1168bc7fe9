//! Calls in registers between threads of this program.

use alloc::boxed::Box;

use abi::{Error, Handle, NEVER, NOW, Rights, Signals};
use rt::call::{Message, Received, call, reply_wait};
use rt::{OwnedHandle, port, thread};

use super::{Case, Verdict};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "calls::words_go_there_and_back",
        run: there_and_back,
    },
    Case {
        name: "calls::wait_until_somebody_serves",
        run: before_serving,
    },
    Case {
        name: "calls::a_handle_goes_along",
        run: with_handle,
    },
    Case {
        name: "calls::a_handle_waits_for_the_server_too",
        run: handle_before_serving,
    },
    Case {
        name: "calls::a_token_is_used_once",
        run: token_once,
    },
    Case {
        name: "calls::answers_can_be_given_in_any_order",
        run: any_order,
    },
    Case {
        name: "calls::a_deadline_ends_a_call",
        run: deadline,
    },
    Case {
        name: "calls::a_closed_server_is_noticed",
        run: closed,
    },
    Case {
        name: "calls::events_come_between_calls",
        run: events,
    },
    Case {
        name: "calls::rights_are_needed",
        run: rights,
    },
    Case {
        name: "calls::many_clients_and_servers",
        run: many,
    },
];

const KEY: u64 = 7;

/// A client's end, and a port with the server's.
fn pair() -> rt::Result<(OwnedHandle, OwnedHandle, OwnedHandle)> {
    let (near, far) = rt::channel::create()?;
    let port = port::create()?;
    port::add(port.get(), far.get(), Signals::PEER_CLOSED, KEY)?;
    Ok((near, far, port))
}

/// Lets others run for a while.
fn pause() -> rt::Result<()> {
    thread::sleep_until(rt::time::now()? + 2_000_000)
}

/// A thread that does `work` with the client's end.
fn client(
    near: &OwnedHandle,
    work: impl FnOnce(Handle) + Send + 'static,
) -> rt::Result<thread::JoinHandle> {
    let near = near.get();
    thread::spawn(thread::STACK_BYTES, Box::new(move || work(near)))
}

/// A thread that answers each call with its words plus one, until the client is gone.
fn serve(port: Handle) -> rt::Result<thread::JoinHandle> {
    thread::spawn(
        thread::STACK_BYTES,
        Box::new(move || {
            let mut answer = None;
            while let Ok(Received::Call { token, message, .. }) =
                reply_wait(port, answer.take(), NEVER)
            {
                let words = message.words.map(|word| word.wrapping_add(1));
                let message = Message { words, ..message };
                answer = Some((token, message));
            }
        }),
    )
}

fn there_and_back() -> Verdict {
    let (near, _far, port) = need!(pair());
    let server = need!(serve(port.get()));
    for round in 0..1000u64 {
        let words = [round, 1, u64::MAX, 3, 4, round << 32];
        let answer = need!(call(near.get(), Message::words(words), NEVER));
        check_eq!(answer.words, words.map(|word| word.wrapping_add(1)));
        check!(answer.handle.is_none());
    }
    drop(near);
    need!(server.join());
    Ok(())
}

fn before_serving() -> Verdict {
    let (near, far) = need!(rt::channel::create());
    let client = need!(client(&near, |near| {
        let _ = call(near, Message::words([41; 6]), NEVER);
    }));
    // The client most likely waits by now, but need not.
    need!(pause());
    let port = need!(port::create());
    need!(port::add(port.get(), far.get(), Signals::PEER_CLOSED, KEY));
    match need!(reply_wait(port.get(), None, NEVER)) {
        Received::Call {
            key,
            token,
            message,
        } => {
            check_eq!((key, message.words), (KEY, [41; 6]));
            let answer = Some((token, Message::default()));
            check_eq!(
                reply_wait(port.get(), answer, NOW).map(|_| ()),
                Err(Error::TimedOut)
            );
        }
        Received::Event { .. } => return Err("an event instead of the call".into()),
    }
    need!(client.join());
    Ok(())
}

fn with_handle() -> Verdict {
    let (near, _far, port) = need!(pair());
    let server = need!(serve(port.get()));
    let event = need!(rt::event::create());
    let sent = event.get();
    let message = Message {
        words: [0; 6],
        handle: Some(event),
    };
    let answer = need!(call(near.get(), message, NEVER));
    let Some(back) = answer.handle else {
        return Err("the handle did not come back".into());
    };
    check!(back.get() != sent);
    check_eq!(rt::handle::info(sent).map(|_| ()), Err(Error::BadHandle));
    need!(rt::event::signal(
        back.get(),
        Signals::empty(),
        Signals::USER_0
    ));
    drop(near);
    need!(server.join());
    Ok(())
}

fn handle_before_serving() -> Verdict {
    let (near, far) = need!(rt::channel::create());
    let client = need!(client(&near, |near| {
        let message = Message {
            words: [5; 6],
            handle: rt::event::create().ok(),
        };
        let answer = call(near, message, NEVER);
        if !answer.is_ok_and(|answer| answer.handle.is_some()) {
            rt::process::exit(99);
        }
    }));
    need!(pause());
    let port = need!(port::create());
    need!(port::add(port.get(), far.get(), Signals::PEER_CLOSED, KEY));
    let Received::Call { token, message, .. } = need!(reply_wait(port.get(), None, NEVER)) else {
        return Err("no call".into());
    };
    check!(message.handle.is_some());
    check_eq!(
        reply_wait(port.get(), Some((token, message)), NOW).map(|_| ()),
        Err(Error::TimedOut)
    );
    need!(client.join());
    Ok(())
}

fn token_once() -> Verdict {
    let (near, _far, port) = need!(pair());
    let client = need!(client(&near, |near| {
        let _ = call(near, Message::default(), NEVER);
    }));
    let Received::Call { token, .. } = need!(reply_wait(port.get(), None, NEVER)) else {
        return Err("no call".into());
    };
    for wrong in [token.wrapping_add(1), u64::MAX] {
        let answer = Some((wrong, Message::default()));
        check_eq!(
            reply_wait(port.get(), answer, NOW).map(|_| ()),
            Err(Error::NotFound)
        );
    }
    for expected in [Error::TimedOut, Error::NotFound] {
        let answer = Some((token, Message::default()));
        check_eq!(
            reply_wait(port.get(), answer, NOW).map(|_| ()),
            Err(expected)
        );
    }
    need!(client.join());
    Ok(())
}

fn any_order() -> Verdict {
    const CLIENTS: u64 = 5;
    let (near, _far, port) = need!(pair());
    let mut clients = alloc::vec::Vec::new();
    for number in 0..CLIENTS {
        clients.push(need!(client(&near, move |near| {
            let answer = call(near, Message::words([number; 6]), NEVER);
            // A wrong answer is one call less for the check below.
            if answer.is_ok_and(|answer| answer.words == [number + 100; 6]) {
                let _ = call(near, Message::words([u64::MAX; 6]), NOW + 1);
            }
        })));
    }
    let mut open = alloc::vec::Vec::new();
    while open.len() < 5 {
        match need!(reply_wait(port.get(), None, NEVER)) {
            Received::Call { token, message, .. } => open.push((token, message)),
            Received::Event { .. } => return Err("an event".into()),
        }
    }
    // The third first, then the others from both ends.
    for place in [2, 0, 2, 0, 0] {
        let (token, message) = open.remove(place);
        let [number, ..] = message.words;
        let answer = Message::words([number + 100; 6]);
        check_eq!(
            reply_wait(port.get(), Some((token, answer)), NOW).map(|_| ()),
            Err(Error::TimedOut)
        );
    }
    for client in clients {
        need!(client.join());
    }
    Ok(())
}

fn deadline() -> Verdict {
    let (near, far, port) = need!(pair());
    let soon = || rt::time::now().map_or(0, |now| now + 3_000_000);
    check_eq!(
        call(near.get(), Message::default(), soon()).map(|_| ()),
        Err(Error::TimedOut)
    );
    check_eq!(
        call(near.get(), Message::default(), NOW).map(|_| ()),
        Err(Error::TimedOut)
    );
    // Received or not, the call is over: nothing is left to receive.
    check_eq!(
        reply_wait(port.get(), None, NOW).map(|_| ()),
        Err(Error::TimedOut)
    );
    // The same where the other end is in no port.
    need!(port::remove(port.get(), KEY));
    check_eq!(
        call(near.get(), Message::default(), soon()).map(|_| ()),
        Err(Error::TimedOut)
    );
    drop(far);
    check_eq!(
        call(near.get(), Message::default(), NEVER).map(|_| ()),
        Err(Error::PeerClosed)
    );
    Ok(())
}

fn closed() -> Verdict {
    // The channel's end, then the port with a call received, then with none received.
    for receive in [None, Some(true), Some(false)] {
        let (near, far, port) = need!(pair());
        let client = need!(client(&near, |near| {
            let answer = call(near, Message::default(), NEVER);
            if answer.map(|_| ()) != Err(Error::PeerClosed) {
                rt::process::exit(99);
            }
        }));
        need!(pause());
        match receive {
            None => drop(far),
            Some(true) => {
                need!(reply_wait(port.get(), None, NEVER));
                drop(port);
            }
            Some(false) => drop(port),
        }
        need!(client.join());
    }
    Ok(())
}

fn events() -> Verdict {
    const EVENT: u64 = 9;
    let (near, _far, port) = need!(pair());
    let event = need!(rt::event::create());
    need!(port::add(port.get(), event.get(), Signals::USER_0, EVENT));
    let signaller = {
        let event = event.get();
        need!(thread::spawn(
            thread::STACK_BYTES,
            Box::new(move || {
                let _ = pause();
                let _ = rt::event::signal(event, Signals::empty(), Signals::USER_0);
            })
        ))
    };
    let found = need!(reply_wait(port.get(), None, NEVER));
    check!(matches!(
        found,
        Received::Event {
            key: EVENT,
            signals: Signals::USER_0
        }
    ));
    need!(rt::event::signal(
        event.get(),
        Signals::USER_0,
        Signals::empty()
    ));
    check_eq!(
        reply_wait(port.get(), None, NOW).map(|_| ()),
        Err(Error::TimedOut)
    );
    drop(near);
    let found = need!(reply_wait(port.get(), None, NEVER));
    check!(matches!(found, Received::Event { key: KEY, .. }));
    need!(signaller.join());
    Ok(())
}

fn rights() -> Verdict {
    let (near, _far, port) = need!(pair());
    let server = need!(serve(port.get()));
    for missing in [Rights::READ, Rights::WRITE] {
        let all = need!(rt::handle::info(near.get())).rights();
        let less = need!(rt::handle::duplicate(near.get(), all.difference(missing)));
        check_eq!(
            call(less.get(), Message::default(), NEVER).map(|_| ()),
            Err(Error::AccessDenied)
        );
    }
    let all = need!(rt::handle::info(port.get())).rights();
    let less = need!(rt::handle::duplicate(
        port.get(),
        all.difference(Rights::READ)
    ));
    check_eq!(
        reply_wait(less.get(), None, NOW).map(|_| ()),
        Err(Error::AccessDenied)
    );
    // A handle without TRANSFER stays, and nothing is sent.
    let event = need!(rt::event::create());
    let kept = need!(rt::handle::duplicate(event.get(), Rights::SIGNAL));
    let value = kept.get();
    let message = Message {
        words: [0; 6],
        handle: Some(kept),
    };
    check_eq!(
        call(near.get(), message, NEVER).map(|_| ()),
        Err(Error::AccessDenied)
    );
    check!(value.is_some());
    // The control: with all rights the same calls work.
    need!(call(near.get(), Message::default(), NEVER));
    check_eq!(
        call(port.get(), Message::default(), NEVER).map(|_| ()),
        Err(Error::WrongType)
    );
    drop(near);
    need!(server.join());
    Ok(())
}

fn many() -> Verdict {
    const CLIENTS: u64 = 6;
    const ROUNDS: u64 = 300;
    let (near, _far, port) = need!(pair());
    let servers = [
        need!(serve(port.get())),
        need!(serve(port.get())),
        need!(serve(port.get())),
    ];
    let failed = alloc::sync::Arc::new(core::sync::atomic::AtomicU64::new(0));
    let mut clients = alloc::vec::Vec::new();
    for number in 0..CLIENTS {
        let failed = alloc::sync::Arc::clone(&failed);
        clients.push(need!(client(&near, move |near| {
            for round in 0..ROUNDS {
                let words = [number, round, 0, 1, 2, 3];
                let answer = call(near, Message::words(words), NEVER);
                if !answer.is_ok_and(|answer| answer.words == words.map(|word| word + 1)) {
                    failed.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
                }
            }
        })));
    }
    for client in clients {
        need!(client.join());
    }
    check_eq!(failed.load(core::sync::atomic::Ordering::Relaxed), 0);
    drop(near);
    for server in servers {
        need!(server.join());
    }
    Ok(())
}
