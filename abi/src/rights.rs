//! What a handle allows.

bitflags::bitflags! {
    /// What a handle allows; rights only ever shrink.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Rights: u32 {
        /// Make another handle to the same object.
        const DUPLICATE = 1 << 0;
        /// Give the handle to another process.
        const TRANSFER = 1 << 1;
        /// Read contents or receive messages.
        const READ = 1 << 2;
        /// Change contents or send messages.
        const WRITE = 1 << 3;
        /// Run as a program, or map as code.
        const EXECUTE = 1 << 4;
        /// Map into an address space.
        const MAP = 1 << 5;
        /// Wait for signals.
        const WAIT = 1 << 6;
        /// Raise or clear signals.
        const SIGNAL = 1 << 7;
        /// Control: kill, set limits, power off, revoke.
        const MANAGE = 1 << 8;
        /// Ask about state and statistics.
        const INSPECT = 1 << 9;
        /// List the names in a directory.
        const LIST = 1 << 10;
        /// Open what a directory names.
        const LOOKUP = 1 << 11;
        /// Make new names in a directory, or start processes and make jobs in a job.
        const CREATE = 1 << 12;
        /// Remove or rename names in a directory.
        const REMOVE = 1 << 13;
    }
}

impl Rights {
    /// What every handle to a directory with full authority carries.
    pub const DIRECTORY_ALL: Rights = Rights::DUPLICATE
        .union(Rights::TRANSFER)
        .union(Rights::READ)
        .union(Rights::WRITE)
        .union(Rights::EXECUTE)
        .union(Rights::MAP)
        .union(Rights::INSPECT)
        .union(Rights::MANAGE)
        .union(Rights::LIST)
        .union(Rights::LOOKUP)
        .union(Rights::CREATE)
        .union(Rights::REMOVE);

    /// What a directory handle allows when nothing may be changed through it.
    pub const DIRECTORY_READ_ONLY: Rights = Rights::DUPLICATE
        .union(Rights::TRANSFER)
        .union(Rights::READ)
        .union(Rights::EXECUTE)
        .union(Rights::MAP)
        .union(Rights::INSPECT)
        .union(Rights::LIST)
        .union(Rights::LOOKUP);
}
