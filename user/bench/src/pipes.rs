//! Bytes to another process and back, through two pipes.

use abi::{Handle, NEVER};
use viper::{Failure, Outcome, Rc};

use super::Cost;
use super::calls_between::{end_well, given, start_peer};
use super::clock::Clock;

/// The name of the process that sends back what it reads, for `PEER`.
pub const PIPES: &str = "PIPES";

/// Most bytes that are sent back at once.
const BYTES_MAX: usize = 4096;

/// Reads until the buffer is full; whether it is, and not at the end.
fn fill(pipe: Handle, buffer: &mut [u8]) -> rt::Result<bool> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match rt::stream::read_until(pipe, rest, NEVER)? {
            0 => return Ok(false),
            count => done += count,
        }
    }
    Ok(true)
}

/// Writes all of the bytes.
fn send(pipe: Handle, mut bytes: &[u8]) -> rt::Result<()> {
    while !bytes.is_empty() {
        let count = rt::stream::write_until(pipe, bytes, NEVER)?;
        bytes = bytes.get(count..).unwrap_or(&[]);
    }
    Ok(())
}

/// `BYTES` there and back.
pub fn round_trip<const BYTES: usize>(clock: &Clock) -> Result<Cost, Failure> {
    let (their_input, there) = rt::pipe::create(0)?;
    let (back, their_output) = rt::pipe::create(0)?;
    let child = start_peer(PIPES, &[their_input.get(), their_output.get()])?;
    drop((their_input, their_output));
    let mut buffer = [7; BYTES];
    // The first byte says how many there are.
    send(there.get(), &(BYTES as u64).to_le_bytes())?;
    let cost = clock.measure(10_000, |count| {
        for _ in 0..count {
            send(there.get(), &buffer)?;
            if !fill(back.get(), &mut buffer)? {
                return Err(Failure::new("the other process ended"));
            }
        }
        Ok(())
    });
    drop(there);
    end_well(child)?;
    cost
}

/// Sends back what comes, so many bytes at a time as are told first.
pub fn serve() -> Outcome {
    let (input, output) = (given(0)?, given(1)?);
    let mut size = [0; 8];
    fill(input, &mut size)?;
    let mut bytes = [0; BYTES_MAX];
    let size = usize::try_from(u64::from_le_bytes(size)).unwrap_or(BYTES_MAX);
    let buffer = bytes.get_mut(..size).unwrap_or(&mut []);
    while fill(input, buffer)? {
        send(output, buffer)?;
    }
    Ok(Rc::OK)
}
