//! Loading programs: ELF files for AArch64, mapped, not copied.
//!
//! The headers must lie in the first page of the file. Each loadable segment becomes one
//! private mapping of the file's cached pages, with zeros behind what the file has.

use elf::abi::{EI_NIDENT, EM_AARCH64, ET_DYN, ET_EXEC, PF_W, PF_X, PT_LOAD};
use elf::endian::LittleEndian;
use elf::file::{Class, FileHeader, parse_ident};
use elf::parse::ParseAt;
use elf::segment::ProgramHeader;

use crate::arch::PageFlags;
use crate::fs::vfs::File;
use crate::limits::PROGRAM_HEADERS_MAX;
use crate::mm::{AddressSpace, Backing, Frame, MapError, MapRequest, PAGE, SourceError};
use crate::sync::Ref;
use crate::word;

/// Why a program was not loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// It is no program for this system.
    NotExecutable,
    /// The file could not be read.
    Read(abi::Error),
    /// Its mappings could not be made.
    Map(MapError),
}

/// Where a program lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Loaded {
    /// First instruction.
    pub(super) entry: u64,
    /// Address it lies at less the one it was linked for.
    pub(super) offset: u64,
    /// Address of its program headers, 0 where they are not loaded.
    pub(super) headers: u64,
    /// Number of program headers.
    pub(super) header_count: u64,
}

/// One loadable segment, in whole pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    start: u64,
    bytes: u64,
    first_page: u64,
    /// Bytes from the start of the mapping that come from the file.
    shown: u64,
    flags: PageFlags,
}

/// Bytes of an ELF-64 header (figure 2) and of a program header (figure 6).
const HEADER_BYTES: usize = 64;
const PROGRAM_BYTES: usize = 56;

/// The first page of a file, of which each byte that counts is read once: whoever may
/// write the file may do so meanwhile.
struct Head {
    page: Frame,
    /// Bytes of the page that belong to the file.
    bytes: usize,
}

impl Head {
    fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        let inside = at.checked_add(N)? <= self.bytes;
        inside.then(|| self.page.read(at, &mut bytes))?;
        Some(bytes)
    }

    fn header(&self) -> Option<FileHeader<LittleEndian>> {
        let bytes: [u8; HEADER_BYTES] = self.read(0)?;
        let (ident, tail) = bytes.split_at_checked(EI_NIDENT)?;
        let header = FileHeader::parse_tail(parse_ident(ident).ok()?, tail).ok()?;
        let sound = header.class == Class::ELF64
            && header.e_machine == EM_AARCH64
            && usize::from(header.e_phentsize) == PROGRAM_BYTES
            && usize::from(header.e_phnum) <= PROGRAM_HEADERS_MAX;
        sound.then_some(header)
    }

    fn program(&self, table: u64, index: usize) -> Option<ProgramHeader> {
        let before = index.checked_mul(PROGRAM_BYTES)?;
        let at = usize::try_from(table).ok()?.checked_add(before)?;
        let bytes: [u8; PROGRAM_BYTES] = self.read(at)?;
        ProgramHeader::parse_at(LittleEndian, Class::ELF64, &mut 0, &bytes).ok()
    }
}

/// Maps the program in `file`.
pub(super) fn load(space: &Ref<AddressSpace>, file: &File) -> Result<Loaded, LoadError> {
    read_file(space, file, &mut |segment| {
        map_segment(space, file, segment)
    })
}

/// Whether the program in `file` could be mapped into an empty space.
pub(super) fn check(space: &Ref<AddressSpace>, file: &File) -> Result<Loaded, LoadError> {
    read_file(space, file, &mut |_| Ok(()))
}

fn read_file(
    space: &AddressSpace,
    file: &File,
    map: &mut dyn FnMut(Segment) -> Result<(), LoadError>,
) -> Result<Loaded, LoadError> {
    // The size first: a file may shrink meanwhile, but no page beyond it is asked for.
    let size = file.size();
    let page = match file.pages().page(0) {
        Ok(page) => page,
        Err(SourceError::BeyondEnd) => return Err(LoadError::NotExecutable),
        Err(error) => return Err(LoadError::Read(error.into())),
    };
    let bytes = word::index(size.min(PAGE));
    read_program(&Head { page, bytes }, size, space.layout().program, map)
}

fn map_segment(space: &Ref<AddressSpace>, file: &File, segment: Segment) -> Result<(), LoadError> {
    let backing = Backing::Memory {
        pages: file.pages().clone(),
        first: segment.first_page,
        bytes: segment.shown,
        private: true,
    };
    let request = MapRequest {
        placement: segment.start,
        fixed: true,
        bytes: segment.bytes,
        flags: segment.flags,
        most: segment.flags,
        backing,
    };
    match AddressSpace::map(space, request) {
        Ok(_) => Ok(()),
        // Segments that overlap, or lie outside user space.
        Err(MapError::Taken | MapError::Invalid) => Err(LoadError::NotExecutable),
        Err(error) => Err(LoadError::Map(error)),
    }
}

/// Follows the headers and hands on each loadable segment.
fn read_program(
    head: &Head,
    file_bytes: u64,
    base: u64,
    map: &mut dyn FnMut(Segment) -> Result<(), LoadError>,
) -> Result<Loaded, LoadError> {
    let bad = LoadError::NotExecutable;
    let header = head.header().ok_or(bad)?;
    let offset = match header.e_type {
        ET_EXEC => 0,
        ET_DYN => base,
        _ => return Err(bad),
    };
    let entry = header.e_entry.checked_add(offset).ok_or(bad)?;
    let mut headers = 0;
    let mut entry_inside = false;
    for index in 0..usize::from(header.e_phnum) {
        let program = head.program(header.e_phoff, index).ok_or(bad)?;
        if program.p_type != PT_LOAD || program.p_memsz == 0 {
            continue;
        }
        let segment = segment(&program, offset, file_bytes).ok_or(bad)?;
        let within = entry.checked_sub(segment.start);
        let inside = within.is_some_and(|within| within < segment.bytes);
        entry_inside |= inside && segment.flags.contains(PageFlags::EXECUTE);
        if let Some(address) = headers_address(&program, header.e_phoff, offset) {
            headers = address;
        }
        map(segment)?;
    }
    entry_inside
        .then_some(Loaded {
            entry,
            offset,
            headers,
            header_count: u64::from(header.e_phnum),
        })
        .ok_or(bad)
}

/// Address of the program headers, where this segment loads them.
fn headers_address(program: &ProgramHeader, headers: u64, offset: u64) -> Option<u64> {
    let within = headers.checked_sub(program.p_offset)?;
    let address = program.p_vaddr.checked_add(offset)?.checked_add(within)?;
    (within < program.p_filesz).then_some(address)
}

fn segment(program: &ProgramHeader, offset: u64, file_bytes: u64) -> Option<Segment> {
    let address = program.p_vaddr.checked_add(offset)?;
    let end = address.checked_add(program.p_memsz)?;
    let file_end = program.p_offset.checked_add(program.p_filesz)?;
    let within = address % PAGE;
    if program.p_offset % PAGE != within
        || program.p_filesz > program.p_memsz
        || file_end > file_bytes
        || end > abi::USER_END
    {
        return None;
    }
    let mut flags = PageFlags::empty();
    flags.set(PageFlags::WRITE, program.p_flags & PF_W != 0);
    flags.set(PageFlags::EXECUTE, program.p_flags & PF_X != 0);
    if flags.contains(PageFlags::WRITE | PageFlags::EXECUTE) {
        return None;
    }
    let start = address.checked_sub(within)?;
    let shown = if program.p_filesz == 0 {
        0
    } else {
        within.checked_add(program.p_filesz)?
    };
    Some(Segment {
        start,
        bytes: end.checked_next_multiple_of(PAGE)?.checked_sub(start)?,
        first_page: program.p_offset / PAGE,
        shown,
        flags,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::PROGRAM_BASE;
    use crate::mm::Purpose;
    use crate::mm::tests::with_memory;
    use alloc::vec::Vec;

    fn plan(head: &[u8], file_bytes: u64) -> Option<(Loaded, Vec<Segment>)> {
        let page = Frame::zeroed(Purpose::Cache).unwrap();
        page.write(0, head);
        let bytes = head.len();
        let mut segments = Vec::new();
        let head = Head { page, bytes };
        let loaded = read_program(&head, file_bytes, PROGRAM_BASE, &mut |segment| {
            segments.push(segment);
            Ok(())
        });
        Some((loaded.ok()?, segments))
    }

    fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
        bytes[at..at + value.len()].copy_from_slice(value);
    }

    /// A PIE with one code and one data segment.
    fn program() -> Vec<u8> {
        let mut head = alloc::vec![0; 4096];
        put(&mut head, 0, b"\x7fELF\x02\x01\x01");
        put(&mut head, 16, &ET_DYN.to_le_bytes());
        put(&mut head, 18, &EM_AARCH64.to_le_bytes());
        put(&mut head, 20, &1u32.to_le_bytes());
        put(&mut head, 24, &0x1000u64.to_le_bytes());
        put(&mut head, 32, &64u64.to_le_bytes());
        put(&mut head, 52, &64u16.to_le_bytes());
        put(&mut head, 54, &56u16.to_le_bytes());
        put(&mut head, 56, &2u16.to_le_bytes());
        segment_at(&mut head, 0, 5, 0, 0, 0x2000, 0x2000);
        segment_at(&mut head, 1, 6, 0x2010, 0x4010, 0x20, 0x3000);
        head
    }

    fn segment_at(head: &mut [u8], n: usize, flags: u32, at: u64, to: u64, file: u64, mem: u64) {
        let base = 64 + n * 56;
        put(head, base, &PT_LOAD.to_le_bytes());
        put(head, base + 4, &flags.to_le_bytes());
        for (offset, value) in [(8, at), (16, to), (32, file), (40, mem), (48, 4096)] {
            put(head, base + offset, &value.to_le_bytes());
        }
    }

    #[test]
    fn segments_become_whole_pages() {
        with_memory(whole_pages);
    }

    fn whole_pages() {
        let (loaded, segments) = plan(&program(), 0x10000).unwrap();
        assert_eq!(loaded.entry, PROGRAM_BASE + 0x1000);
        assert_eq!(loaded.headers, PROGRAM_BASE + 64);
        let data = segments[1];
        assert_eq!((data.start, data.bytes), (PROGRAM_BASE + 0x4000, 0x4000));
        assert_eq!((data.first_page, data.shown), (2, 0x30));
        assert!(data.flags.contains(PageFlags::WRITE));
        assert_eq!(segments.len(), 2);
    }

    #[test]
    fn nonsense_is_refused() {
        with_memory(nonsense);
    }

    fn nonsense() {
        let good = program();
        assert!(plan(&good, 0x10000).is_some());
        let broken = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut head = good.clone();
            change(&mut head);
            plan(&head, 0x10000).is_none()
        };
        assert!(broken(&|head| head[0] = 0));
        assert!(broken(&|head| head[4] = 1));
        assert!(broken(&|head| put(head, 18, &62u16.to_le_bytes())));
        assert!(broken(&|head| put(head, 56, &60000u16.to_le_bytes())));
        assert!(broken(&|head| put(head, 32, &u64::MAX.to_le_bytes())));
        assert!(broken(&|head| put(head, 24, &0x9_0000u64.to_le_bytes())));
        assert!(broken(&|head| segment_at(head, 0, 7, 0, 0, 0x2000, 0x2000)));
        assert!(broken(&|head| segment_at(
            head, 1, 6, 0x2011, 0x4010, 0x20, 0x3000
        )));
        assert!(broken(&|head| segment_at(
            head,
            1,
            6,
            0x2010,
            u64::MAX - 10,
            0x20,
            0x3000
        )));
        assert!(broken(&|head| segment_at(
            head, 1, 6, 0x2010, 0x4010, 0x3001, 0x3000
        )));
        assert!(broken(&|head| segment_at(
            head, 1, 6, 0x2010, 0x4010, 0xf000, 0xf000
        )));
        for len in 0..176 {
            assert!(plan(&good[..len], 0x10000).is_none(), "{len}");
        }
    }
}
