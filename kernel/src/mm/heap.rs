//! The kernel heap: slabs of equal objects, and runs of pages for large ones.
//!
//! A slab is one run of pages: a header, then objects of one size class; free objects
//! are linked through their first word. Each class has its own lock.
//!
//! Slabs have a home: the common one, or a reserve ([`reservation`](super::reservation)),
//! whose objects go only to the thread with the reservation.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};

use crate::sync::SpinLock;

use super::reservation::{COMMON, HOMES, give_heap_pages, home, take_home_pages};
use super::shortage;

/// Object sizes in bytes and, as a power of two of pages, the size of their slabs.
const CLASSES: [(usize, u32); 15] = [
    (16, 0),
    (32, 0),
    (48, 0),
    (64, 0),
    (96, 0),
    (128, 0),
    (192, 0),
    (256, 0),
    (384, 1),
    (512, 1),
    (768, 2),
    (1024, 2),
    (1360, 2),
    (2048, 3),
    (4096, 4),
];
const LARGEST: usize = 4096;
/// Bytes of a slab before its first object; keeps objects aligned to 64.
const HEADER_BYTES: usize = 64;
const PAGE: usize = abi::PAGE_SIZE;

/// Bytes from the start of a slab to behind its last object, for each class.
const ENDS: [usize; CLASSES.len()] = {
    let mut ends = [0; CLASSES.len()];
    let mut class = 0;
    while class < CLASSES.len() {
        let (size, order) = CLASSES[class];
        ends[class] = HEADER_BYTES + ((PAGE << order) - HEADER_BYTES) / size * size;
        class += 1;
    }
    ends
};

/// The class index for each size in steps of 16.
#[expect(
    clippy::cast_possible_truncation,
    reason = "there are fewer than 256 classes"
)]
const CLASS_OF: [u8; LARGEST / 16 + 1] = {
    let mut table = [0; LARGEST / 16 + 1];
    let (mut step, mut class) = (0, 0);
    while step < table.len() {
        if step * 16 > CLASSES[class].0 {
            class += 1;
        }
        table[step] = class as u8;
        step += 1;
    }
    table
};

#[derive(Debug)]
struct Slab {
    free: *mut u8,
    used: usize,
    previous: *mut Slab,
    next: *mut Slab,
    /// Never changes while the slab lives.
    home: usize,
}

const _: () = assert!(size_of::<Slab>() <= HEADER_BYTES);

/// Slabs of one class that have free objects.
struct Class {
    partial: *mut Slab,
    /// One slab without objects is kept, so that a class at the edge does not thrash.
    spare: *mut Slab,
}

// SAFETY: the slabs belong to the class and are only touched under its lock.
unsafe impl Send for Class {}

/// By home and class.
static SLABS: [[SpinLock<Class>; CLASSES.len()]; HOMES] = [const {
    [const {
        SpinLock::new(Class {
            partial: null_mut(),
            spare: null_mut(),
        })
    }; CLASSES.len()]
}; HOMES];

fn slab_bytes(class: usize) -> usize {
    PAGE << CLASSES[class].1
}

/// The slab of an object: slabs are aligned to their size.
fn slab_of(class: usize, object: *mut u8) -> *mut Slab {
    // The negative of a power of two is the mask of its multiples.
    object
        .map_addr(|address| address & slab_bytes(class).wrapping_neg())
        .cast()
}

/// Takes memory of a home.
fn take(home: usize, layout: &Layout) -> Option<NonNull<u8>> {
    match class_of(layout) {
        Some(class) => SLABS[home][class].lock().alloc(home, class),
        None => NonNull::new(take_home_pages(home, order_of(layout))?),
    }
}

/// Takes memory of the reserve that this thread has, if it has one.
#[cold]
fn take_reserved(layout: &Layout) -> Option<NonNull<u8>> {
    take(home()?, layout)
}

impl Class {
    /// # Safety
    /// `slab` is a slab of this class that is in no list.
    unsafe fn list(&mut self, slab: *mut Slab) {
        // SAFETY: by the caller; the list holds live slabs of this class.
        unsafe {
            (*slab).previous = null_mut();
            (*slab).next = self.partial;
            if !self.partial.is_null() {
                (*self.partial).previous = slab;
            }
        }
        self.partial = slab;
    }

    /// # Safety
    /// `slab` is in the list of this class.
    unsafe fn unlist(&mut self, slab: *mut Slab) {
        // SAFETY: by the caller; neighbours are live slabs of this class.
        unsafe {
            let (previous, next) = ((*slab).previous, (*slab).next);
            if previous.is_null() {
                self.partial = next;
            } else {
                (*previous).next = next;
            }
            if !next.is_null() {
                (*next).previous = previous;
            }
        }
    }

    fn make_slab(&mut self, home: usize, class: usize) -> Option<*mut Slab> {
        if !self.spare.is_null() {
            return Some(core::mem::replace(&mut self.spare, null_mut()));
        }
        let (size, order) = CLASSES[class];
        let base = take_home_pages(home, order)?;
        let slab = base.cast::<Slab>();
        let mut free = null_mut::<u8>();
        for offset in (HEADER_BYTES..ENDS[class]).step_by(size).rev() {
            // SAFETY: the object lies in the run of pages that was just taken.
            unsafe {
                let object = base.add(offset);
                object.cast::<*mut u8>().write(free);
                free = object;
            }
        }
        // SAFETY: the header lies at the start of the run, which is page aligned.
        unsafe {
            slab.write(Slab {
                free,
                used: 0,
                previous: null_mut(),
                next: null_mut(),
                home,
            })
        };
        Some(slab)
    }

    fn alloc(&mut self, home: usize, class: usize) -> Option<NonNull<u8>> {
        if self.partial.is_null() {
            let slab = self.make_slab(home, class)?;
            // SAFETY: a slab without objects is in no list.
            unsafe { self.list(slab) };
        }
        let slab = self.partial;
        // SAFETY: a listed slab is live and has a free object, whose first word links on.
        unsafe {
            let object = (*slab).free;
            (*slab).free = object.cast::<*mut u8>().read();
            (*slab).used = (*slab).used.saturating_add(1);
            if (*slab).free.is_null() {
                self.unlist(slab);
            }
            NonNull::new(object)
        }
    }

    /// # Safety
    /// `object` was allocated from this class and is not used any more.
    unsafe fn free(&mut self, class: usize, object: *mut u8) {
        let slab = slab_of(class, object);
        // SAFETY: this is the object's slab.
        unsafe {
            let was_full = (*slab).free.is_null();
            object.cast::<*mut u8>().write((*slab).free);
            (*slab).free = object;
            (*slab).used = (*slab).used.saturating_sub(1);
            if (*slab).used == 0 {
                if !was_full {
                    self.unlist(slab);
                }
                // A reserve is to be whole again: it keeps no spare slab.
                let gone = match (*slab).home {
                    COMMON => core::mem::replace(&mut self.spare, slab),
                    _ => slab,
                };
                if !gone.is_null() {
                    give_heap_pages(gone.cast(), CLASSES[class].1);
                }
            } else if was_full {
                self.list(slab);
            }
        }
    }
}

fn class_of(layout: &Layout) -> Option<usize> {
    // Objects of a power of two are aligned to at most 64, through the header; what asks
    // for more gets pages.
    let size = layout.size().max(layout.align());
    if size > LARGEST || layout.align() > 16 {
        return None;
    }
    CLASS_OF
        .get(size.div_ceil(16))
        .map(|class| usize::from(*class))
}

fn order_of(layout: &Layout) -> u32 {
    layout
        .size()
        .max(layout.align())
        .div_ceil(PAGE)
        .next_power_of_two()
        .trailing_zeros()
}

/// The kernel's global allocator.
#[derive(Debug)]
pub struct KernelHeap;

// SAFETY: every block is handed out once until it is freed: objects under the lock of
// their class, page runs by the frame pool. Sizes and alignments are those asked for.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let taken = match shortage::of_heap() {
            None => take(COMMON, &layout).or_else(|| take_reserved(&layout)),
            Some(shortage::Scarce::Pool) => take_reserved(&layout),
            Some(shortage::Scarce::All) => None,
        };
        taken.map_or(null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match class_of(&layout) {
            // SAFETY: the caller returns what `alloc` gave for this layout, so it lies in a
            // live slab of this class, whose home does not change.
            Some(class) => unsafe {
                let home = (*slab_of(class, block)).home;
                SLABS[home][class].lock().free(class, block);
            },
            None => give_heap_pages(block, order_of(&layout)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn every_size_has_the_smallest_class_that_fits() {
        for size in 1..=LARGEST {
            let class = class_of(&Layout::from_size_align(size, 8).unwrap()).unwrap();
            assert!(CLASSES[class].0 >= size);
            assert!(class == 0 || CLASSES[class - 1].0 < size);
        }
        assert!(class_of(&Layout::from_size_align(LARGEST + 1, 8).unwrap()).is_none());
        assert!(class_of(&Layout::from_size_align(64, 4096).unwrap()).is_none());
    }

    #[test]
    fn objects_never_overlap_and_all_pages_come_back() {
        crate::mm::tests::with_memory(|| {
            let before = crate::mm::free_frames();
            let mut live: Vec<(*mut u8, Layout, u8)> = Vec::new();
            let mut random = 1u64;
            for step in 0..20_000u32 {
                random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
                let pick = (random >> 40) as usize;
                if live.len() > 200 || (step % 3 == 0 && !live.is_empty()) {
                    let (block, layout, mark) = live.swap_remove(pick % live.len());
                    // SAFETY: the block is live and as large as its layout says.
                    unsafe {
                        let bytes = core::slice::from_raw_parts(block, layout.size());
                        assert!(bytes.iter().all(|byte| *byte == mark));
                        KernelHeap.dealloc(block, layout);
                    }
                    continue;
                }
                let layout = Layout::from_size_align(1 + pick % 9000, 16).unwrap();
                // SAFETY: the layout has a size, and the block is filled within it.
                unsafe {
                    let block = KernelHeap.alloc(layout);
                    assert!(!block.is_null() && (block as usize).is_multiple_of(16));
                    block.write_bytes(step as u8, layout.size());
                    live.push((block, layout, step as u8));
                }
            }
            for (block, layout, _) in live.drain(..) {
                // SAFETY: as above.
                unsafe { KernelHeap.dealloc(block, layout) };
            }
            // What is left is at most one spare slab for each class.
            let spare: u64 = CLASSES.iter().map(|(_, order)| 1u64 << order).sum();
            assert!(before - crate::mm::free_frames() <= spare);
        });
    }
}
