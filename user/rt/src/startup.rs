//! What the parent handed over: handles by tag, arguments, variables, assigns.
#![allow(unsafe_code, reason = "reads the record the kernel placed in memory")]

use core::sync::atomic::{AtomicPtr, Ordering};

use abi::Handle;
use abi::startup::{Entries, EntryKind, StartupHandle, StartupRecord, Tag};

/// The record of this process; null until start-up, and always on the host.
static RECORD: AtomicPtr<StartupRecord> = AtomicPtr::new(core::ptr::null_mut());

/// The start-up record of this process.
#[derive(Clone, Copy, Debug)]
pub struct Startup {
    record: &'static StartupRecord,
}

/// Remembers the record.
///
/// # Safety
///
/// The record, its handles and its blob must stay mapped and unchanged.
#[cfg_attr(
    not(target_os = "none"),
    expect(dead_code, reason = "the host has no start-up")
)]
pub(crate) unsafe fn set(record: &'static StartupRecord) {
    RECORD.store(core::ptr::from_ref(record).cast_mut(), Ordering::Release);
}

/// The start-up record; `None` on the host.
pub fn get() -> Option<Startup> {
    // SAFETY: the pointer is null or was made from a `&'static` by `set`.
    let record = unsafe { RECORD.load(Ordering::Acquire).as_ref() }?;
    Some(Startup { record })
}

/// The first handle that came with this tag.
pub fn handle(tag: Tag) -> Option<Handle> {
    get()?.handle(tag)
}

impl Startup {
    /// The record itself.
    pub fn record(&self) -> &'static StartupRecord {
        self.record
    }

    /// Every handle that came along.
    pub fn handles(&self) -> &'static [StartupHandle] {
        slice(self.record.handles, self.record.handle_count)
    }

    /// The first handle with this tag.
    pub fn handle(&self, tag: Tag) -> Option<Handle> {
        let found = self.handles().iter().find(|row| row.tag == tag as u32)?;
        Some(found.handle)
    }

    /// Everything the parent wrote, as kind and bytes.
    pub fn entries(&self) -> Entries<'static> {
        Entries::new(slice(self.record.blob, self.record.blob_len))
    }

    /// The UTF-8 texts of one kind of entry, in order.
    pub fn texts(&self, kind: EntryKind) -> impl Iterator<Item = &'static str> + use<> {
        self.entries()
            .filter(move |(code, _)| *code == kind as u32)
            .filter_map(|(_, bytes)| core::str::from_utf8(bytes).ok())
    }
}

/// What the record says is at an address.
fn slice<T>(address: u64, count: u64) -> &'static [T] {
    let (Ok(address), Ok(count)) = (usize::try_from(address), usize::try_from(count)) else {
        return &[];
    };
    if address == 0 || count == 0 {
        return &[];
    }
    // SAFETY: `set` promised that what the record names stays mapped and unchanged; the
    // kernel aligns the array of handles, and bytes have no alignment.
    unsafe { core::slice::from_raw_parts(address as *const T, count) }
}
