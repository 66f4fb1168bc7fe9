//! Loading programs: ELF files for AArch64, mapped, not copied.
//!
//! The headers must lie in the first page of the file. Each loadable segment becomes one
//! private mapping of the file's cached pages, with zeros behind what the file has.

use alloc::vec::Vec;

use elf::ElfBytes;
use elf::abi::{EM_AARCH64, ET_DYN, ET_EXEC, PF_W, PF_X, PT_LOAD};
use elf::endian::LittleEndian;
use elf::segment::ProgramHeader;

use crate::arch::PageFlags;
use crate::fs::vfs::File;
use crate::limits::{PROGRAM_BASE, PROGRAM_HEADERS_MAX};
use crate::mm::{AddressSpace, Backing, MapError, MapRequest, PAGE};

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

/// Bytes of the file that are looked at for headers.
const HEAD_BYTES: usize = abi::PAGE_SIZE;

/// Maps the program in `file`.
pub(super) fn load(space: &AddressSpace, file: &File) -> Result<Loaded, LoadError> {
    let mut head = Vec::new();
    let room = head.try_reserve_exact(HEAD_BYTES);
    room.map_err(|_| LoadError::Map(MapError::NoMemory))?;
    head.resize(HEAD_BYTES, 0);
    let read = file.read_into(0, &mut head).map_err(LoadError::Read)?;
    let head = head.get(..read).unwrap_or(&[]);
    let (loaded, segments) = plan(head, file.size()).ok_or(LoadError::NotExecutable)?;
    for segment in segments.iter().flatten() {
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
        match space.map(request) {
            Ok(_) => {}
            // Segments that overlap, or lie outside user space.
            Err(MapError::Taken | MapError::Invalid) => return Err(LoadError::NotExecutable),
            Err(error) => return Err(LoadError::Map(error)),
        }
    }
    Ok(loaded)
}

type Segments = [Option<Segment>; PROGRAM_HEADERS_MAX];

/// What the headers ask for; `None` where they make no sense.
fn plan(head: &[u8], file_bytes: u64) -> Option<(Loaded, Segments)> {
    let file = ElfBytes::<LittleEndian>::minimal_parse_headers(head)?;
    let (header, programs) = file;
    let offset = match header.e_type {
        ET_EXEC => 0,
        ET_DYN => PROGRAM_BASE,
        _ => return None,
    };
    let mut segments = [None; PROGRAM_HEADERS_MAX];
    let mut places = segments.iter_mut();
    let mut headers = 0;
    let mut entry_inside = false;
    let entry = header.e_entry.checked_add(offset)?;
    for program in programs.iter().filter(|program| program.p_type == PT_LOAD) {
        if program.p_memsz == 0 {
            continue;
        }
        let segment = segment(&program, offset, file_bytes)?;
        let segment_end = segment.start.checked_add(segment.bytes)?;
        let inside = |address: u64| (segment.start..segment_end).contains(&address);
        entry_inside |= inside(entry) && segment.flags.contains(PageFlags::EXECUTE);
        let file_end = program.p_offset.checked_add(program.p_filesz)?;
        if (program.p_offset..file_end).contains(&header.e_phoff) {
            let within = header.e_phoff.checked_sub(program.p_offset)?;
            headers = program.p_vaddr.checked_add(offset)?.checked_add(within)?;
        }
        *places.next()? = Some(segment);
    }
    let header_count = u64::from(header.e_phnum);
    entry_inside.then_some((
        Loaded {
            entry,
            offset,
            headers,
            header_count,
        },
        segments,
    ))
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

/// Header parsing that needs only the head of the file.
trait Headers<'a> {
    fn minimal_parse_headers(
        head: &'a [u8],
    ) -> Option<(
        elf::file::FileHeader<LittleEndian>,
        elf::segment::SegmentTable<'a, LittleEndian>,
    )>;
}

impl<'a> Headers<'a> for ElfBytes<'a, LittleEndian> {
    fn minimal_parse_headers(
        head: &'a [u8],
    ) -> Option<(
        elf::file::FileHeader<LittleEndian>,
        elf::segment::SegmentTable<'a, LittleEndian>,
    )> {
        use elf::file::{Class, FileHeader, parse_ident};
        let ident_bytes = head.get(..elf::abi::EI_NIDENT)?;
        let ident = parse_ident::<LittleEndian>(ident_bytes).ok()?;
        let tail = head.get(elf::abi::EI_NIDENT..64)?;
        let header = FileHeader::parse_tail(ident, tail).ok()?;
        let entry = usize::from(header.e_phentsize);
        let count = usize::from(header.e_phnum);
        if header.class != Class::ELF64
            || header.e_machine != EM_AARCH64
            || entry != 56
            || count > PROGRAM_HEADERS_MAX
        {
            return None;
        }
        let start = usize::try_from(header.e_phoff).ok()?;
        let end = entry.checked_mul(count)?.checked_add(start)?;
        let table = head.get(start..end)?;
        let programs = elf::segment::SegmentTable::new(LittleEndian, Class::ELF64, table);
        Some((header, programs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let (loaded, segments) = plan(&program(), 0x10000).unwrap();
        assert_eq!(loaded.entry, PROGRAM_BASE + 0x1000);
        assert_eq!(loaded.headers, PROGRAM_BASE + 64);
        let data = segments[1].unwrap();
        assert_eq!((data.start, data.bytes), (PROGRAM_BASE + 0x4000, 0x4000));
        assert_eq!((data.first_page, data.shown), (2, 0x30));
        assert!(data.flags.contains(PageFlags::WRITE));
        assert!(segments[2].is_none());
    }

    #[test]
    fn nonsense_is_refused() {
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
