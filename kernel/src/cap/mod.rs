//! Capabilities: objects, handles to them, rights, signals.
//!
//! Knows no type of object. A [`Capability`] is a counted reference to an object with
//! rights; a [`HandleTable`] gives numbers to the capabilities of a process; a
//! [`Derivation`] remembers which was copied from which; a [`SignalSet`] tells waiters what state an object is in.
//!
//! Order of checks in a look-up: handle, kind, rights. Each has its own error.
#![forbid(unsafe_code)]

mod capability;
mod derivation;
mod handle_table;
#[cfg(all(test, feature = "model"))]
mod models;
mod object;
mod signal;

pub use capability::Capability;
pub use derivation::{Derivation, DeriveError};
pub use handle_table::{CopyError, HandleTable, LookupError, NoSlot, TableError, kind_stamp};
pub use object::{KernelObject, ObjectBase};
pub use signal::{Heard, Observer, ObserverKey, SignalSet};
