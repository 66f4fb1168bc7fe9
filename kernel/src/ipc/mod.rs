//! Communication: channels, pipes, events, ports, timers, futexes.
//!
//! Every wait here is frameless: the waker writes the results into the waiting thread's
//! frame. What a call cannot finish at once it either refuses with `WouldBlock`, so that
//! the program waits for a signal, or it waits and is made again.
#![forbid(unsafe_code)]

mod byte_ring;
mod call;
mod channel;
mod desk;
mod event;
mod futex;
mod lock;
mod pipe;
mod port;
mod timer;

#[cfg(all(test, feature = "model"))]
mod models;

pub use call::Served;
pub use channel::{ChannelEnd, Message, ReadError, SendError};
pub use desk::refuse;
pub use event::Event;
pub use futex::{FutexOutcome, futex_wait, futex_wake};
pub use lock::{Passed, holder_ends, lock_pass, lock_wait};
pub use pipe::{PipeEnd, Stop};
pub use port::{Port, PortError};
pub use timer::Timer;
