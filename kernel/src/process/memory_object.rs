//! Pages that can be mapped, as an object.

use abi::{ObjectKind, Signals};

use crate::account::Charge;
use crate::cap::{KernelObject, ObjectBase};
use crate::mm::MemoryPages;
use crate::sync::Ref;

/// A Memory.
#[derive(Debug)]
pub struct MemoryObject {
    base: ObjectBase,
    pages: Ref<MemoryPages>,
    _charge: Option<Charge>,
}

impl MemoryObject {
    /// An object for `pages`; what it is charged is returned with it.
    pub fn new(pages: Ref<MemoryPages>, charge: Option<Charge>) -> MemoryObject {
        MemoryObject {
            base: ObjectBase::new(Signals::empty()),
            pages,
            _charge: charge,
        }
    }

    /// The pages.
    pub fn pages(&self) -> &Ref<MemoryPages> {
        &self.pages
    }
}

impl KernelObject for MemoryObject {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Memory
    }

    fn base(&self) -> &ObjectBase {
        &self.base
    }

    fn memory_bytes(&self) -> usize {
        size_of::<MemoryObject>().saturating_add(size_of::<MemoryPages>())
    }
}
