//! Signal bits that programs raise, clear and wait for.

use abi::{ObjectKind, Signals};

use crate::cap::{KernelObject, ObjectBase, kind_stamp};
use crate::sync::Stamped;

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

    /// Takes those of `mask` that are raised, clearing them.
    #[inline]
    pub fn take(&self, mask: Signals) -> Signals {
        self.base.signals().take(mask)
    }

    /// Clears some signals, then raises some.
    #[inline]
    pub fn update(&self, clear: Signals, raise: Signals) {
        self.base.signals().update(clear, raise);
    }
}

impl Default for Event {
    fn default() -> Self {
        Event::new()
    }
}

impl Stamped for Event {
    const KIND: u64 = kind_stamp(ObjectKind::Event);
}

impl KernelObject for Event {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Event
    }

    fn base(&self) -> &ObjectBase {
        &self.base
    }
}
