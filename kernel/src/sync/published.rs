//! Numbered places whose values are read without a lock.
//!
//! The owner publishes and withdraws values under a lock of its own; readers borrow them
//! with interrupts masked (`epoch`). A place has a *stamp* that a reader tests before it
//! takes the value. Places lie in chunks, each twice as large as the one before, that never
//! move; a table has room for 131,008.

use crate::arch::atomic::{AtomicPtr, AtomicU64, Ordering};
use alloc::alloc::{alloc_zeroed, dealloc};
use core::alloc::Layout;
use core::fmt;
use core::marker::PhantomData;
use core::ptr::{NonNull, null_mut};

use crate::word;

use super::epoch::Masked;
use super::{AllocError, Borrowed, Ref, unless_planted};

/// Places in the first chunk, as a power of two.
const FIRST_CHUNK_BITS: u32 = 6;
/// Chunks of a table.
const CHUNKS: usize = 11;

/// Places of a table.
#[cfg(test)]
const PLACES_MAX: usize = ((1 << CHUNKS) - 1) << FIRST_CHUNK_BITS;

/// One place; a stamp of 0 is an empty one.
struct Place {
    stamp: AtomicU64,
    value: AtomicPtr<()>,
}

/// Where a place is: chunk, index in the chunk.
#[inline]
fn locate(index: u32) -> (usize, usize) {
    let biased = u64::from(index).wrapping_add(1 << FIRST_CHUNK_BITS);
    let power = 63u32.wrapping_sub(biased.leading_zeros());
    let chunk = power.wrapping_sub(FIRST_CHUNK_BITS) as usize;
    (chunk, word::index(biased ^ (1 << power)))
}

/// Values of the type that `T` says, by number.
pub struct Published<T: ?Sized> {
    chunks: [AtomicPtr<Place>; CHUNKS],
    kind: PhantomData<fn() -> Ref<T>>,
}

/// A type that is recognised by a stamp: every published value whose stamp passes the
/// test with [`Stamped::KIND`] in it is of this type.
pub trait Stamped {
    /// What the stamp has where it says what kind of value it is.
    const KIND: u64;
}

impl<T: ?Sized> Published<T> {
    /// No places.
    pub const fn new() -> Self {
        Published {
            chunks: [const { AtomicPtr::new(null_mut()) }; CHUNKS],
            kind: PhantomData,
        }
    }

    /// Makes sure that there is a place `index`.
    ///
    /// # Errors
    /// [`AllocError`] where there is no memory, or `index` is beyond the last place.
    pub fn reserve(&self, index: u32) -> Result<(), AllocError> {
        let (chunk, _) = locate(index);
        let root = self.chunks.get(chunk).ok_or(AllocError)?;
        if !root.load(Ordering::Acquire).is_null() {
            return Ok(());
        }
        let layout = chunk_layout(chunk).ok_or(AllocError)?;
        // SAFETY: the layout has a size; zeros are empty places.
        let places = unsafe { alloc_zeroed(layout) }.cast::<Place>();
        if places.is_null() {
            return Err(AllocError);
        }
        let set = root.compare_exchange(null_mut(), places, Ordering::AcqRel, Ordering::Acquire);
        if set.is_err() {
            // SAFETY: allocated above with this layout; nobody else has seen it.
            unsafe { dealloc(places.cast::<u8>(), layout) };
        }
        Ok(())
    }

    #[inline]
    fn place(&self, index: u32) -> Option<&Place> {
        // Most tables need their first chunk only.
        let [first, ..] = &self.chunks;
        let (chunk, within) = if index < 1 << FIRST_CHUNK_BITS {
            (first, index as usize)
        } else {
            let (chunk, within) = locate(index);
            (self.chunks.get(chunk)?, within)
        };
        let places = chunk.load(Ordering::Acquire);
        // SAFETY: a chunk has `1 << (chunk + FIRST_CHUNK_BITS)` places and `within` is
        // below that by the way `locate` computes it; chunks live as long as the table.
        NonNull::new(places).map(|places| unsafe { places.add(within).as_ref() })
    }

    /// Lets readers find `value` at `index`, which is reserved and empty.
    pub fn publish(&self, index: u32, stamp: u64, value: &Ref<T>) {
        if let Some(place) = self.place(index) {
            let value = value.as_raw().as_ptr().cast::<()>();
            place.value.store(value, Ordering::Relaxed);
            let order = unless_planted("published-publish", Ordering::Release);
            place.stamp.store(stamp, order);
        }
    }

    /// Lets no further reader find what is at `index`; those that have it are waited for
    /// by [`super::epoch::quiesce`].
    pub fn withdraw(&self, index: u32) {
        if let Some(place) = self.place(index) {
            place.stamp.store(0, Ordering::Relaxed);
            sched_point!();
        }
    }

    /// The stamp at `index`, 0 where nothing is.
    #[inline]
    pub fn stamp(&self, index: u32) -> u64 {
        self.place(index)
            .map_or(0, |place| place.stamp.load(Ordering::Acquire))
    }

    /// The value at `index` if its stamp has the bits of `wanted | U::KIND` where `mask`
    /// has ones. `mask` covers the kind.
    #[inline]
    pub fn borrow<'a, U: Stamped>(
        &'a self,
        _masked: Masked<'a>,
        index: u32,
        wanted: u64,
        mask: u64,
    ) -> Option<Borrowed<'a, U>> {
        let place = self.place(index)?;
        let stamp = place.stamp.load(Ordering::Acquire);
        if (stamp ^ (wanted | U::KIND)) & mask != 0 {
            return None;
        }
        sched_point!();
        let value = place.value.load(Ordering::Relaxed).cast::<U>();
        sched_point!();
        // SAFETY: published values lie in a `Ref` until they are withdrawn and every
        // reader with interrupts masked, as this one is for 'a, has gone. Its type is `U`
        // by the contract of `Stamped`.
        NonNull::new(value).map(|value| unsafe { Borrowed::from_raw(value) })
    }
}

fn chunk_layout(chunk: usize) -> Option<Layout> {
    let bits = u32::try_from(chunk).ok()?.checked_add(FIRST_CHUNK_BITS)?;
    Layout::array::<Place>(1usize.checked_shl(bits)?).ok()
}

impl<T: ?Sized> Drop for Published<T> {
    fn drop(&mut self) {
        for (chunk, root) in self.chunks.iter_mut().enumerate() {
            let places = core::mem::replace(root.get_mut(), null_mut());
            if let (false, Some(layout)) = (places.is_null(), chunk_layout(chunk)) {
                // SAFETY: allocated in `reserve` with this layout; the table is borrowed
                // exclusively, so nobody reads it.
                unsafe { dealloc(places.cast::<u8>(), layout) };
            }
        }
    }
}

impl<T: ?Sized> Default for Published<T> {
    fn default() -> Self {
        Published::new()
    }
}

impl<T: ?Sized> fmt::Debug for Published<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Published")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::{irq_disable, irq_enable};

    #[derive(Debug, PartialEq)]
    struct Number(u32);

    impl Stamped for Number {
        const KIND: u64 = 0x100;
    }

    fn read(table: &Published<Number>, index: u32, wanted: u64) -> Option<u32> {
        irq_disable();
        let found = Masked::with(|masked| {
            table
                .borrow::<Number>(masked, index, wanted, 0xffff)
                .map(|number| number.0)
        });
        irq_enable();
        found
    }

    #[test]
    fn every_index_has_its_own_place() {
        let mut seen = (0..PLACES_MAX as u32)
            .map(locate)
            .collect::<alloc::vec::Vec<_>>();
        assert!(seen.iter().all(|(chunk, within)| *within < 64 << chunk));
        assert_eq!(seen.last().unwrap().0, CHUNKS - 1);
        seen.dedup();
        assert_eq!(seen.len(), PLACES_MAX);
        assert_eq!(locate(PLACES_MAX as u32), (CHUNKS, 0));
    }

    #[test]
    fn a_value_is_found_by_its_stamp_until_it_is_withdrawn() {
        let table = Published::new();
        let value = Ref::new(Number(7)).unwrap();
        for index in [0, 63, 64, 65_535] {
            table.reserve(index).unwrap();
            assert_eq!(read(&table, index, 5), None);
            table.publish(index, 0x105, &value);
            assert_eq!(read(&table, index, 5), Some(7));
            assert_eq!(read(&table, index, 4), None);
            table.withdraw(index);
            assert_eq!(read(&table, index, 5), None);
        }
        assert!(table.reserve(PLACES_MAX as u32).is_err());
        assert_eq!(value.references(), 1);
    }
}
