//! Who maps the pages of a Memory.
#![forbid(unsafe_code)]

use alloc::vec::Vec;

use crate::sync::{AllocError, Ref, SpinLock};

use super::address_space::AddressSpace;

#[derive(Debug)]
struct Mapper {
    /// Never used twice: what comes later is larger.
    number: u64,
    space: Ref<AddressSpace>,
}

#[derive(Debug, Default)]
struct List {
    next: u64,
    mappers: Vec<Mapper>,
}

/// The spaces that map a Memory, each once. A space is entered before its first mapping
/// and leaves after its last, both under its own lock.
#[derive(Debug, Default)]
pub(super) struct Mappers {
    list: SpinLock<List>,
}

impl Mappers {
    /// Enters a space, unless it is there.
    pub(super) fn add(&self, space: &Ref<AddressSpace>) -> Result<(), AllocError> {
        let mut list = self.list.lock();
        if list.mappers.iter().any(|mapper| mapper.space.same(space)) {
            return Ok(());
        }
        list.mappers.try_reserve(1).map_err(|_| AllocError)?;
        let number = list.next;
        list.next = number.saturating_add(1);
        list.mappers.push(Mapper {
            number,
            space: space.clone(),
        });
        Ok(())
    }

    /// Takes a space out.
    pub(super) fn remove(&self, space: &AddressSpace) {
        let gone = {
            let mut list = self.list.lock();
            let is_it = |mapper: &Mapper| core::ptr::eq(&*mapper.space, space);
            let index = list.mappers.iter().position(is_it);
            // In order, for `for_each`.
            index.map(|index| list.mappers.remove(index))
        };
        drop(gone);
    }

    /// Calls `visit` with each space that was entered before the call and has not left,
    /// with no lock held.
    pub(super) fn for_each(&self, mut visit: impl FnMut(&AddressSpace)) {
        let mut from = 0;
        loop {
            let next = {
                let list = self.list.lock();
                let index = list.mappers.partition_point(|mapper| mapper.number < from);
                let mapper = list.mappers.get(index);
                mapper.map(|mapper| (mapper.number, mapper.space.clone()))
            };
            let Some((number, space)) = next else { return };
            visit(&space);
            from = number.saturating_add(1);
        }
    }
}
