//! Signal bits that programs raise, clear and wait for.

use abi::{ObjectKind, Signals};

use crate::cap::{KernelObject, ObjectBase};

/// A set of signal bits.
#[derive(Debug)]
pub struct Event {
    base: ObjectBase,
}

impl Event {
    /// With nothing raised.
    pub fn new() -> Event {
        Event {
            base: ObjectBase::new(Signals::empty()),
        }
    }

    /// Clears some signals, then raises some.
    pub fn update(&self, clear: Signals, raise: Signals) {
        self.base.signals().update(clear, raise);
    }
}

impl Default for Event {
    fn default() -> Self {
        Event::new()
    }
}

impl KernelObject for Event {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Event
    }

    fn base(&self) -> &ObjectBase {
        &self.base
    }
}
