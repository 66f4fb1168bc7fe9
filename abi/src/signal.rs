//! Signals: what an object can be waited for.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

bitflags::bitflags! {
    /// State bits of an object that a thread or a Port can wait for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Signals: u32 {
        /// Reading would not have to wait.
        const READABLE = 1 << 0;
        /// Writing would not have to wait.
        const WRITABLE = 1 << 1;
        /// The other end is closed.
        const PEER_CLOSED = 1 << 2;
        /// The process or thread has ended.
        const TERMINATED = 1 << 3;
        /// Somebody typed the break character at the terminal.
        const BREAK = 1 << 4;
        /// The terminal's window changed its size.
        const RESIZED = 1 << 5;
        /// First of eight bits that programs give a meaning of their own.
        const USER_0 = 1 << 24;
        /// The eight bits that programs may raise and clear on an Event.
        const USER_ALL = 0xff << 24;
    }
}

bitflags::bitflags! {
    /// How a Port watches a member.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct PortMode: u32 {
        /// The member is reported once each time a signal is raised, also anew while it is
        /// raised already, and not as long as it is.
        const EDGE = 1 << 0;
    }
}

/// One thing that happened, as `port_wait` reports it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct PortEvent {
    /// The key given to `port_add`.
    pub key: u64,
    /// [`Signals`] that were asked for and are raised; with [`PortMode::EDGE`] those that
    /// were raised since the last time.
    pub signals: u32,
    /// Always zero.
    pub reserved: u32,
}

const _: () = assert!(size_of::<PortEvent>() == 16);
