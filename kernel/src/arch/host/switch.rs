//! Nothing switches on the host; the queues and states above are tested without it.

use crate::arch::{Context, Start, UserFrame, VectorState};

#[cfg(feature = "model")]
pub use super::model::baton::{leave, switch};

/// Goes back to the program.
#[cfg(feature = "model")]
pub fn resume(_current: &Context) -> ! {
    super::model::baton::resume()
}

#[cfg(not(feature = "model"))]
pub use nothing::{leave, resume, switch};

#[cfg(not(feature = "model"))]
mod nothing {
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
}

/// Nothing to prepare.
pub fn prepare_kernel_thread(_context: &Context, _entry: extern "C" fn(u64) -> !, _argument: u64) {}

/// Nothing to load.
pub fn load_vector_state(_current: &Context) {}

/// Copies what there is of a thread's registers.
pub fn copy_registers(current: &Context, to: &Context) {
    to.frame.copy_from(&current.frame);
    to.vector.copy_from(&current.vector);
}

/// Replaces what there is of a thread's registers.
pub fn replace_registers(current: &Context, start: &Start) {
    current.frame.copy_from(&UserFrame::default());
    current.frame.begin(start);
    current.vector.copy_from(&VectorState::default());
}
