//! Terminals.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

bitflags::bitflags! {
    /// How a terminal treats what is typed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct TerminalMode: u32 {
        /// Hand over whole lines, with erase and kill; else every byte at once.
        const CANONICAL = 1 << 0;
        /// Show what is typed.
        const ECHO = 1 << 1;
        /// Ctrl-C raises `BREAK` instead of being input.
        const BREAK = 1 << 2;
        /// A line feed is written as carriage return and line feed.
        const NEWLINE = 1 << 3;
    }
}

/// Answer of `terminal_info`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TerminalInfo {
    /// [`TerminalMode`] bits.
    pub mode: u32,
    /// Width in columns, 0 where unknown.
    pub columns: u16,
    /// Height in rows, 0 where unknown.
    pub rows: u16,
    /// Input bytes that were lost because nobody read.
    pub lost: u64,
    /// Bit 0: nobody is watching (the machine runs a command and ends).
    pub flags: u64,
}

const _: () = assert!(size_of::<TerminalInfo>() == 24);

/// [`TerminalInfo::flags`]: output is captured, no prompt or echo wanted.
pub const TERMINAL_UNATTENDED: u64 = 1;
