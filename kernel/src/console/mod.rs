//! The kernel log, and above it the terminal.
//!
//! The log is a ring of text that programs with the right may read; a sink shows new
//! lines on the serial port or the semihosting console. [`terminal`] is the object that
//! programs talk to.
#![forbid(unsafe_code)]

mod log;
mod ring;
pub mod terminal;

pub use self::log::{
    LogSink, init_log, read_log, set_log_sink, write_emergency, write_from_program,
};
pub use ring::Ring;

/// Where bytes of a console go and come from.
pub trait SerialDevice: Send + Sync + core::fmt::Debug {
    /// Hands bytes to the device; returns how many it took.
    fn write(&self, bytes: &[u8]) -> usize;

    /// Takes received bytes; returns how many there were.
    fn read(&self, bytes: &mut [u8]) -> usize;

    /// Whether the device should interrupt when it can take bytes again.
    fn want_write_interrupt(&self, wanted: bool);

    /// Writes everything by waiting for the device; for reports of a dying kernel.
    fn write_blocking(&self, bytes: &[u8]);
}
