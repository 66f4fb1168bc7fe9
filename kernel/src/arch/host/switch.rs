//! Nothing switches on the host; the queues and states above are tested without it.

use crate::arch::Context;

/// Not on the host.
pub fn switch(_previous: &Context, _next: &Context) {
    unreachable!("no thread switch on the host")
}

/// Not on the host.
pub fn leave(_previous: &Context, _next: &Context) -> ! {
    unreachable!("no thread switch on the host")
}

/// Not on the host.
pub fn resume(_current: &Context) -> ! {
    unreachable!("no program on the host")
}

/// Nothing to prepare.
pub fn prepare_kernel_thread(_context: &Context, _entry: extern "C" fn(u64) -> !, _argument: u64) {}

/// Nothing to load.
pub fn load_vector_state(_current: &Context) {}
