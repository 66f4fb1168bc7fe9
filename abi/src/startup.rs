//! What a new process finds: `x0` holds the address of a [`StartupRecord`].
//!
//! The blob is a sequence of entries `{kind: u32, len: u32, bytes}`, each padded
//! to 8 bytes. The kernel carries it from parent to child without reading it.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::Handle;

/// First word of a [`StartupRecord`]: "VIPR".
pub const STARTUP_MAGIC: u32 = u32::from_le_bytes(*b"VIPR");

/// What the kernel tells a new process.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct StartupRecord {
    /// [`STARTUP_MAGIC`].
    pub magic: u32,
    /// [`crate::ABI_VERSION`] of the kernel.
    pub abi_version: u32,
    /// Address of an array of [`StartupHandle`].
    pub handles: u64,
    /// Number of its elements.
    pub handle_count: u64,
    /// Address of the blob.
    pub blob: u64,
    /// Length of the blob in bytes.
    pub blob_len: u64,
    /// Address the program was loaded at, minus the address it was linked for.
    pub load_offset: u64,
    /// Address of the program headers in memory.
    pub program_headers: u64,
    /// Number of program headers.
    pub program_header_count: u64,
    /// Lowest address of the main thread's stack.
    pub stack_low: u64,
    /// Ticks per second of `CNTVCT_EL0`.
    pub counter_hz: u64,
    /// Random bytes for this process alone.
    pub random: [u64; 2],
}

const _: () = assert!(size_of::<StartupRecord>() == 96);

/// One handle that came with the start.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct StartupHandle {
    /// The handle.
    pub handle: Handle,
    /// [`Tag`] code.
    pub tag: u32,
    /// Which one of several with the same tag.
    pub index: u32,
}

const _: () = assert!(size_of::<StartupHandle>() == 16);

/// What a handle in the start-up record is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Tag {
    /// The process itself.
    OwnProcess = 1,
    /// Its first thread.
    OwnThread = 2,
    /// Where it reads its input from.
    Stdin = 3,
    /// Where it writes its output to.
    Stdout = 4,
    /// Where it writes its complaints to.
    Stderr = 5,
    /// The terminal it may take control of.
    Terminal = 6,
    /// Its current directory.
    CurrentDirectory = 7,
    /// A directory of an assign; `index` is the number of the [`EntryKind::Assign`] entry.
    Assign = 8,
    /// Its own program's directory.
    ProgramDirectory = 9,
    /// The root directory of the system volume; given to the first process only.
    Root = 10,
    /// The wall clock.
    Clock = 11,
    /// The kernel log.
    Log = 12,
    /// The power switch.
    Power = 13,
    /// The whole system's statistics.
    System = 14,
    /// The random number generator.
    Entropy = 15,
    /// The job of all processes; given to the first process only.
    Job = 16,
    /// A stream with a number of its own, `index`, beside the three above.
    Descriptor = 17,
    /// First of the tags that programs agree on among themselves.
    User = 0x1000,
}

/// What an entry of the blob is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum EntryKind {
    /// An argument; the first is the name of the program.
    Argument = 1,
    /// An environment variable, `NAME=value`.
    Variable = 2,
    /// An assign: the name without its colon, then, where known, `=` and the text of
    /// what it stands for. The handles with [`Tag::Assign`] and the index of this entry
    /// among its kind are its directories, in order. Without any, the text is looked up when
    /// the assign is first used; with a colon behind the name, each time.
    Assign = 3,
    /// Text of the current directory, such as `WORK:notes`.
    CurrentDirectory = 4,
    /// The arguments as one line with their quotes, for programs that read them by a
    /// template, where a quoted word is never a keyword.
    CommandLine = 5,
}

/// Header of one entry of the blob.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct EntryHeader {
    /// [`EntryKind`] code; unknown kinds are skipped.
    pub kind: u32,
    /// Bytes that follow, without the padding.
    pub len: u32,
}

/// Bytes an entry with `len` bytes of text takes in the blob.
pub const fn entry_size(len: usize) -> usize {
    size_of::<EntryHeader>()
        .saturating_add(len)
        .next_multiple_of(8)
}

/// Walks over the entries of a blob; ends at the first that is malformed.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    /// The entries of `blob`.
    pub const fn new(blob: &'a [u8]) -> Self {
        Entries { rest: blob }
    }
}

impl<'a> Iterator for Entries<'a> {
    /// Kind code and text.
    type Item = (u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (header, _) = EntryHeader::read_from_prefix(self.rest).ok()?;
        let len = usize::try_from(header.len).ok()?;
        let start = size_of::<EntryHeader>();
        let text = self.rest.get(start..start.checked_add(len)?)?;
        self.rest = self.rest.get(entry_size(len)..).unwrap_or(&[]);
        Some((header.kind, text))
    }
}

/// Writes one entry at the front of `out`; the number of bytes used, or `None` where it does not fit.
pub fn write_entry(out: &mut [u8], kind: EntryKind, text: &[u8]) -> Option<usize> {
    let size = entry_size(text.len());
    let out = out.get_mut(..size)?;
    out.fill(0);
    let header = EntryHeader {
        kind: kind as u32,
        len: u32::try_from(text.len()).ok()?,
    };
    let start = size_of::<EntryHeader>();
    out.get_mut(..start)?.copy_from_slice(header.as_bytes());
    out.get_mut(start..start.checked_add(text.len())?)?
        .copy_from_slice(text);
    Some(size)
}
