//! Channels.

use alloc::vec;

use abi::{Error, Handle, Signals};
use rt::OwnedHandle;

use super::{Case, Verdict};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "channels::messages_arrive_in_order",
        run: in_order,
    },
    Case {
        name: "channels::handles_move",
        run: handles_move,
    },
    Case {
        name: "channels::a_small_buffer_loses_nothing",
        run: small_buffer,
    },
    Case {
        name: "channels::a_closed_end_is_noticed",
        run: closed_end,
    },
    Case {
        name: "channels::large_messages_have_a_limit",
        run: large,
    },
    Case {
        name: "channels::a_full_queue_refuses",
        run: full,
    },
    Case {
        name: "channels::a_lost_message_closes_its_handles",
        run: lost_message,
    },
];

fn in_order() -> Verdict {
    let (near, far) = need!(rt::channel::create());
    let mut buffer = [0; 64];
    check_eq!(
        rt::channel::read(far.get(), &mut buffer, &mut []),
        Err(Error::WouldBlock)
    );
    for number in 0..10u8 {
        need!(rt::channel::write(near.get(), &[number; 3], &[]));
    }
    need!(rt::channel::write(near.get(), b"", &[]));
    for number in 0..10u8 {
        check_eq!(
            rt::channel::read(far.get(), &mut buffer, &mut []),
            Ok((3, 0))
        );
        check_eq!(buffer.get(..3), Some(&[number; 3][..]));
    }
    check_eq!(
        rt::channel::read(far.get(), &mut buffer, &mut []),
        Ok((0, 0))
    );
    need!(rt::channel::write(far.get(), b"back", &[]));
    check_eq!(
        rt::channel::read(near.get(), &mut buffer, &mut []),
        Ok((4, 0))
    );
    Ok(())
}

fn handles_move() -> Verdict {
    let (near, far) = need!(rt::channel::create());
    let event = need!(rt::event::create());
    let number = need!(rt::handle::info(event.get())).object;
    let sent = event.into_raw();
    need!(rt::channel::write(near.get(), b"", &[sent]));
    check_eq!(rt::handle::info(sent).err(), Some(Error::BadHandle));
    let mut handles = [Handle::NONE];
    check_eq!(
        rt::channel::read(far.get(), &mut [], &mut handles),
        Ok((0, 1))
    );
    let [received] = handles.map(OwnedHandle::new);
    check_eq!(need!(rt::handle::info(received.get())).object, number);
    // A failed send keeps them: the second handle is none.
    let failed = rt::channel::write(near.get(), b"", &[received.get(), Handle::NONE]);
    check_eq!(failed, Err(Error::BadHandle));
    check!(rt::handle::info(received.get()).is_ok());
    Ok(())
}

fn small_buffer() -> Verdict {
    let (near, far) = need!(rt::channel::create());
    need!(rt::channel::write(near.get(), b"12345", &[]));
    let mut buffer = [0; 4];
    check_eq!(
        rt::channel::read(far.get(), &mut buffer, &mut []),
        Err(Error::BufferTooSmall)
    );
    let mut buffer = [0; 5];
    check_eq!(
        rt::channel::read(far.get(), &mut buffer, &mut []),
        Ok((5, 0))
    );
    check_eq!(&buffer, b"12345");
    Ok(())
}

fn closed_end() -> Verdict {
    let (near, far) = need!(rt::channel::create());
    need!(rt::channel::write(near.get(), b"last", &[]));
    drop(near);
    let raised = need!(rt::handle::wait(
        far.get(),
        Signals::PEER_CLOSED,
        abi::NEVER
    ));
    check!(raised.contains(Signals::PEER_CLOSED));
    let mut buffer = [0; 8];
    check_eq!(
        rt::channel::read(far.get(), &mut buffer, &mut []),
        Ok((4, 0))
    );
    check_eq!(
        rt::channel::read(far.get(), &mut buffer, &mut []),
        Err(Error::PeerClosed)
    );
    check_eq!(
        rt::channel::write(far.get(), b"x", &[]),
        Err(Error::PeerClosed)
    );
    Ok(())
}

fn large() -> Verdict {
    let (near, far) = need!(rt::channel::create());
    let message = vec![0x5a; 64 * 1024];
    need!(rt::channel::write(near.get(), &message, &[]));
    let mut buffer = vec![0; 64 * 1024];
    check_eq!(
        rt::channel::read(far.get(), &mut buffer, &mut []),
        Ok((64 * 1024, 0))
    );
    check!(buffer == message);
    let message = vec![0; 64 * 1024 + 1];
    check_eq!(
        rt::channel::write(near.get(), &message, &[]),
        Err(Error::InvalidArgument)
    );
    Ok(())
}

fn full() -> Verdict {
    let (near, far) = need!(rt::channel::create());
    let mut sent: u32 = 0;
    let refusal = loop {
        match rt::channel::write(near.get(), &[0; 16], &[]) {
            Ok(()) if sent < 1_000_000 => sent += 1,
            Ok(()) => return Err("a queue has no end".into()),
            Err(error) => break error,
        }
    };
    check!(matches!(
        refusal,
        Error::WouldBlock | Error::LimitReached | Error::NoMemory
    ));
    check!(sent > 0);
    for _ in 0..sent {
        check_eq!(
            rt::channel::read(far.get(), &mut [0; 16], &mut []),
            Ok((16, 0))
        );
    }
    need!(rt::channel::write(near.get(), &[0; 16], &[]));
    Ok(())
}

fn lost_message() -> Verdict {
    let (near, far) = need!(rt::channel::create());
    let (inner_near, inner_far) = need!(rt::channel::create());
    need!(rt::channel::write(near.get(), b"", &[inner_far.into_raw()]));
    check_eq!(
        rt::handle::wait(inner_near.get(), Signals::PEER_CLOSED, abi::NOW),
        Err(Error::TimedOut)
    );
    drop(far);
    drop(near);
    let raised = need!(rt::handle::wait(
        inner_near.get(),
        Signals::PEER_CLOSED,
        abi::NEVER
    ));
    check!(raised.contains(Signals::PEER_CLOSED));
    Ok(())
}
