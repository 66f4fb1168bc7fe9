//! Page faults: what the entry of a page becomes.
#![forbid(unsafe_code)]

use crate::arch::{self, Access, Descriptor, MemoryType, PageFlags};
use crate::sync::Ref;

use super::PAGE;
use super::address_space::{AddressSpace, CHARGED, FaultError, Inner};
use super::frame::{Frame, Purpose};
use super::memory::{MemoryPages, SharedPage};
use super::page_table::PageEntry;
use super::vma::{Backing, Vma};

/// What one look at a fault came to.
pub(super) enum Step {
    /// The access can be tried again.
    Done,
    /// The page must be read first, without the lock.
    Fill { pages: Ref<MemoryPages>, page: u64 },
    /// The Memory shares the page with its clones, or is just being cloned: before a store
    /// it needs one of its own.
    Own { pages: Ref<MemoryPages>, page: u64 },
}

fn allowed(vma: &Vma, access: Access) -> bool {
    !vma.dying
        && match access {
            Access::Read => true,
            Access::Write => vma.flags.contains(PageFlags::WRITE),
            Access::Execute => vma.flags.contains(PageFlags::EXECUTE),
        }
}

/// The entry of a page whose mapping now has `flags`: never more than the entry had of
/// write permission, so that shared pages stay unwritten until they are copied.
pub(super) fn reprotected(old: Descriptor, flags: PageFlags) -> Descriptor {
    let writable = flags.contains(PageFlags::WRITE) && old.flags().contains(PageFlags::WRITE);
    let kept = if writable {
        flags
    } else {
        flags.difference(PageFlags::WRITE)
    };
    let page = Descriptor::page(old.address(), MemoryType::Normal, kept);
    Descriptor(page.0 | (old.0 & CHARGED))
}

/// Gives an entry a page of zeros of the mapping's own.
#[inline(always)]
fn zeros(
    space: &AddressSpace,
    vma: &Vma,
    entry: PageEntry,
    own: &mut u64,
) -> Result<Step, FaultError> {
    let frame = fresh(space, own, || Frame::zeroed(Purpose::User))?;
    Ok(install(entry, frame, vma.flags, CHARGED))
}

/// Looks at a fault under the space's lock.
pub(super) fn step(
    space: &AddressSpace,
    inner: &mut Inner,
    address: u64,
    access: Access,
) -> Result<Step, FaultError> {
    let Inner { list, table, own } = inner;
    let page = address & !(PAGE - 1);
    let vma = list.find_again(address).filter(|vma| allowed(vma, access));
    let vma = vma.ok_or(FaultError::Denied)?;
    let entry = match table.entry(page) {
        Some(entry) => entry,
        None => space.make_entry(table, page)?,
    };
    let old = entry.get();
    if old.is_valid() {
        let ready = access != Access::Write || old.flags().contains(PageFlags::WRITE);
        // Another thread was faster, or the TLB had not heard of the entry yet.
        if ready {
            space.flush(page);
            return Ok(Step::Done);
        }
        return unshare(space, vma, page, entry, own);
    }
    match &vma.backing {
        Backing::Anonymous => zeros(space, vma, entry, own),
        Backing::Memory {
            pages,
            first,
            bytes,
            private,
        } => {
            let skipped = page.saturating_sub(vma.start);
            let number = first.saturating_add(skipped / PAGE);
            let shown = bytes.saturating_sub(skipped);
            if *private && shown == 0 {
                return zeros(space, vma, entry, own);
            }
            if !private {
                return Ok(match pages.shared_page(number, access)? {
                    SharedPage::Ready(frame) => install(entry, frame, shared_flags(vma, access), 0),
                    SharedPage::Missing => Step::Fill {
                        pages: pages.clone(),
                        page: number,
                    },
                    SharedPage::NotOwn => Step::Own {
                        pages: pages.clone(),
                        page: number,
                    },
                });
            }
            let Some(shared) = pages.present_page(number)? else {
                return Ok(Step::Fill {
                    pages: pages.clone(),
                    page: number,
                });
            };
            if access == Access::Write || shown < PAGE {
                let frame = fresh(space, own, || shared.copied(Purpose::User))?;
                zero_from(&frame, shown.min(PAGE) as usize);
                return Ok(install(entry, frame, vma.flags, CHARGED));
            }
            let flags = vma.flags.difference(PageFlags::WRITE);
            Ok(install(entry, shared, flags, 0))
        }
    }
}

/// A shared page becomes writable at its first store only, so that the Memory hears of it.
fn shared_flags(vma: &Vma, access: Access) -> PageFlags {
    if access == Access::Write {
        vma.flags
    } else {
        vma.flags.difference(PageFlags::WRITE)
    }
}

fn zero_from(frame: &Frame, from: usize) {
    const ZEROS: [u8; abi::PAGE_SIZE] = [0; abi::PAGE_SIZE];
    frame.write(from, ZEROS.get(from..).unwrap_or(&[]));
}

/// Takes a page of the space's own, charged.
fn fresh(
    space: &AddressSpace,
    own: &mut u64,
    take: impl FnOnce() -> Option<Frame>,
) -> Result<Frame, FaultError> {
    space.charge_page()?;
    let frame = take()
        .ok_or(FaultError::NoMemory)
        .inspect_err(|_| space.uncharge_page())?;
    *own = own.saturating_add(1);
    Ok(frame)
}

/// Enters a page where there was none.
#[inline]
fn install(entry: PageEntry, frame: Frame, flags: PageFlags, charged: u64) -> Step {
    if flags.contains(PageFlags::EXECUTE) {
        arch::synchronize_code();
    }
    // The entry owns the page from here on.
    let descriptor = Descriptor::page(frame.into_address(), MemoryType::Normal, flags);
    entry.set(Descriptor(descriptor.0 | charged));
    arch::publish_tables();
    Step::Done
}

/// Serves a store to a page that is mapped read-only in a writable mapping.
fn unshare(
    space: &AddressSpace,
    vma: &Vma,
    page: u64,
    entry: PageEntry,
    own: &mut u64,
) -> Result<Step, FaultError> {
    let old = entry.get();
    let charged = old.0 & CHARGED;
    if let Backing::Memory {
        pages,
        first,
        private: false,
        ..
    } = &vma.backing
    {
        let skipped = page.saturating_sub(vma.start);
        let number = first.saturating_add(skipped / PAGE);
        return Ok(match pages.shared_page(number, Access::Write)? {
            SharedPage::Ready(frame) => {
                let step = rewrite(space, page, entry, frame.into_address(), vma.flags, 0);
                // What the entry held; the same page, or one that was just replaced.
                drop(Frame::from_address(old.address()));
                step
            }
            // Taken from the cache meanwhile.
            SharedPage::Missing => Step::Fill {
                pages: pages.clone(),
                page: number,
            },
            SharedPage::NotOwn => Step::Own {
                pages: pages.clone(),
                page: number,
            },
        });
    }
    let shared = Frame::from_address(old.address());
    if charged != 0 && shared.is_exclusive() {
        // Its own page already; only the permission was missing.
        let address = shared.into_address();
        return Ok(rewrite(space, page, entry, address, vma.flags, charged));
    }
    let copy = if charged == 0 {
        fresh(space, own, || shared.copied(Purpose::User))
    } else {
        // The charge for the shared page becomes that for the copy.
        shared.copied(Purpose::User).ok_or(FaultError::NoMemory)
    };
    let copy = match copy {
        Ok(copy) => copy,
        Err(error) => {
            shared.into_address();
            return Err(error);
        }
    };
    let step = rewrite(space, page, entry, copy.into_address(), vma.flags, CHARGED);
    drop(shared);
    Ok(step)
}

/// Replaces a valid entry, by way of an invalid one (break-before-make, ARM ARM D8.14.1).
fn rewrite(
    space: &AddressSpace,
    page: u64,
    entry: PageEntry,
    address: u64,
    flags: PageFlags,
    charged: u64,
) -> Step {
    entry.set(Descriptor::INVALID);
    space.flush(page);
    let descriptor = Descriptor::page(address, MemoryType::Normal, flags);
    entry.set(Descriptor(descriptor.0 | charged));
    arch::publish_tables();
    Step::Done
}
