//! Memory of the caller.

use abi::memory::{Advice, MapFlags};
use abi::{Error, Rights};

use crate::account::{Charge, Resource};
use crate::arch::PageFlags;
use crate::limits::MAPPING_BYTES_MAX;
use crate::mm::{AddressSpace, Backing, MapRequest, MemoryPages, PAGE};
use crate::process::MemoryObject;
use crate::sync::{Ref, Tie};

use super::Args;
use super::context::{Context, Outcome};

const MEMORY_RIGHTS: Rights = Rights::DUPLICATE
    .union(Rights::TRANSFER)
    .union(Rights::READ)
    .union(Rights::WRITE)
    .union(Rights::MAP)
    .union(Rights::INSPECT)
    .union(Rights::MANAGE);

pub(super) fn memory_create(cx: &Context, [bytes, ..]: Args) -> Outcome {
    let create = || {
        if bytes == 0 || bytes > MAPPING_BYTES_MAX {
            return Err(Error::InvalidArgument);
        }
        let pages = bytes.div_ceil(PAGE);
        // Charged whole: whoever maps it may touch all of it.
        let charge = Charge::new(cx.process.account(), Resource::Pages, pages)?;
        let memory = MemoryPages::anonymous(pages.saturating_mul(PAGE));
        let memory = Ref::new(memory).map_err(|_| Error::NoMemory)?;
        let object = MemoryObject::new(memory, Some(charge));
        let object = Ref::new(object).map_err(|_| Error::NoMemory)?;
        Ok(Outcome::value(cx.add(object, MEMORY_RIGHTS)?))
    };
    Outcome::from(create())
}

pub(super) fn memory_clone(cx: &Context<'_>, [memory, ..]: Args) -> Outcome {
    let clone = || {
        let object = cx.get::<MemoryObject>(memory, Rights::READ)?;
        let pages = object.pages();
        if !pages.is_anonymous() {
            return Err(Error::NotSupported);
        }
        let charge = Charge::new(
            cx.process.account(),
            Resource::Pages,
            pages.bytes().div_ceil(PAGE),
        )?;
        let clone = Ref::new(pages.clone_pages()?).map_err(|_| Error::NoMemory)?;
        let object = MemoryObject::new(clone, Some(charge));
        let object = Ref::new(object).map_err(|_| Error::NoMemory)?;
        Ok(Outcome::value(cx.add(object, MEMORY_RIGHTS)?))
    };
    Outcome::from(clone())
}

pub(super) fn memory_resize(cx: &Context<'_>, [memory, bytes, ..]: Args) -> Outcome {
    let resize = || {
        let object = cx.get::<MemoryObject>(memory, Rights::WRITE | Rights::MAP)?;
        if bytes == 0 || bytes > MAPPING_BYTES_MAX {
            return Err(Error::InvalidArgument);
        }
        object.resize(bytes.div_ceil(PAGE))?;
        Ok(Outcome::OK)
    };
    Outcome::from(resize())
}

pub(super) fn memory_advise(cx: &Context<'_>, [address, bytes, advice, ..]: Args) -> Outcome {
    let space = cx.process.space();
    let result = match advice {
        advice if advice == Advice::WillNeed as u64 => space.will_need(address, bytes),
        advice if advice == Advice::DontNeed as u64 => space.dont_need(address, bytes),
        _ => return Error::InvalidArgument.into(),
    };
    match result {
        Ok(()) => Outcome::OK,
        Err(error) => Error::from(error).into(),
    }
}

fn page_flags(flags: MapFlags) -> Result<PageFlags, Error> {
    if flags.contains(MapFlags::WRITE | MapFlags::EXECUTE) {
        return Err(Error::InvalidArgument);
    }
    let mut pages = PageFlags::empty();
    pages.set(PageFlags::WRITE, flags.contains(MapFlags::WRITE));
    pages.set(PageFlags::EXECUTE, flags.contains(MapFlags::EXECUTE));
    Ok(pages)
}

fn map_flags(bits: u64) -> Result<MapFlags, Error> {
    u32::try_from(bits)
        .ok()
        .and_then(MapFlags::from_bits)
        .ok_or(Error::InvalidArgument)
}

pub(super) fn memory_map(
    cx: &Context,
    [memory, offset, bytes, placement, flags, _]: Args,
) -> Outcome {
    let map = || {
        let flags_of = || map_flags(flags);
        let (backing, most) = if memory == 0 {
            if offset != 0 {
                return Err(Error::InvalidArgument);
            }
            // Anonymous memory may become code, never while it is writable.
            (Backing::Anonymous, PageFlags::WRITE | PageFlags::EXECUTE)
        } else {
            memory_backing(cx, memory, offset, bytes, flags_of)?
        };
        let flags = flags_of()?;
        let request = MapRequest {
            placement,
            fixed: flags.contains(MapFlags::FIXED),
            bytes,
            flags: page_flags(flags)?,
            most,
            backing,
        };
        let tie = match memory {
            0 => None,
            memory => cx.derivation(memory)?,
        };
        let tie = tie.map(|tie| tie.widen(|tie| tie as *mut dyn Tie));
        let address = AddressSpace::map_tied(cx.process.space(), request, tie)?;
        Ok(Outcome::value(address))
    };
    Outcome::from(map())
}

/// The pages of a Memory, and what its handle lets a mapping become.
fn memory_backing(
    cx: &Context,
    memory: u64,
    offset: u64,
    bytes: u64,
    flags: impl FnOnce() -> Result<MapFlags, Error>,
) -> Result<(Backing, PageFlags), Error> {
    let (object, rights) = cx.get_with_rights::<MemoryObject>(memory, Rights::MAP)?;
    let flags = flags()?;
    let private = flags.contains(MapFlags::PRIVATE);
    let mut needed = Rights::empty();
    needed.set(Rights::READ, true);
    needed.set(Rights::WRITE, flags.contains(MapFlags::WRITE) && !private);
    needed.set(Rights::EXECUTE, flags.contains(MapFlags::EXECUTE));
    if !rights.contains(needed) {
        return Err(Error::AccessDenied);
    }
    let end = offset.checked_add(bytes).ok_or(Error::InvalidArgument)?;
    let pages = object.pages();
    if !offset.is_multiple_of(PAGE) || end > pages.bytes().next_multiple_of(PAGE) {
        return Err(Error::InvalidArgument);
    }
    let mut most = PageFlags::empty();
    most.set(PageFlags::WRITE, private || rights.contains(Rights::WRITE));
    most.set(PageFlags::EXECUTE, rights.contains(Rights::EXECUTE));
    let shown = pages.bytes().saturating_sub(offset);
    let backing = Backing::Memory {
        pages: pages.clone(),
        first: offset / PAGE,
        bytes: shown,
        private,
    };
    Ok((backing, most))
}

pub(super) fn memory_unmap(cx: &Context, [address, bytes, ..]: Args) -> Outcome {
    match cx.process.space().unmap(address, bytes) {
        Ok(()) => Outcome::OK,
        Err(error) => Error::from(error).into(),
    }
}

pub(super) fn memory_protect(cx: &Context, [address, bytes, flags, ..]: Args) -> Outcome {
    let protect = || {
        let allowed = MapFlags::READ | MapFlags::WRITE | MapFlags::EXECUTE;
        let flags = map_flags(flags)?;
        if !allowed.contains(flags) {
            return Err(Error::InvalidArgument);
        }
        cx.process
            .space()
            .protect(address, bytes, page_flags(flags)?)?;
        Ok(Outcome::OK)
    };
    Outcome::from(protect())
}
