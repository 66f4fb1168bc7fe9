//! The places of a table, which own the capabilities.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::cap::Capability;
use crate::limits::HANDLES_PER_PROCESS_MAX;
use crate::sync::try_box_with;
use crate::word;

use super::{LookupError, NoSlot};

pub(super) const CHUNK_SLOTS: usize = 64;
/// Bytes charged for a chunk: the slots, and their places in the index, whose chunks double
/// and can be half empty.
pub(super) const CHUNK_BYTES: u64 =
    size_of::<[Slot; CHUNK_SLOTS]>() as u64 + 2 * 16 * CHUNK_SLOTS as u64;
pub(super) const NO_SLOT: u32 = u32::MAX;

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) generation: u32,
    pub(super) next_free: u32,
    pub(super) capability: Option<Capability>,
    /// Its capability was taken back; the handle is not closed yet.
    pub(super) revoked: bool,
}

#[derive(Debug)]
pub(super) struct Slots {
    #[expect(
        clippy::vec_box,
        reason = "chunks must not move when there are more of them"
    )]
    pub(super) chunks: Vec<Box<[Slot; CHUNK_SLOTS]>>,
    pub(super) free: u32,
    pub(super) used: usize,
}

impl Slots {
    pub(super) fn slot(&mut self, index: u32) -> Option<&mut Slot> {
        let index = index as usize;
        self.chunks
            .get_mut(index / CHUNK_SLOTS)?
            .get_mut(index % CHUNK_SLOTS)
    }

    pub(super) fn find(&mut self, handle: u64) -> Option<&mut Slot> {
        let generation = (handle >> 32) as u32;
        self.slot(word::low_half(handle))
            .filter(|slot| slot.generation == generation && slot.capability.is_some())
    }

    /// Adds a chunk, charged by the caller.
    pub(super) fn grow(&mut self) -> Result<(), NoSlot> {
        let base = self.chunks.len().saturating_mul(CHUNK_SLOTS);
        if base >= HANDLES_PER_PROCESS_MAX {
            return Err(NoSlot::LimitReached);
        }
        let none = |_| NoSlot::LimitReached;
        let first = u32::try_from(base).map_err(none)?;
        let end = u32::try_from(base.saturating_add(CHUNK_SLOTS)).map_err(none)?;
        let mut following = first.saturating_add(1)..end;
        self.chunks.try_reserve(1).map_err(|_| NoSlot::NoMemory)?;
        let chunk = try_box_with(|| {
            core::array::from_fn(|_| Slot {
                generation: 1,
                next_free: following.next().unwrap_or(NO_SLOT),
                capability: None,
                revoked: false,
            })
        });
        self.chunks.push(chunk.map_err(|_| NoSlot::NoMemory)?);
        self.free = first;
        Ok(())
    }

    /// Why a handle names nothing.
    pub(super) fn missing(&mut self, handle: u64) -> LookupError {
        let generation = (handle >> 32) as u32;
        match self.slot(word::low_half(handle)) {
            Some(slot) if slot.revoked && slot.generation == generation => LookupError::Revoked,
            _ => LookupError::BadHandle,
        }
    }

    /// Ends a handle whose capability was taken back.
    pub(super) fn end_revoked(&mut self, handle: u64) -> Result<(), LookupError> {
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
    pub(super) fn take_revoked(&mut self, index: u32) -> Option<Capability> {
        let slot = self.slot(index)?;
        if !slot.capability.as_ref().is_some_and(Capability::is_revoked) {
            return None;
        }
        slot.revoked = true;
        slot.capability.take()
    }

    /// Empties a slot, which is not used again before [`Slots::release`].
    pub(super) fn take(&mut self, handle: u64) -> Option<Capability> {
        let slot = self.find(handle)?;
        let capability = slot.capability.take();
        slot.generation = slot.generation.wrapping_add(1);
        self.used = self.used.saturating_sub(1);
        capability
    }

    /// Lets an emptied slot be used again.
    pub(super) fn release(&mut self, index: u32) {
        let free = self.free;
        // Generation 0 is never used: a slot that reaches it is retired.
        if let Some(slot) = self.slot(index).filter(|slot| slot.generation != 0) {
            slot.next_free = free;
            self.free = index;
        }
    }
}
