//! Whether calls write what was in the kernel's memory before.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use abi::SYSCALLS;
use abi::syscall::ArgKind;
use rt::probe::{self, Argument};

use super::kit::{Ground, Kit};
use super::place;

/// Bytes of a buffer for results.
const BUFFER_BYTES: usize = 4096;

/// What was looked at, and what was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Calls that succeeded.
    pub calls: usize,
    /// Those that wrote the pattern, or returned it.
    pub hits: Vec<&'static str>,
}

/// Makes every call that writes something, each after `spray` has left `pattern` in the
/// kernel's memory, and looks for it in what came back.
pub fn words_written(
    pattern: u64,
    mut spray: impl FnMut() -> Result<(), String>,
) -> Result<Found, String> {
    let ground = Ground::new()?;
    let mut found = Found::default();
    let writes = |call: &&abi::SyscallInfo| call.args.iter().any(|arg| arg.kind == ArgKind::Out);
    for call in SYSCALLS.iter().filter(writes) {
        let kit = Kit::new(call, &ground, 0)?;
        spray()?;
        let mut buffers: Vec<Vec<u8>> = call.args.iter().map(|_| vec![0; BUFFER_BYTES]).collect();
        let mut arguments = Vec::new();
        for (place, buffer) in place::registers(call).zip(&mut buffers) {
            arguments.push(match place.kind {
                place::PlaceKind::Arg(ArgKind::Out) => Argument::Buffer(buffer),
                place::PlaceKind::Arg(ArgKind::In) => {
                    buffer.fill(b'p');
                    Argument::Buffer(buffer)
                }
                place::PlaceKind::Arg(ArgKind::Length) => Argument::Number(length_of(call.name)),
                _ => Argument::Number(kit.good(&place)),
            });
        }
        let Ok(Ok(values)) = probe::call(call.number, &mut arguments) else {
            continue;
        };
        found.calls = found.calls.saturating_add(1);
        let written = buffers.iter().any(|buffer| holds(buffer, pattern));
        if written || values.contains(&pattern) {
            found.hits.push(call.name);
        }
    }
    Ok(found)
}

/// As much as a call may write at all: but for a path, which has its own length.
fn length_of(name: &str) -> u64 {
    match name {
        "directory_stat" => 64,
        _ => BUFFER_BYTES as u64,
    }
}

/// Whether half of the pattern is anywhere in some bytes.
pub fn holds(bytes: &[u8], pattern: u64) -> bool {
    let half = pattern.to_le_bytes();
    let half = half.get(..4).unwrap_or(&half);
    bytes.windows(half.len()).any(|window| window == half)
}
