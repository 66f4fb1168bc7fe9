//! What every kernel object has.

use core::any::Any;

use abi::ObjectKind;

use crate::account::{Account, Charge, LimitReached, Resource};
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::{Once, Ref};

use super::SignalSet;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Number, handle count and signals of an object.
#[derive(Debug)]
pub struct ObjectBase {
    id: u64,
    handles: AtomicU32,
    signals: SignalSet,
    charge: Once<Charge>,
}

impl ObjectBase {
    /// A new object's base, with `signals` raised.
    pub fn new(signals: abi::Signals) -> Self {
        ObjectBase {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            handles: AtomicU32::new(0),
            signals: SignalSet::new(signals),
            charge: Once::new(),
        }
    }

    /// Number of the object, never used twice.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The object's signals.
    pub fn signals(&self) -> &SignalSet {
        &self.signals
    }

    /// Charges the memory of the object until it is freed, to who causes it; once.
    ///
    /// # Errors
    /// [`LimitReached`], and nothing is charged.
    pub fn charge_to(&self, account: &Ref<Account>, bytes: usize) -> Result<(), LimitReached> {
        let bytes = bytes as u64;
        self.charge
            .try_call_once(|| Charge::new(account, Resource::KernelBytes, bytes))
            .map(|_| ())
    }

    pub(super) fn add_handle(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether there is a handle to it, in a table or in a message.
    pub fn has_handles(&self) -> bool {
        self.handles.load(Ordering::Acquire) > 0
    }

    /// Returns whether that was the last handle.
    pub(super) fn remove_handle(&self) -> bool {
        self.handles.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

/// Something that handles refer to.
pub trait KernelObject: Any + Send + Sync {
    /// What kind of object it is.
    fn kind(&self) -> ObjectKind;

    /// The common part.
    fn base(&self) -> &ObjectBase;

    /// Bytes of memory the object takes, with what it has for itself alone.
    fn memory_bytes(&self) -> usize {
        size_of_val(self)
    }

    /// Called when the last handle is gone, in tables and in messages; references of the
    /// kernel's own may remain.
    fn on_last_handle(&self) {}
}

impl Ref<dyn KernelObject> {
    /// The object as its own type.
    pub fn as_type<T: KernelObject>(&self) -> Option<Ref<T>> {
        self.clone().downcast::<T>().ok()
    }
}
