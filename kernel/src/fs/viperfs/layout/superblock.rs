//! Superblocks.

use alloc::{vec, vec::Vec};

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::checksum::{XXH64, block_sum};
use super::{BLOCK_BYTES, Geometry, NodePointer};

/// First bytes of a superblock.
pub const MAGIC: [u8; 8] = *b"ViperFS\n";
/// Version of the format.
pub const VERSION: u32 = 1;
/// Version of the table that folds names.
pub const FOLD_VERSION: u16 = 1;
/// Bytes with a meaning: one sector, so that no power cut can tear them.
pub const SUPERBLOCK_BYTES: usize = 512;
/// State bit: damage was seen that only a check can judge.
pub const STATE_NEEDS_CHECK: u64 = 1;
/// Bytes before those that the checksum covers.
const SUM_FROM: usize = 16;

/// Where a volume starts (512 bytes at the start of a block).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Superblock {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// xxh64 of the bytes behind this field.
    pub checksum: U64,
    /// [`VERSION`].
    pub version: U32,
    /// Kind of all checksums.
    pub checksum_kind: U16,
    /// [`FOLD_VERSION`].
    pub fold_version: U16,
    /// Number of the volume.
    pub uuid: [u8; 16],
    /// Key of the name hash.
    pub hash_key: [u8; 16],
    /// Always 4,096.
    pub block_bytes: U32,
    /// Size of a node.
    pub node_bytes: U32,
    /// Blocks of the volume.
    pub total_blocks: U64,
    /// Commit that wrote it; the valid slot with the highest number holds.
    pub generation: U64,
    /// Root of the root tree.
    pub root_tree: NodePointer,
    /// Roots of the two commits before.
    pub previous: [NodePointer; 2],
    /// First block of the intent log.
    pub log_start: U64,
    /// Blocks of the intent log.
    pub log_blocks: U64,
    /// Position of the oldest log batch; reserved.
    pub log_head: U64,
    /// Number of the oldest log batch; reserved.
    pub log_sequence: U64,
    /// Features that any version may ignore.
    pub features_compatible: U64,
    /// Features that allow a version without them to read only.
    pub features_read_only: U64,
    /// Features without which the volume cannot be used.
    pub features_incompatible: U64,
    /// [`STATE_NEEDS_CHECK`].
    pub state: U64,
    /// Damaged copies mended so far.
    pub healed: U64,
    /// Time of the commit, ns since 1970-01-01 UTC, as the last operation gave it.
    pub commit_ns: U64,
    /// Place 0 to 2 it was written to.
    pub place: u8,
    /// Slot it was written to.
    pub slot: u8,
    /// Zero.
    pub reserved: [u8; 254],
}

const _: () = assert!(size_of::<Superblock>() == SUPERBLOCK_BYTES);

/// Why a slot holds no superblock that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// Something else lies there.
    NoMagic,
    /// The checksum is wrong.
    BadChecksum,
    /// A version, checksum or feature this engine does not know.
    Unsupported,
    /// Its numbers contradict each other or the device.
    BadGeometry,
}

impl Superblock {
    /// Reads the start of a block.
    pub fn decode(block: &[u8]) -> Result<Superblock, Unusable> {
        let (superblock, _) = Superblock::read_from_prefix(block).map_err(|_| Unusable::NoMagic)?;
        if superblock.magic != MAGIC {
            return Err(Unusable::NoMagic);
        }
        if superblock.checksum.get() != superblock.sum() {
            return Err(Unusable::BadChecksum);
        }
        let known = superblock.version.get() == VERSION
            && superblock.checksum_kind.get() == XXH64
            && superblock.fold_version.get() == FOLD_VERSION
            && superblock.features_incompatible.get() == 0;
        if !known {
            return Err(Unusable::Unsupported);
        }
        Ok(superblock)
    }

    /// A whole block with the sum filled in.
    pub fn encode(&self) -> Vec<u8> {
        let mut signed = *self;
        signed.checksum = U64::new(self.sum());
        let mut block = vec![0; BLOCK_BYTES];
        if let Some(start) = block.get_mut(..SUPERBLOCK_BYTES) {
            start.copy_from_slice(signed.as_bytes());
        }
        block
    }

    /// Places of the volume, checked against everything the superblock says and the
    /// number of blocks there are.
    pub fn geometry(&self, device_blocks: u64) -> Result<Geometry, Unusable> {
        let node_bytes = self.node_bytes.get() as usize;
        let geometry = Geometry::new(self.total_blocks.get(), node_bytes)
            .filter(|geometry| geometry.total_blocks <= device_blocks)
            .ok_or(Unusable::BadGeometry)?;
        let agrees = self.block_bytes.get() as usize == BLOCK_BYTES
            && self.log_start.get() == geometry.log_start
            && self.log_blocks.get() == geometry.log_blocks;
        if agrees {
            Ok(geometry)
        } else {
            Err(Unusable::BadGeometry)
        }
    }

    fn sum(&self) -> u64 {
        block_sum(self.as_bytes().get(SUM_FROM..).unwrap_or(&[]))
    }
}
