//! The numbers a process gives to its capabilities.
//!
//! A handle is index and generation, XORed with the table's salt. A slot whose generation
//! would wrap is retired, so that an old handle never names a new object.
//!
//! The table is kept twice: the slots, under a lock, own the capabilities; the *index*
//! beside them is read without it. A place of the index has a stamp of generation, kind
//! and rights, so that one test covers all three, and the address of the object. Taking a
//! capability out withdraws its place, waits for readers (`sync::epoch`) and only then
//! frees the slot and hands the capability over.

mod closing;
mod copying;
mod slots;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use abi::{Handle, ObjectKind, Rights};

use crate::account::{Account, Resource};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::epoch::{self, Masked};
use crate::sync::{Borrowed, Published, Ref, SpinLock, Stamped, planted, sched_point};
use crate::word;

use super::{Capability, KernelObject};

pub use copying::CopyError;
use slots::{CHUNK_BYTES, NO_SLOT, Slots};

/// Why a handle does not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupError {
    /// It is no handle of this table.
    BadHandle,
    /// The object is of another kind.
    WrongType,
    /// The rights are not enough.
    AccessDenied,
    /// It was taken back by whoever gave it.
    Revoked,
}

/// Why there is no handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSlot {
    /// Too many handles, or a limit of the account.
    LimitReached,
    /// No memory.
    NoMemory,
    /// The capability was taken back.
    Revoked,
}

/// Why a capability could not be added; it comes back.
#[derive(Debug)]
pub struct TableError {
    /// Why.
    pub reason: NoSlot,
    /// What was to be added.
    pub capability: Capability,
}

/// The handles of a process.
#[derive(Debug)]
pub struct HandleTable {
    index: Published<dyn KernelObject>,
    slots: SpinLock<Slots>,
    salt: u64,
    domain: u64,
    account: Ref<Account>,
}

static NEXT_DOMAIN: AtomicU64 = AtomicU64::new(epoch::NO_DOMAIN + 1);

/// Bit of a stamp at which the kind begins; below it are the rights.
const KIND_SHIFT: u32 = 24;
/// The generation of a stamp, as of a handle without its salt.
const GENERATION: u64 = 0xffff_ffff_0000_0000;
/// The kind of a stamp.
const KIND: u64 = 0xff << KIND_SHIFT;

const _: () = assert!(
    Rights::all().bits() < 1 << KIND_SHIFT,
    "the rights fit below the kind"
);

/// What a stamp has where it names `kind`.
pub const fn kind_stamp(kind: ObjectKind) -> u64 {
    (kind as u64) << KIND_SHIFT
}

fn stamp(generation: u32, capability: &Capability) -> u64 {
    (u64::from(generation) << 32)
        | kind_stamp(capability.object().kind())
        | u64::from(capability.rights().bits())
}

impl HandleTable {
    /// An empty table that charges `account`; `salt` makes its handles differ from other
    /// tables'.
    pub fn new(salt: u64, account: Ref<Account>) -> Self {
        let slots = Slots {
            chunks: Vec::new(),
            free: NO_SLOT,
            used: 0,
        };
        HandleTable {
            index: Published::new(),
            slots: SpinLock::new(slots),
            salt,
            domain: NEXT_DOMAIN.fetch_add(1, Ordering::Relaxed),
            account,
        }
    }

    /// What a CPU enters while it runs a thread that reads this table without its lock.
    pub fn domain(&self) -> u64 {
        self.domain
    }

    /// The object of a handle as a `T`, if the handle has `rights`: without a lock and
    /// without counting.
    ///
    /// # Errors
    /// [`LookupError`], kind before rights.
    #[inline]
    pub fn borrow<'a, T: Stamped>(
        &'a self,
        masked: Masked<'a>,
        handle: Handle,
        rights: Rights,
    ) -> Result<Borrowed<'a, T>, LookupError> {
        self.peek(masked, handle, rights)
            .ok_or_else(|| self.why_not(handle.0 ^ self.salt, T::KIND))
    }

    /// As [`HandleTable::borrow`], without a reason.
    #[inline(always)]
    pub fn peek<'a, T: Stamped>(
        &'a self,
        masked: Masked<'a>,
        handle: Handle,
        rights: Rights,
    ) -> Option<Borrowed<'a, T>> {
        let value = handle.0 ^ self.salt;
        let rights = u64::from(rights.bits());
        let (wanted, mask) = ((value & GENERATION) | rights, GENERATION | KIND | rights);
        self.index
            .borrow(masked, word::low_half(value), wanted, mask)
    }

    /// Why a borrow failed.
    #[cold]
    fn why_not(&self, value: u64, kind: u64) -> LookupError {
        let stamp = self.index.stamp(word::low_half(value));
        if stamp == 0 || (stamp ^ value) & GENERATION != 0 {
            self.slots.lock().missing(value)
        } else if stamp & KIND != kind {
            LookupError::WrongType
        } else {
            LookupError::AccessDenied
        }
    }

    /// Adds a capability.
    ///
    /// # Errors
    /// [`TableError`] with the capability.
    pub fn add(&self, capability: Capability) -> Result<Handle, TableError> {
        if self.account.charge(Resource::Handles, 1).is_err() {
            return Err(TableError {
                reason: NoSlot::LimitReached,
                capability,
            });
        }
        self.add_charged(capability).inspect_err(|_| {
            self.account.uncharge(Resource::Handles, 1);
        })
    }

    /// As [`HandleTable::add`], with the handle charged already.
    fn add_charged(&self, capability: Capability) -> Result<Handle, TableError> {
        let mut slots = self.slots.lock();
        if slots.free == NO_SLOT
            && let Err(reason) = self.grow(&mut slots)
        {
            return Err(TableError { reason, capability });
        }
        // Under the lock that `close_revoked` takes after the cut.
        if capability.is_revoked() {
            let reason = NoSlot::Revoked;
            return Err(TableError { reason, capability });
        }
        let index = slots.free;
        let reserved = self.index.reserve(index).is_ok();
        let Some(slot) = slots.slot(index).filter(|_| reserved) else {
            return Err(TableError {
                reason: NoSlot::NoMemory,
                capability,
            });
        };
        let next = core::mem::replace(&mut slot.next_free, NO_SLOT);
        let stamp = stamp(slot.generation, &capability);
        let object = &slot.capability.insert(capability).object;
        self.index.publish(index, stamp, object);
        let value = (u64::from(slot.generation) << 32) | u64::from(index);
        slots.free = next;
        slots.used = slots.used.saturating_add(1);
        Ok(Handle(value ^ self.salt))
    }

    fn grow(&self, slots: &mut Slots) -> Result<(), NoSlot> {
        self.account
            .charge(Resource::KernelBytes, CHUNK_BYTES)
            .map_err(|_| NoSlot::LimitReached)?;
        slots
            .grow()
            .inspect_err(|_| self.account.uncharge(Resource::KernelBytes, CHUNK_BYTES))
    }

    /// Takes a capability out; the handle is no longer valid.
    ///
    /// # Errors
    /// [`LookupError::BadHandle`].
    pub fn remove(&self, handle: Handle) -> Result<Capability, LookupError> {
        self.take(handle, |_| true)
    }

    fn take(
        &self,
        handle: Handle,
        fits: impl FnOnce(&Capability) -> bool,
    ) -> Result<Capability, LookupError> {
        let value = handle.0 ^ self.salt;
        let capability = {
            let mut slots = self.slots.lock();
            let found = slots.find(value).and_then(|slot| slot.capability.as_ref());
            let Some(found) = found else {
                return Err(slots.missing(value));
            };
            if !fits(found) {
                return Err(LookupError::AccessDenied);
            }
            if !planted("handle-withdraw") {
                self.index.withdraw(word::low_half(value));
            }
            slots.take(value).ok_or(LookupError::BadHandle)?
        };
        epoch::quiesce(self.domain);
        sched_point!();
        self.slots.lock().release(word::low_half(value));
        self.account.uncharge(Resource::Handles, 1);
        Ok(capability)
    }

    /// Takes a capability out if it has `rights`.
    ///
    /// # Errors
    /// [`LookupError`]; the handle stays valid.
    pub fn remove_with(&self, handle: Handle, rights: Rights) -> Result<Capability, LookupError> {
        self.take(handle, |capability| capability.rights().contains(rights))
    }

    /// Who is charged for the handles: the process.
    pub fn account(&self) -> &Ref<Account> {
        &self.account
    }

    /// Puts a capability back under the handle it had, which was just taken out and not
    /// used for another meanwhile; else under a new one, or it is closed.
    pub fn restore(&self, handle: Handle, capability: Capability) {
        let value = handle.0 ^ self.salt;
        // It was charged when it was taken out; meanwhile the limit may be reached.
        self.account.charge_again(Resource::Handles, 1);
        let leftover = {
            let mut slots = self.slots.lock();
            let index = word::low_half(value);
            if slots.free == index
                && let Some(slot) = slots.slot(index)
                && slot.generation == ((value >> 32) as u32).wrapping_add(1)
            {
                let next = core::mem::replace(&mut slot.next_free, NO_SLOT);
                slot.generation = (value >> 32) as u32;
                let stamp = stamp(slot.generation, &capability);
                let object = &slot.capability.insert(capability).object;
                self.index.publish(index, stamp, object);
                slots.free = next;
                slots.used = slots.used.saturating_add(1);
                None
            } else {
                Some(capability)
            }
        };
        if let Some(capability) = leftover
            && let Err(error) = self.add_charged(capability)
        {
            self.account.uncharge(Resource::Handles, 1);
            drop(error);
        }
    }

    /// Calls `work` with the capability of a handle, under the table's lock.
    ///
    /// # Errors
    /// [`LookupError::BadHandle`].
    pub fn with<R>(
        &self,
        handle: Handle,
        work: impl FnOnce(&Capability) -> R,
    ) -> Result<R, LookupError> {
        let mut slots = self.slots.lock();
        let value = handle.0 ^ self.salt;
        let found = slots.find(value).and_then(|slot| slot.capability.as_ref());
        match found {
            Some(capability) => Ok(work(capability)),
            None => Err(slots.missing(value)),
        }
    }

    /// The object of a handle as a `T`, if the handle has `rights`.
    ///
    /// # Errors
    /// [`LookupError`], kind before rights.
    pub fn get<T: KernelObject>(
        &self,
        handle: Handle,
        rights: Rights,
    ) -> Result<Ref<T>, LookupError> {
        self.get_with_rights(handle, rights)
            .map(|(object, _)| object)
    }

    /// As [`HandleTable::get`], with all rights of the handle.
    ///
    /// # Errors
    /// [`LookupError`], kind before rights.
    pub fn get_with_rights<T: KernelObject>(
        &self,
        handle: Handle,
        rights: Rights,
    ) -> Result<(Ref<T>, Rights), LookupError> {
        self.with(handle, |capability| {
            let object = capability
                .object()
                .as_type::<T>()
                .ok_or(LookupError::WrongType)?;
            if !capability.rights().contains(rights) {
                return Err(LookupError::AccessDenied);
            }
            Ok((object, capability.rights()))
        })?
    }

    /// The object of a handle, whatever it is, if the handle has `rights`.
    ///
    /// # Errors
    /// [`LookupError`].
    pub fn get_any(
        &self,
        handle: Handle,
        rights: Rights,
    ) -> Result<Ref<dyn KernelObject>, LookupError> {
        self.with(handle, |capability| {
            let enough = capability.rights().contains(rights);
            enough
                .then(|| capability.object().clone())
                .ok_or(LookupError::AccessDenied)
        })?
    }

    /// Calls `visit` for each handle, in no particular order, under the table's lock.
    pub fn for_each(&self, mut visit: impl FnMut(Handle, &Capability)) {
        let slots = self.slots.lock();
        for (index, slot) in (0u64..).zip(slots.chunks.iter().flat_map(|chunk| chunk.iter())) {
            if let Some(capability) = &slot.capability {
                let value = (u64::from(slot.generation) << 32) | index;
                visit(Handle(value ^ self.salt), capability);
            }
        }
    }

    /// Number of handles.
    pub fn len(&self) -> usize {
        self.slots.lock().used
    }

    /// Whether there is no handle.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for HandleTable {
    fn drop(&mut self) {
        self.clear();
        let chunks = self.slots.lock().chunks.len() as u64;
        self.account
            .uncharge(Resource::KernelBytes, chunks.saturating_mul(CHUNK_BYTES));
    }
}
