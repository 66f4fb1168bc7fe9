//! Handles and the kinds of object behind them.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::Rights;

/// A process-local name of a kernel object: index (low 32 bits) and generation
/// (high 32), XORed with a secret of the process. Zero is never valid.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(transparent)]
pub struct Handle(pub u64);

impl Handle {
    /// The value that refers to nothing.
    pub const NONE: Handle = Handle(0);

    /// Whether this can refer to an object at all.
    pub const fn is_some(self) -> bool {
        self.0 != 0
    }
}

/// Defines [`ObjectKind`].
macro_rules! object_kinds {
    ($( $(#[doc = $doc:literal])+ $name:ident = $code:literal; )+) => {
        /// What a handle refers to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum ObjectKind { $( $(#[doc = $doc])+ $name = $code, )+ }

        impl ObjectKind {
            /// Every kind in the order of its code.
            pub const ALL: &'static [ObjectKind] = &[ $( ObjectKind::$name, )+ ];

            /// The kind with this code.
            pub const fn from_code(code: u32) -> Option<ObjectKind> {
                match code { $( $code => Some(ObjectKind::$name), )+ _ => None }
            }

            /// The name as written in the source.
            pub const fn name(self) -> &'static str {
                match self { $( ObjectKind::$name => stringify!($name), )+ }
            }
        }
    };
}

object_kinds! {
    /// Limits and counters for a group of processes.
    Job = 1;
    /// An address space and a handle table.
    Process = 2;
    /// A thread of a process.
    Thread = 3;
    /// Pages that can be mapped.
    Memory = 4;
    /// One end of a message pipe.
    Channel = 5;
    /// A set of signal bits.
    Event = 6;
    /// A set of objects to wait for.
    Port = 7;
    /// A directory of a volume.
    Directory = 8;
    /// An open file with a position.
    File = 9;
    /// A console with line discipline.
    Terminal = 10;
    /// The wall clock.
    Clock = 11;
    /// The kernel log.
    Log = 12;
    /// The right to stop the machine.
    Power = 13;
    /// The right to look at the whole system.
    System = 14;
    /// The random number generator.
    Entropy = 15;
    /// Points in time to wait for.
    Timer = 16;
    /// One end of a byte stream.
    Pipe = 17;
}

/// One row of `handle_list`, and the answer of `handle_info`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct HandleInfo {
    /// The handle in the process that holds it.
    pub handle: Handle,
    /// Number of the object, the same for all handles to it.
    pub object: u64,
    /// [`ObjectKind`] code.
    pub kind: u32,
    /// [`Rights`] bits.
    pub rights: u32,
    /// Number of its place among copies, 0 while it neither is one nor has one.
    pub derivation: u64,
    /// Number of the place that it is a copy of, 0 for none.
    pub parent: u64,
}

impl HandleInfo {
    /// The rights as a set.
    pub fn rights(&self) -> Rights {
        Rights::from_bits_retain(self.rights)
    }
}

const _: () = assert!(size_of::<HandleInfo>() == 40);
