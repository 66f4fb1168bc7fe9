//! Terminals: size, mode, break.
#![allow(
    unsafe_code,
    reason = "passes addresses of its own records to the kernel"
)]

use abi::Handle;
use abi::terminal::{TerminalInfo, TerminalMode};

use crate::handle::fetch;
use crate::{Result, stub};

/// Asks about a terminal.
///
/// # Errors
///
/// `WrongType` where it is none; `AccessDenied` without the right `INSPECT`.
pub fn info(terminal: Handle) -> Result<TerminalInfo> {
    fetch(|address, _| {
        // SAFETY: `address` is that of a `TerminalInfo` of our own.
        unsafe { stub::terminal_info(terminal.0, address) }
    })
}

/// What happens to input nobody has read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// It stays.
    Keep,
    /// It is thrown away.
    Discard,
}

/// Sets the mode and clears `BREAK`; returns the old mode.
///
/// # Errors
///
/// `AccessDenied` without the right `MANAGE`.
pub fn control(terminal: Handle, mode: TerminalMode, pending: Pending) -> Result<TerminalMode> {
    let discard = u64::from(pending == Pending::Discard);
    // SAFETY: the call takes no address.
    let [old, ..] = unsafe { stub::terminal_control(terminal.0, u64::from(mode.bits()), discard) }?;
    Ok(TerminalMode::from_bits_retain((old & 0xffff_ffff) as u32))
}
