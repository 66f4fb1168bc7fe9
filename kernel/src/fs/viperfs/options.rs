//! How a volume is made and mounted.

use super::space::KEEP_GENERATIONS;

/// How to mount.
#[derive(Clone, Debug)]
pub struct MountOptions {
    /// Refuse every change; orphans stay.
    pub read_only: bool,
    /// Memory for tree nodes in bytes.
    pub cache_bytes: usize,
    /// Go back this many commits (0 or 1), read-only unless the newest is damaged.
    pub rollback: u8,
    /// Generations for which freed blocks keep their content; less than 2 is a planted
    /// fault for the tests of the crash checker.
    #[doc(hidden)]
    pub keep_generations: u8,
}

/// Default memory for nodes.
const CACHE_BYTES: usize = 8 << 20;

impl Default for MountOptions {
    fn default() -> MountOptions {
        MountOptions {
            read_only: false,
            cache_bytes: CACHE_BYTES,
            rollback: 0,
            keep_generations: KEEP_GENERATIONS,
        }
    }
}

/// How to make a volume.
#[derive(Clone, Debug)]
pub struct FormatOptions<'a> {
    /// Name of the volume, at most 32 bytes of UTF-8.
    pub label: &'a str,
    /// Size of a tree node: 4096, 8192 or 16384.
    pub node_bytes: usize,
    /// Number of the volume, to be random.
    pub uuid: [u8; 16],
    /// Key of the name hash, to be random, so that nobody can make names collide.
    pub hash_key: [u8; 16],
    /// Time of creation, ns since 1970-01-01 UTC.
    pub now_ns: u64,
}

impl Default for FormatOptions<'_> {
    fn default() -> Self {
        FormatOptions {
            label: "",
            node_bytes: super::layout::BLOCK_BYTES,
            uuid: [0; 16],
            hash_key: [0; 16],
            now_ns: 0,
        }
    }
}
