//! Memory mappings.

bitflags::bitflags! {
    /// How pages are mapped.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct MapFlags: u32 {
        /// Loads are allowed.
        const READ = 1 << 0;
        /// Stores are allowed; never together with `EXECUTE`.
        const WRITE = 1 << 1;
        /// Instruction fetch is allowed; never together with `WRITE`.
        const EXECUTE = 1 << 2;
        /// Stores stay private to this mapping (copy-on-write).
        const PRIVATE = 1 << 3;
        /// The address is exact: fail where it is taken.
        const FIXED = 1 << 4;
    }
}

/// How memory will be used: the `advice` of `memory_advise`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Advice {
    /// It will be touched soon; pages of files are read now.
    WillNeed = 0,
    /// Its private contents are no longer needed: it reads as when it was mapped.
    DontNeed = 1,
}
