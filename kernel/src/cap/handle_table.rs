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

use alloc::boxed::Box;
use alloc::vec::Vec;

use abi::{Handle, ObjectKind, Rights};

use crate::account::{Account, Resource};
use crate::limits::HANDLES_PER_PROCESS_MAX;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::epoch::{self, Masked};
use crate::sync::{Borrowed, Published, Ref, SpinLock, Stamped, planted, sched_point, try_box};
use crate::word;

use super::{Capability, DeriveError, KernelObject};

const CHUNK_SLOTS: usize = 64;
/// Bytes charged for a chunk: the slots, and their places in the index, whose chunks double
/// and can be half empty.
const CHUNK_BYTES: u64 = size_of::<[Slot; CHUNK_SLOTS]>() as u64 + 2 * 16 * CHUNK_SLOTS as u64;
const NO_SLOT: u32 = u32::MAX;

#[derive(Debug)]
struct Slot {
    generation: u32,
    next_free: u32,
    capability: Option<Capability>,
    /// Its capability was taken back; the handle is not closed yet.
    revoked: bool,
}

#[derive(Debug)]
struct Slots {
    #[expect(
        clippy::vec_box,
        reason = "chunks must not move when there are more of them"
    )]
    chunks: Vec<Box<[Slot; CHUNK_SLOTS]>>,
    free: u32,
    used: usize,
}

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

/// Why a table could not be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyError {
    /// A limit of the account.
    LimitReached,
    /// No memory.
    NoMemory,
}

impl From<NoSlot> for CopyError {
    fn from(error: NoSlot) -> Self {
        match error {
            NoSlot::LimitReached | NoSlot::Revoked => CopyError::LimitReached,
            NoSlot::NoMemory => CopyError::NoMemory,
        }
    }
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

impl Slots {
    fn slot(&mut self, index: u32) -> Option<&mut Slot> {
        let index = index as usize;
        self.chunks
            .get_mut(index / CHUNK_SLOTS)?
            .get_mut(index % CHUNK_SLOTS)
    }

    fn find(&mut self, handle: u64) -> Option<&mut Slot> {
        let generation = (handle >> 32) as u32;
        self.slot(word::low_half(handle))
            .filter(|slot| slot.generation == generation && slot.capability.is_some())
    }

    /// Adds a chunk, charged by the caller.
    fn grow(&mut self) -> Result<(), NoSlot> {
        let base = self.chunks.len().saturating_mul(CHUNK_SLOTS);
        if base >= HANDLES_PER_PROCESS_MAX {
            return Err(NoSlot::LimitReached);
        }
        let none = |_| NoSlot::LimitReached;
        let first = u32::try_from(base).map_err(none)?;
        let end = u32::try_from(base.saturating_add(CHUNK_SLOTS)).map_err(none)?;
        let mut following = first.saturating_add(1)..end;
        self.chunks.try_reserve(1).map_err(|_| NoSlot::NoMemory)?;
        let chunk = try_box(core::array::from_fn(|_| Slot {
            generation: 1,
            next_free: following.next().unwrap_or(NO_SLOT),
            capability: None,
            revoked: false,
        }));
        self.chunks.push(chunk.map_err(|_| NoSlot::NoMemory)?);
        self.free = first;
        Ok(())
    }

    /// Why a handle names nothing.
    fn missing(&mut self, handle: u64) -> LookupError {
        let generation = (handle >> 32) as u32;
        match self.slot(word::low_half(handle)) {
            Some(slot) if slot.revoked && slot.generation == generation => LookupError::Revoked,
            _ => LookupError::BadHandle,
        }
    }

    /// Ends a handle whose capability was taken back.
    fn end_revoked(&mut self, handle: u64) -> Result<(), LookupError> {
        if self.missing(handle) != LookupError::Revoked {
            return Err(LookupError::BadHandle);
        }
        let index = word::low_half(handle);
        if let Some(slot) = self.slot(index) {
            slot.revoked = false;
            slot.generation = slot.generation.wrapping_add(1);
        }
        self.used = self.used.saturating_sub(1);
        self.release(index);
        Ok(())
    }

    /// Takes a capability out of the slot if it was taken back; the handle stays.
    fn take_revoked(&mut self, index: u32) -> Option<Capability> {
        let slot = self.slot(index)?;
        if !slot.capability.as_ref().is_some_and(Capability::is_revoked) {
            return None;
        }
        slot.revoked = true;
        slot.capability.take()
    }

    /// Empties a slot, which is not used again before [`Slots::release`].
    fn take(&mut self, handle: u64) -> Option<Capability> {
        let slot = self.find(handle)?;
        let capability = slot.capability.take();
        slot.generation = slot.generation.wrapping_add(1);
        self.used = self.used.saturating_sub(1);
        capability
    }

    /// Lets an emptied slot be used again.
    fn release(&mut self, index: u32) {
        let free = self.free;
        // Generation 0 is never used: a slot that reaches it is retired.
        if let Some(slot) = self.slot(index).filter(|slot| slot.generation != 0) {
            slot.next_free = free;
            self.free = index;
        }
    }
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

    /// A table with the same numbers for every capability that may be duplicated, and none
    /// for the others; it charges `account`.
    ///
    /// # Errors
    /// [`LimitReached`](CopyError::LimitReached) of the account, or no memory.
    pub fn copy_for(&self, account: Ref<Account>) -> Result<HandleTable, CopyError> {
        let copy = HandleTable::new(self.salt, account);
        let copied = self.copy_slots(&copy);
        if copied.is_err() {
            copy.clear();
        }
        copied.map(|()| copy)
    }

    fn copy_slots(&self, copy: &HandleTable) -> Result<(), CopyError> {
        // Nobody else knows the copy: its lock is free whatever this CPU holds.
        let (mut ours, mut theirs) = (self.slots.lock(), copy.slots.lock());
        while theirs.chunks.len() < ours.chunks.len() {
            copy.grow(&mut theirs)?;
        }
        theirs.free = NO_SLOT;
        let end = ours.chunks.len().saturating_mul(CHUNK_SLOTS);
        for index in (0..u32::try_from(end).unwrap_or(NO_SLOT)).rev() {
            let (free, Some(from), Some(to)) = (theirs.free, ours.slot(index), theirs.slot(index))
            else {
                continue;
            };
            to.generation = from.generation;
            let may_copy =
                |capability: &&Capability| capability.rights().contains(Rights::DUPLICATE);
            let copied = match from.capability.as_ref() {
                Some(capability) if may_copy(&capability) => {
                    match capability.derive(Rights::all(), &copy.account) {
                        Ok(derived) => Some(derived),
                        Err(DeriveError::Revoked) => None,
                        Err(DeriveError::NoMemory) => return Err(CopyError::NoMemory),
                        Err(DeriveError::LimitReached) => return Err(CopyError::LimitReached),
                    }
                }
                _ => None,
            };
            if let Some(derived) = copied {
                copy.account
                    .charge(Resource::Handles, 1)
                    .map_err(|_| CopyError::LimitReached)?;
                let reserved = copy.index.reserve(index);
                if reserved.is_err() {
                    copy.account.uncharge(Resource::Handles, 1);
                    return Err(CopyError::NoMemory);
                }
                let stamp = stamp(to.generation, &derived);
                let object = &to.capability.insert(derived).object;
                copy.index.publish(index, stamp, object);
                to.next_free = NO_SLOT;
                theirs.used = theirs.used.saturating_add(1);
                continue;
            }
            // The number must not name something else one day.
            if from.capability.is_some() || from.revoked {
                to.generation = to.generation.wrapping_add(1);
            }
            if to.generation != 0 {
                to.next_free = free;
                theirs.free = index;
            }
        }
        Ok(())
    }

    /// Closes every handle but these.
    pub fn retain(&self, kept: &[Handle]) {
        // One at a time, outside the lock: closing may run an object's last-handle work.
        let mut from = 0;
        while let Some((index, handle)) = self.next_used(from) {
            if !kept.contains(&handle) {
                // Gone meanwhile is closed, too.
                let _ = self.close(handle);
            }
            from = index.saturating_add(1);
        }
    }

    /// The first slot from `from` on that is not empty.
    fn next_used(&self, from: u32) -> Option<(u32, Handle)> {
        let slots = self.slots.lock();
        if slots.used == 0 {
            return None;
        }
        let first = from as usize;
        let chunks = slots.chunks.iter().skip(first / CHUNK_SLOTS);
        let mut all = chunks
            .flat_map(|chunk| chunk.iter())
            .skip(first % CHUNK_SLOTS);
        let index = (from..).zip(&mut all);
        let mut used = index.filter(|(_, slot)| slot.capability.is_some() || slot.revoked);
        used.next().map(|(index, slot)| {
            let value = (u64::from(slot.generation) << 32) | u64::from(index);
            (index, Handle(value ^ self.salt))
        })
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

    /// Closes a handle, also one whose capability was taken back.
    ///
    /// # Errors
    /// [`LookupError::BadHandle`].
    pub fn close(&self, handle: Handle) -> Result<(), LookupError> {
        match self.remove(handle) {
            Ok(capability) => {
                drop(capability);
                Ok(())
            }
            Err(LookupError::Revoked) => {
                self.slots.lock().end_revoked(handle.0 ^ self.salt)?;
                self.account.uncharge(Resource::Handles, 1);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Gives up every capability that was taken back, calling `closing` with each before it
    /// goes. Its handle stays, and says so.
    pub fn close_revoked(&self, mut closing: impl FnMut(&Capability)) {
        let mut index = 0;
        loop {
            let taken = {
                let mut slots = self.slots.lock();
                if slots.slot(index).is_none() {
                    return;
                }
                let taken = slots.take_revoked(index);
                if taken.is_some() {
                    self.index.withdraw(index);
                }
                taken
            };
            if let Some(capability) = taken {
                epoch::quiesce(self.domain);
                closing(&capability);
            }
            index = index.saturating_add(1);
        }
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

    /// Closes every handle.
    pub fn clear(&self) {
        let mut from = 0;
        loop {
            let mut closed = Closed::default();
            self.take_some(&mut from, &mut closed);
            if closed.count == 0 {
                return;
            }
            epoch::quiesce(self.domain);
            {
                let mut slots = self.slots.lock();
                for index in closed.places() {
                    slots.release(*index);
                }
            }
            self.account
                .uncharge(Resource::Handles, closed.count as u64);
            // Outside the lock: closing may run an object's last-handle work.
            drop(closed);
        }
    }

    /// Empties some slots from `from` on.
    fn take_some(&self, from: &mut u32, closed: &mut Closed) {
        let mut slots = self.slots.lock();
        let end = slots.chunks.len().saturating_mul(CHUNK_SLOTS);
        let end = u32::try_from(end).unwrap_or(NO_SLOT);
        while slots.used > 0 && *from < end && closed.count < CLOSED_AT_ONCE {
            let index = *from;
            *from = index.saturating_add(1);
            let Some(slot) = slots.slot(index) else {
                return;
            };
            let is_used = slot.capability.is_some() || core::mem::take(&mut slot.revoked);
            if !is_used {
                continue;
            }
            self.index.withdraw(index);
            slot.generation = slot.generation.wrapping_add(1);
            closed.add(index, slot.capability.take());
            slots.used = slots.used.saturating_sub(1);
        }
    }
}

/// Handles that are closed with one wait for those who use them.
const CLOSED_AT_ONCE: usize = 8;

/// What was taken out of slots.
#[derive(Default)]
struct Closed {
    places: [u32; CLOSED_AT_ONCE],
    capabilities: [Option<Capability>; CLOSED_AT_ONCE],
    count: usize,
}

impl Closed {
    fn add(&mut self, index: u32, capability: Option<Capability>) {
        if let (Some(place), Some(room)) = (
            self.places.get_mut(self.count),
            self.capabilities.get_mut(self.count),
        ) {
            *place = index;
            *room = capability;
            self.count = self.count.saturating_add(1);
        }
    }

    fn places(&self) -> &[u32] {
        self.places.get(..self.count).unwrap_or(&[])
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cap::ObjectBase;
    use crate::sync::atomic::{AtomicU32, Ordering};

    struct Thing(ObjectBase, AtomicU32);
    struct Other(ObjectBase);

    impl KernelObject for Thing {
        fn kind(&self) -> ObjectKind {
            ObjectKind::Event
        }
        fn base(&self) -> &ObjectBase {
            &self.0
        }
        fn on_last_handle(&self) {
            self.1.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl KernelObject for Other {
        fn kind(&self) -> ObjectKind {
            ObjectKind::Port
        }
        fn base(&self) -> &ObjectBase {
            &self.0
        }
    }

    const RIGHTS: Rights = Rights::READ.union(Rights::DUPLICATE);

    fn thing() -> Ref<Thing> {
        Ref::new(Thing(
            ObjectBase::new(abi::Signals::empty()),
            AtomicU32::new(0),
        ))
        .unwrap()
    }

    #[test]
    fn an_old_handle_never_names_a_new_object() {
        let table = HandleTable::new(0x1234_5678_9abc_def0, Account::root().unwrap());
        let mut old = Vec::new();
        for _ in 0..1000 {
            let handle = table.add(Capability::new(thing(), RIGHTS)).unwrap();
            assert!(!old.contains(&handle));
            table.remove(handle).unwrap();
            old.push(handle);
        }
        let _live = table.add(Capability::new(thing(), RIGHTS)).unwrap();
        for handle in old {
            assert_eq!(table.remove(handle).unwrap_err(), LookupError::BadHandle);
        }
    }

    #[test]
    fn a_retired_slot_is_never_used_again() {
        let table = HandleTable::new(0, Account::root().unwrap());
        let handle = table.add(Capability::new(thing(), RIGHTS)).unwrap();
        table.slots.lock().slot(handle.0 as u32).unwrap().generation = u32::MAX;
        let last = Handle((u64::from(u32::MAX) << 32) | (handle.0 & 0xffff_ffff));
        table.remove(last).unwrap();
        for _ in 0..CHUNK_SLOTS * 2 {
            let next = table.add(Capability::new(thing(), RIGHTS)).unwrap();
            assert_ne!(next.0 as u32, handle.0 as u32);
        }
    }

    #[test]
    fn kind_comes_before_rights() {
        let table = HandleTable::new(7, Account::root().unwrap());
        let base = ObjectBase::new(abi::Signals::empty());
        let other = Capability::new(Ref::new(Other(base)).unwrap(), Rights::empty());
        let handle = table.add(other).unwrap();
        let result = table.get::<Thing>(handle, Rights::READ);
        assert!(matches!(result, Err(LookupError::WrongType)));
        let result = table.get::<Other>(handle, Rights::READ);
        assert!(matches!(result, Err(LookupError::AccessDenied)));
        assert!(table.get::<Other>(handle, Rights::empty()).is_ok());
        assert_eq!(
            table.get_any(Handle(handle.0 ^ 1), Rights::empty()).err(),
            Some(LookupError::BadHandle)
        );
    }

    #[test]
    fn the_object_hears_of_its_last_handle_once() {
        let table = HandleTable::new(0, Account::root().unwrap());
        let object = thing();
        let first = Capability::new(object.clone(), RIGHTS);
        let account = Account::root().unwrap();
        let second = first.derive(Rights::all(), &account).unwrap();
        assert_eq!(second.rights(), RIGHTS);
        let first = table.add(first).unwrap();
        drop(second);
        assert_eq!(object.1.load(Ordering::Relaxed), 0);
        table.remove(first).unwrap();
        assert_eq!(object.1.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn the_table_is_full_at_its_limit_and_empties_again() {
        let table = HandleTable::new(0, Account::root().unwrap());
        let object = thing();
        for _ in 0..HANDLES_PER_PROCESS_MAX {
            table.add(Capability::new(object.clone(), RIGHTS)).unwrap();
        }
        let error = table
            .add(Capability::new(object.clone(), RIGHTS))
            .unwrap_err();
        assert_eq!(error.reason, NoSlot::LimitReached);
        drop(error);
        table.clear();
        assert_eq!((table.len(), object.references()), (0, 1));
        assert!(table.add(Capability::new(object, RIGHTS)).is_ok());
    }

    #[test]
    fn handles_and_chunks_are_charged_and_returned() {
        let root = Account::root().unwrap();
        let account = Account::open(&root).unwrap();
        let used =
            || [Resource::Handles, Resource::KernelBytes].map(|resource| root.used(resource));
        let table = HandleTable::new(0, account.clone());
        let object = thing();
        let mut handles = Vec::new();
        for count in 1..=CHUNK_SLOTS as u64 + 1 {
            handles.push(table.add(Capability::new(object.clone(), RIGHTS)).unwrap());
            let chunks = count.div_ceil(CHUNK_SLOTS as u64);
            assert_eq!(used(), [count, chunks * CHUNK_BYTES]);
        }
        root.set_limit(Resource::Handles, handles.len() as u64);
        let refused = table.add(Capability::new(object.clone(), RIGHTS));
        assert_eq!(refused.unwrap_err().reason, NoSlot::LimitReached);
        let last = handles.pop().unwrap();
        let taken = table.remove(last).unwrap();
        root.set_limit(Resource::Handles, 1);
        // Put back in spite of the limit, under its old number.
        table.restore(last, taken);
        assert!(table.get::<Thing>(last, Rights::READ).is_ok());
        table.clear();
        assert_eq!(used()[0], 0);
        drop(table);
        assert_eq!(used(), [0, 0]);
    }

    #[test]
    fn what_was_taken_back_is_gone_and_its_handle_says_so() {
        let account = Account::root().unwrap();
        let (giver, taker) = (
            HandleTable::new(1, account.clone()),
            HandleTable::new(2, account.clone()),
        );
        let object = thing();
        let own = giver.add(Capability::new(object.clone(), RIGHTS)).unwrap();
        let copy = || {
            giver
                .with(own, |capability| capability.derive(RIGHTS, &account))
                .unwrap()
                .unwrap()
        };
        let given = taker.add(copy()).unwrap();
        let kept = taker.add(Capability::new(object.clone(), RIGHTS)).unwrap();
        let on_the_way = copy();
        giver
            .with(own, |capability| capability.derivation().unwrap().cut())
            .unwrap();
        let mut closed = 0;
        for table in [&giver, &taker] {
            table.close_revoked(|_| closed += 1);
        }
        assert_eq!(closed, 1);
        assert_eq!(
            taker.get::<Thing>(given, Rights::READ).err(),
            Some(LookupError::Revoked)
        );
        assert!(taker.get::<Thing>(kept, Rights::READ).is_ok());
        assert!(giver.get::<Thing>(own, Rights::READ).is_ok());
        // What comes late does not come in.
        assert_eq!(taker.add(on_the_way).unwrap_err().reason, NoSlot::Revoked);
        assert_eq!((taker.len(), account.used(Resource::Handles)), (2, 3));
        assert_eq!(taker.close(given), Ok(()));
        assert_eq!(taker.close(given), Err(LookupError::BadHandle));
        assert_eq!((taker.len(), account.used(Resource::Handles)), (1, 2));
        let again = taker.add(copy()).unwrap();
        assert_ne!(again, given);
    }
}
