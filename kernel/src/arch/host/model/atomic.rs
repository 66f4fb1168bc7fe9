//! Atomics whose every access is a step of the model.
//!
//! As `core::sync::atomic`, but that what lies in a `static` has its first value again in
//! each schedule. Zeros are a valid atomic with the value zero.
//!
//! An atomic of loom belongs to one schedule and must be made before the CPUs are there, so
//! each schedule begins with a stock of them, and an atomic takes one at its first use. It
//! keeps the distance to the first value.

pub use core::sync::atomic::Ordering;

use core::cell::Cell;
use core::fmt;
use core::ptr::with_exposed_provenance_mut;
use core::sync::atomic as plain;

use super::std::{rc::Rc, thread_local};
use super::stock::Stock;
use super::{Backend, backend, execution, point};

/// A fence.
pub fn fence(order: Ordering) {
    match backend() {
        Backend::None => plain::fence(order),
        Backend::Loom => loom::sync::atomic::fence(order),
        Backend::Shuttle => point(),
    }
}

/// What an atomic can hold, as 64 bits.
pub trait Value: Copy + PartialEq {
    /// Its bits.
    fn to_bits(self) -> u64;
    /// From the low bits that it has.
    fn from_bits(bits: u64) -> Self;
}

macro_rules! value {
    ($($type:ty),*) => {$(
        impl Value for $type {
            fn to_bits(self) -> u64 {
                self as u64
            }

            fn from_bits(bits: u64) -> Self {
                bits as $type
            }
        }
    )*};
}

value!(u8, u16, u32, u64, usize, i64);

impl Value for bool {
    fn to_bits(self) -> u64 {
        u64::from(self)
    }

    fn from_bits(bits: u64) -> Self {
        bits != 0
    }
}

impl<T> Value for *mut T {
    fn to_bits(self) -> u64 {
        self.expose_provenance() as u64
    }

    fn from_bits(bits: u64) -> Self {
        with_exposed_provenance_mut(bits as usize)
    }
}

type Tracked = loom::sync::atomic::AtomicU64;

thread_local! {
    /// The loom atomics that a schedule has left.
    pub(super) static STOCK: Stock<Tracked> = const { Stock::new("atomics") };
}

/// An atomic of the model.
pub struct Atomic<V> {
    first: V,
    value: Cell<V>,
    of: Cell<u64>,
    tracked: Cell<Option<Rc<Tracked>>>,
}

// SAFETY: all threads of a model are one thread of the host. Elsewhere, with the feature
// on, there is one thread.
unsafe impl<V> Send for Atomic<V> {}
// SAFETY: as above.
unsafe impl<V> Sync for Atomic<V> {}

impl<V: Value> Atomic<V> {
    /// An atomic with this value.
    pub const fn new(value: V) -> Self {
        Atomic {
            first: value,
            value: Cell::new(value),
            of: Cell::new(0),
            tracked: Cell::new(None),
        }
    }

    /// Forgets an earlier schedule.
    fn renew(&self) {
        if self.of.replace(execution()) != execution() {
            self.value.set(self.first);
            self.tracked.set(None);
        }
    }

    fn at<R>(&self, loom: impl FnOnce(&Tracked) -> R, plain: impl FnOnce(&Cell<V>) -> R) -> R {
        match backend() {
            Backend::None => plain(&self.value),
            Backend::Loom => {
                self.renew();
                let tracked = self
                    .tracked
                    .take()
                    .unwrap_or_else(|| STOCK.with(Stock::take));
                self.tracked.set(Some(tracked.clone()));
                loom(&tracked)
            }
            Backend::Shuttle => {
                point();
                self.renew();
                plain(&self.value)
            }
        }
    }

    fn distance(&self, value: V) -> u64 {
        value.to_bits().wrapping_sub(self.first.to_bits())
    }

    fn value(&self, distance: u64) -> V {
        V::from_bits(distance.wrapping_add(self.first.to_bits()))
    }

    /// As of `core`.
    pub fn load(&self, order: Ordering) -> V {
        self.at(|loom| self.value(loom.load(order)), Cell::get)
    }

    /// As of `core`.
    pub fn store(&self, value: V, order: Ordering) {
        let distance = self.distance(value);
        self.at(|loom| loom.store(distance, order), |cell| cell.set(value));
    }

    /// As of `core`.
    pub fn swap(&self, value: V, order: Ordering) -> V {
        let distance = self.distance(value);
        self.at(
            |loom| self.value(loom.swap(distance, order)),
            |cell| cell.replace(value),
        )
    }

    /// As of `core`.
    pub fn compare_exchange(
        &self,
        current: V,
        new: V,
        success: Ordering,
        failure: Ordering,
    ) -> Result<V, V> {
        let (from, to) = (self.distance(current), self.distance(new));
        self.at(
            |loom| {
                loom.compare_exchange(from, to, success, failure)
                    .map(|old| self.value(old))
                    .map_err(|old| self.value(old))
            },
            |cell| {
                let old = cell.get();
                if old != current {
                    return Err(old);
                }
                cell.set(new);
                Ok(old)
            },
        )
    }

    /// As of `core`, never failing without reason.
    pub fn compare_exchange_weak(
        &self,
        current: V,
        new: V,
        success: Ordering,
        failure: Ordering,
    ) -> Result<V, V> {
        self.compare_exchange(current, new, success, failure)
    }

    /// As of `core`.
    pub fn fetch_update(
        &self,
        success: Ordering,
        failure: Ordering,
        mut change: impl FnMut(V) -> Option<V>,
    ) -> Result<V, V> {
        let mut old = self.load(failure);
        while let Some(new) = change(old) {
            match self.compare_exchange(old, new, success, failure) {
                Ok(old) => return Ok(old),
                Err(other) => old = other,
            }
        }
        Err(old)
    }

    fn change(&self, order: Ordering, change: impl Fn(V) -> V) -> V {
        if backend() == Backend::Loom {
            // One step on the machine; here the second is tried again until nothing came
            // in between.
            let old = self.fetch_update(order, Ordering::Relaxed, |old| Some(change(old)));
            return old.unwrap_or_else(|old| old);
        }
        self.at(|_| self.first, |cell| cell.replace(change(cell.get())))
    }

    /// As of `core`; the borrow is exclusive, so the value leaves the model.
    pub fn get_mut(&mut self) -> &mut V {
        if backend() != Backend::None {
            *self = Atomic::new(self.load(Ordering::Relaxed));
            self.of.set(execution());
        }
        self.value.get_mut()
    }

    /// As of `core`.
    pub fn into_inner(mut self) -> V {
        *self.get_mut()
    }
}

macro_rules! numbers {
    ($($name:ident $value:ty),*) => {$(
        /// As of `core`.
        pub type $name = Atomic<$value>;

        impl Atomic<$value> {
            /// As of `core`.
            pub fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                self.change(order, |old| old.wrapping_add(value))
            }

            /// As of `core`.
            pub fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                self.change(order, |old| old.wrapping_sub(value))
            }

            /// As of `core`.
            pub fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                self.change(order, |old| old | value)
            }

            /// As of `core`.
            pub fn fetch_and(&self, value: $value, order: Ordering) -> $value {
                self.change(order, |old| old & value)
            }

            /// As of `core`.
            pub fn fetch_max(&self, value: $value, order: Ordering) -> $value {
                self.change(order, |old| old.max(value))
            }
        }
    )*};
}

numbers!(AtomicU8 u8, AtomicU16 u16, AtomicU32 u32, AtomicU64 u64, AtomicUsize usize, AtomicI64 i64);

/// As of `core`.
pub type AtomicBool = Atomic<bool>;
/// As of `core`.
pub type AtomicPtr<T> = Atomic<*mut T>;

impl<V: Value> Default for Atomic<V> {
    fn default() -> Self {
        Atomic::new(V::from_bits(0))
    }
}

impl<V> fmt::Debug for Atomic<V> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Atomic")
    }
}
