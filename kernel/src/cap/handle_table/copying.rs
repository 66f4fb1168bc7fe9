//! Copies of a table, for copies of its process.

use abi::Rights;

use crate::account::{Account, Resource};
use crate::cap::{Capability, DeriveError};
use crate::sync::Ref;

use super::slots::{CHUNK_SLOTS, NO_SLOT};
use super::{HandleTable, NoSlot, stamp};

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

impl HandleTable {
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
}
