//! Page table descriptors of the 4 KiB granule (ARM ARM D8.3), and the address map.

bitflags::bitflags! {
    /// How a page may be used.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct PageFlags: u8 {
        /// Stores are allowed.
        const WRITE = 1 << 0;
        /// Instruction fetch is allowed, by whom the page belongs to.
        const EXECUTE = 1 << 1;
        /// The page belongs to programs.
        const USER = 1 << 2;
    }
}

/// How memory behaves; the index into `MAIR_EL1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum MemoryType {
    /// Cached memory.
    Normal = 0,
    /// Device registers.
    Device = 1,
}

/// Entries of one table.
pub const TABLE_ENTRIES: usize = 512;

/// Where all physical memory is seen by the kernel.
pub const PHYS_MAP_BASE: u64 = 0xffff_8000_0000_0000;
/// Where the kernel's stacks are.
pub const KERNEL_STACKS_BASE: u64 = 0xffff_a000_0000_0000;
/// Where device registers are.
pub const MMIO_BASE: u64 = 0xffff_c000_0000_0000;
/// Where the kernel image is linked.
const IMAGE_BASE: u64 = 0xffff_ffff_8000_0000;
/// Where it can be instead: from here on, in the 512 GiB of the address it was linked for.
const IMAGE_REGION: u64 = 0xffff_ff80_0000_0000;
/// GiB of that region up to the one of the linked address.
const IMAGE_GIBS: u64 = (IMAGE_BASE - IMAGE_REGION) >> 30;
/// Places in each GiB, 2 MiB apart, behind which 32 MiB are left.
const PLACES_IN_GIB: u64 = 512 - 16;

/// The distance from the linked address to a place that `random` picks among 252,960.
pub fn image_slide(random: u64) -> u64 {
    let place = random % (IMAGE_GIBS * PLACES_IN_GIB);
    let (gib, block) = (place / PLACES_IN_GIB, place % PLACES_IN_GIB);
    let address = IMAGE_REGION | (gib << 30) | (block << 21);
    address.wrapping_sub(IMAGE_BASE)
}

const VALID: u64 = 1 << 0;
const TABLE_OR_PAGE: u64 = 1 << 1;
const ATTRIBUTE_SHIFT: u32 = 2;
const USER_ACCESS: u64 = 1 << 6;
const READ_ONLY: u64 = 1 << 7;
const INNER_SHAREABLE: u64 = 3 << 8;
const ACCESSED: u64 = 1 << 10;
const NOT_GLOBAL: u64 = 1 << 11;
const PRIVILEGED_NEVER: u64 = 1 << 53;
const USER_NEVER: u64 = 1 << 54;
const ADDRESS: u64 = 0x0000_ffff_ffff_f000;

/// One entry of a page table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Descriptor(pub u64);

impl Descriptor {
    /// The entry that maps nothing.
    pub const INVALID: Descriptor = Descriptor(0);

    /// An entry that points to the next table at physical address `table`.
    pub const fn table(table: u64) -> Descriptor {
        Descriptor((table & ADDRESS) | VALID | TABLE_OR_PAGE)
    }

    /// An entry that maps the 4 KiB page at physical address `page`.
    pub const fn page(page: u64, memory: MemoryType, flags: PageFlags) -> Descriptor {
        Descriptor((page & ADDRESS) | VALID | TABLE_OR_PAGE | attributes(memory, flags))
    }

    /// An entry that maps a 2 MiB or 1 GiB block at physical address `block`.
    pub const fn block(block: u64, memory: MemoryType, flags: PageFlags) -> Descriptor {
        Descriptor((block & ADDRESS) | VALID | attributes(memory, flags))
    }

    /// Whether the entry maps or points to anything.
    pub const fn is_valid(self) -> bool {
        self.0 & VALID != 0
    }

    /// Whether the entry, above the last level, points to a table.
    pub const fn is_table(self) -> bool {
        self.0 & (VALID | TABLE_OR_PAGE) == VALID | TABLE_OR_PAGE
    }

    /// Whether both entries describe the same kind of memory, for the same address spaces.
    pub const fn behaves_as(self, other: Descriptor) -> bool {
        const KIND: u64 = TABLE_OR_PAGE | (7 << ATTRIBUTE_SHIFT) | INNER_SHAREABLE | NOT_GLOBAL;
        (self.0 ^ other.0) & KIND == 0
    }

    /// The same entry without permission to store.
    pub const fn without_write(self) -> Descriptor {
        Descriptor(self.0 | READ_ONLY)
    }

    /// The physical address of what it maps or points to.
    pub const fn address(self) -> u64 {
        self.0 & ADDRESS
    }

    /// How the page may be used.
    pub const fn flags(self) -> PageFlags {
        let mut flags = PageFlags::empty();
        let user = self.0 & USER_ACCESS != 0 || self.0 & NOT_GLOBAL != 0;
        if user {
            flags = flags.union(PageFlags::USER);
        }
        if self.0 & READ_ONLY == 0 {
            flags = flags.union(PageFlags::WRITE);
        }
        let never = if user { USER_NEVER } else { PRIVILEGED_NEVER };
        if self.0 & never == 0 {
            flags = flags.union(PageFlags::EXECUTE);
        }
        flags
    }
}

const fn attributes(memory: MemoryType, flags: PageFlags) -> u64 {
    let mut bits = ACCESSED | INNER_SHAREABLE | ((memory as u64) << ATTRIBUTE_SHIFT);
    if !flags.contains(PageFlags::WRITE) {
        bits |= READ_ONLY;
    }
    let execute = flags.contains(PageFlags::EXECUTE);
    if flags.contains(PageFlags::USER) {
        bits |= USER_ACCESS | NOT_GLOBAL | PRIVILEGED_NEVER;
        if !execute {
            bits |= USER_NEVER;
        }
    } else {
        bits |= USER_NEVER;
        if !execute {
            bits |= PRIVILEGED_NEVER;
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slide_leaves_room_and_the_linked_address_alone() {
        const IMAGE_ROOM: u64 = 32 << 20;
        let places = IMAGE_GIBS * PLACES_IN_GIB;
        let (mut least, mut most) = (u64::MAX, 0);
        for random in (0..places).chain([u64::MAX, u64::MAX - 1]) {
            let address = IMAGE_BASE.wrapping_add(image_slide(random));
            assert!(address.is_multiple_of(2 << 20));
            assert_eq!(address >> 30, (address + IMAGE_ROOM - 1) >> 30);
            assert_ne!(address >> 30, IMAGE_BASE >> 30);
            (least, most) = (least.min(address), most.max(address));
        }
        assert_eq!(least, IMAGE_REGION);
        assert!(most < IMAGE_BASE);
        assert_eq!(image_slide(0), image_slide(places));
        assert_ne!(image_slide(0), image_slide(1));
    }

    #[test]
    fn flags_survive_the_descriptor() {
        for bits in 0..8 {
            let flags = PageFlags::from_bits_truncate(bits);
            let page = Descriptor::page(0x1234_5000, MemoryType::Normal, flags);
            assert_eq!(page.flags(), flags);
            assert_eq!(page.address(), 0x1234_5000);
            assert!(page.is_valid());
        }
    }

    #[test]
    fn no_page_is_executable_for_both_sides() {
        for bits in 0..8 {
            let flags = PageFlags::from_bits_truncate(bits);
            let page = Descriptor::page(0, MemoryType::Normal, flags).0;
            assert!(page & (PRIVILEGED_NEVER | USER_NEVER) != 0);
        }
    }
}
