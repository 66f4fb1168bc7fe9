//! Exchanges between two processes or two threads.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

use abi::startup::Tag;
use abi::{Error, Handle, Rights};
use viper::process::{Command, Grant};
use viper::{Failure, Outcome, Rc, env};

use super::clock::Clock;
use super::{Cost, calls_between, pipes};

/// The name of the channel server, for `PEER`.
const CHANNEL: &str = "CHANNEL";
/// Bytes of a message.
const MESSAGE_BYTES: usize = 64;

/// Reads a message, waiting for it.
fn receive(channel: Handle, buffer: &mut [u8; MESSAGE_BYTES]) -> rt::Result<()> {
    rt::channel::read_until(channel, buffer, &mut [], abi::NEVER).map(drop)
}

/// 64 bytes to another process and back.
pub fn channel_round_trip(clock: &Clock) -> Result<Cost, Failure> {
    let (near, far) = rt::channel::create()?;
    let path = env::program_name().unwrap_or("Bench");
    let grant = Grant {
        tag: Tag::User,
        handle: far.get(),
        rights: Rights::all(),
    };
    let program = alloc::format!("C:{path}");
    let child = Command::new(&program)
        .arg("PEER")
        .arg(CHANNEL)
        .grant(grant)
        .spawn()?;
    drop(far);
    let mut buffer = [7; MESSAGE_BYTES];
    let cost = clock.measure(10_000, |count| {
        for _ in 0..count {
            rt::channel::write(near.get(), &buffer, &[])?;
            receive(near.get(), &mut buffer)?;
        }
        Ok(())
    });
    drop(near);
    let status = child.wait()?;
    match status.rc() {
        Rc::OK => cost,
        rc => Err(Failure::new(alloc::format!("the peer ended with {rc}"))),
    }
}

/// The other side of an exchange.
pub fn serve(peer: &str) -> Outcome {
    if peer.eq_ignore_ascii_case(calls_between::CALLS) {
        return calls_between::serve_calls();
    }
    if peer.eq_ignore_ascii_case(calls_between::EVENTS) {
        return calls_between::serve_events();
    }
    if peer.eq_ignore_ascii_case(calls_between::FUTEXES) {
        return calls_between::serve_futexes();
    }
    if peer.eq_ignore_ascii_case(pipes::PIPES) {
        return pipes::serve();
    }
    if !peer.eq_ignore_ascii_case(CHANNEL) {
        return Err(Failure::new(alloc::format!("there is no peer {peer}")));
    }
    let channel = rt::startup::handle(Tag::User);
    let channel = channel.ok_or_else(|| Failure::not_given("a channel"))?;
    let mut buffer = [0; MESSAGE_BYTES];
    loop {
        match receive(channel, &mut buffer) {
            Ok(()) => rt::channel::write(channel, &buffer, &[])?,
            Err(Error::PeerClosed) => return Ok(Rc::OK),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Two threads that wake each other in turn.
pub fn futex_round_trip(clock: &Clock) -> Result<Cost, Failure> {
    let words = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
    let theirs = Arc::clone(&words);
    let passes = match clock {
        Clock::Instructions => 1,
        Clock::Wall { .. } => 3,
    };
    let rounds = 1000 + 10_000 * passes;
    let peer = rt::thread::spawn(
        rt::thread::STACK_BYTES,
        Box::new(move || {
            let [mine, other] = &*theirs;
            for turn in 1..=rounds {
                wait_for(other, turn);
                pass_to(mine, turn);
            }
        }),
    )?;
    let [other, mine] = &*words;
    let mut turn = 0;
    let cost = clock.measure(10_000, |count| {
        for _ in 0..count {
            turn += 1;
            pass_to(mine, turn);
            wait_for(other, turn);
        }
        Ok(())
    });
    peer.join()?;
    cost
}

/// Sets a word and wakes who waits on it.
pub(super) fn pass_to(word: &AtomicU32, turn: u32) {
    word.store(turn, Ordering::Release);
    // Nobody waiting yet is fine: the word has changed.
    let _ = rt::futex::wake(word, 1);
}

/// Waits until a word no longer has a value; returns what it has then.
pub(super) fn wait_beyond(word: &AtomicU32, before: u32) -> u32 {
    loop {
        let seen = word.load(Ordering::Acquire);
        if seen != before {
            return seen;
        }
        // Changed meanwhile is fine: the loop looks again.
        let _ = rt::futex::wait(word, seen, abi::NEVER);
    }
}

/// Waits until a word has a value.
pub(super) fn wait_for(word: &AtomicU32, turn: u32) {
    loop {
        let seen = word.load(Ordering::Acquire);
        if seen == turn {
            return;
        }
        // Changed meanwhile is fine: the loop looks again.
        let _ = rt::futex::wait(word, seen, abi::NEVER);
    }
}
