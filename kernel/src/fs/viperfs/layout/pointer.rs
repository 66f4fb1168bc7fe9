//! References to tree nodes.

use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Where a node is, when it was born and what its content sums to (32 bytes).
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct NodePointer {
    /// First block of the first copy.
    pub addr0: U64,
    /// First block of the second copy; 0 when there is none.
    pub addr1: U64,
    /// Generation that wrote the node.
    pub generation: U64,
    /// xxh64 of the node, as in its own header.
    pub checksum: U64,
}

const _: () = assert!(size_of::<NodePointer>() == 32);

impl NodePointer {
    /// Whether it points nowhere.
    pub fn is_null(&self) -> bool {
        self.addr0.get() == 0
    }

    /// Addresses of the copies there are.
    pub fn addresses(&self) -> impl Iterator<Item = u64> + use<> {
        let second = self.addr1.get();
        core::iter::once(self.addr0.get()).chain((second != 0).then_some(second))
    }
}
