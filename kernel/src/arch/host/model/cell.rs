//! Plain memory whose accesses are compared with the memory order.

use core::cell::Cell;
use core::fmt;

use super::std::{boxed::Box, rc::Rc, thread_local};
use super::stock::Stock;
use super::{Backend, backend, execution};

type Tracked = loom::cell::UnsafeCell<()>;

thread_local! {
    /// The loom cells that a schedule has left.
    pub(super) static STOCK: Stock<Tracked> = const { Stock::new("cells") };
}

/// Stands for a piece of plain memory: in a model, a write that is not ordered with every
/// other access fails the schedule.
pub struct Access {
    of: Cell<u64>,
    tracked: Cell<Option<Rc<Tracked>>>,
    taken: Cell<bool>,
    first: Cell<Option<Box<[u8]>>>,
}

// SAFETY: all threads of a model are one thread of the host; elsewhere nothing is kept.
unsafe impl Send for Access {}
// SAFETY: as above.
unsafe impl Sync for Access {}

impl Access {
    /// Memory that nobody has accessed.
    pub const fn new() -> Self {
        Access {
            of: Cell::new(0),
            tracked: Cell::new(None),
            taken: Cell::new(false),
            first: Cell::new(None),
        }
    }

    fn renew(&self) {
        if self.of.replace(execution()) != execution() {
            self.tracked.set(None);
            self.taken.set(false);
        }
    }

    fn tracked(&self) -> Option<Rc<Tracked>> {
        self.renew();
        if backend() != Backend::Loom {
            return None;
        }
        let tracked = self
            .tracked
            .take()
            .unwrap_or_else(|| STOCK.with(Stock::take));
        self.tracked.set(Some(tracked.clone()));
        Some(tracked)
    }

    /// Gives a value that is used for the first time in a schedule, and was used in an
    /// earlier one, its first value again; what it has is forgotten.
    ///
    /// # Safety
    /// Nobody else uses the value.
    pub unsafe fn renew_value<T: ?Sized>(&self, value: *mut T) {
        if backend() == Backend::None || self.of.get() == execution() {
            return;
        }
        self.renew();
        // SAFETY: the value is valid, and the caller's alone.
        let size = size_of_val(unsafe { &*value });
        let bytes = value.cast::<u8>();
        let first = self.first.take().unwrap_or_else(|| {
            let mut copy = Box::<[u8]>::new_uninit_slice(size);
            // SAFETY: room for the bytes of the value; padding is copied untyped.
            unsafe {
                core::ptr::copy_nonoverlapping(bytes, copy.as_mut_ptr().cast(), size);
                copy.assume_init()
            }
        });
        // SAFETY: as many bytes as the value has, which were this value once.
        unsafe { core::ptr::copy_nonoverlapping(first.as_ptr(), bytes, size) };
        self.first.set(Some(first));
    }

    /// The memory is read.
    pub fn read(&self) {
        if let Some(tracked) = self.tracked() {
            tracked.with(|_| ());
        }
    }

    /// The memory is written.
    pub fn write(&self) {
        if let Some(tracked) = self.tracked() {
            tracked.with_mut(|_| ());
        }
    }

    /// Somebody has the memory for itself from here on; shuttle sees it where another has,
    /// too.
    ///
    /// # Panics
    /// Where another has.
    pub fn enter(&self) {
        self.write();
        if backend() == Backend::Shuttle {
            assert!(!self.taken.replace(true), "two at a time");
        }
    }

    /// The end of [`Access::enter`].
    pub fn leave(&self) {
        self.write();
        self.taken.set(false);
    }
}

impl Default for Access {
    fn default() -> Self {
        Access::new()
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Access")
    }
}
