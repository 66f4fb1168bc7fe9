//! Pages that can be mapped, as an object.

use abi::{ObjectKind, Signals};

use crate::account::{Charge, LimitReached};
use crate::cap::{KernelObject, ObjectBase};
use crate::mm::{MemoryPages, PAGE};
use crate::sync::{Mutex, Ref};

/// Why a Memory keeps its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResizeError {
    /// Its pages are those of a file.
    NotAnonymous,
    /// A limit of the account it is charged to.
    LimitReached,
}

/// A Memory.
#[derive(Debug)]
pub struct MemoryObject {
    base: ObjectBase,
    pages: Ref<MemoryPages>,
    /// For all its pages, present or not; also who may change their number.
    charge: Mutex<Option<Charge>>,
}

impl MemoryObject {
    /// An object for `pages`; what it is charged is returned with it.
    pub fn new(pages: Ref<MemoryPages>, charge: Option<Charge>) -> MemoryObject {
        MemoryObject {
            base: ObjectBase::new(Signals::empty()),
            pages,
            charge: Mutex::new(charge),
        }
    }

    /// Changes the number of pages of an anonymous Memory. May sleep.
    ///
    /// # Errors
    /// [`ResizeError`], and nothing has changed.
    pub fn resize(&self, pages: u64) -> Result<(), ResizeError> {
        let mut charge = self.charge.lock();
        let charge = charge.as_mut().ok_or(ResizeError::NotAnonymous)?;
        let old = charge.amount();
        if pages > old {
            charge
                .set_amount(pages)
                .map_err(|LimitReached| ResizeError::LimitReached)?;
        }
        self.pages.set_bytes(pages.saturating_mul(PAGE));
        if pages < old {
            charge
                .set_amount(pages)
                .map_err(|LimitReached| ResizeError::LimitReached)?;
        }
        Ok(())
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
