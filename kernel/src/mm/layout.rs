//! Where the parts of a program lie that may lie anywhere.
#![forbid(unsafe_code)]

use crate::limits::{
    MEMORY_MAP_START, PROGRAM_BASE, RANDOM_MAP_PAGES, RANDOM_PROGRAM_PAGES, RANDOM_STACK_PAGES,
    USER_STACK_BYTES, USER_STACK_TOP,
};

use super::PAGE;

/// Three addresses, each the start of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Where a program without fixed addresses is loaded.
    pub program: u64,
    /// From where on places are chosen for mappings.
    pub map_start: u64,
    /// First address beyond the stack of the first thread.
    pub stack_top: u64,
}

impl Layout {
    /// The same in every process.
    pub const FIXED: Layout = Layout {
        program: PROGRAM_BASE,
        map_start: MEMORY_MAP_START,
        stack_top: USER_STACK_TOP,
    };

    /// Moved by as many pages as three random numbers say.
    pub fn random(numbers: [u64; 3]) -> Layout {
        let [program, map, stack] = numbers;
        let moved = |number: u64, most: u64| (number & most.saturating_sub(1)).saturating_mul(PAGE);
        Layout {
            program: PROGRAM_BASE.saturating_add(moved(program, RANDOM_PROGRAM_PAGES)),
            map_start: MEMORY_MAP_START.saturating_add(moved(map, RANDOM_MAP_PAGES)),
            stack_top: USER_STACK_TOP.saturating_sub(moved(stack, RANDOM_STACK_PAGES)),
        }
    }

    /// Lowest address of the stack of the first thread.
    pub const fn stack_low(&self) -> u64 {
        self.stack_top.saturating_sub(USER_STACK_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{MEMORY_MAP_END, USER_STACK_GUARD_BYTES};

    #[test]
    fn the_parts_never_meet() {
        for number in [0, 1, 12345, u64::MAX / 3, u64::MAX] {
            let layout = Layout::random([number; 3]);
            for address in [layout.program, layout.map_start, layout.stack_top] {
                assert!(address.is_multiple_of(PAGE));
            }
            assert!(layout.program >= PROGRAM_BASE);
            assert!(layout.program + (1 << 30) <= MEMORY_MAP_START);
            assert!(layout.map_start + (1 << 40) <= MEMORY_MAP_END);
            assert!(layout.stack_low() - USER_STACK_GUARD_BYTES >= MEMORY_MAP_END);
            assert!(layout.stack_top <= USER_STACK_TOP);
        }
        assert_eq!(Layout::random([0; 3]), Layout::FIXED);
        assert_ne!(Layout::random([1; 3]), Layout::random([2; 3]));
    }
}
