//! Closing handles, one or many.

use abi::Handle;

use crate::account::Resource;
use crate::cap::Capability;
use crate::sync::epoch;

use super::slots::{CHUNK_SLOTS, NO_SLOT};
use super::{HandleTable, LookupError};

/// Handles that are closed with one wait for those who use them.
const CLOSED_AT_ONCE: usize = 16;

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

impl HandleTable {
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

    /// Closes every handle.
    pub fn clear(&self) {
        let mut from = 0;
        while !self.is_empty() {
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
