//! Error codes of system calls.

/// Defines [`Error`] with its codes, names and meanings.
macro_rules! errors {
    ($( $(#[doc = $doc:literal])+ $name:ident = $code:literal, $text:literal; )+) => {
        /// Why a system call failed; 0 is never an error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Error { $( $(#[doc = $doc])+ $name = $code, )+ }

        impl Error {
            /// Every error in the order of its code.
            pub const ALL: &'static [Error] = &[ $( Error::$name, )+ ];

            /// The error with this code.
            pub const fn from_code(code: u64) -> Option<Error> {
                match code { $( $code => Some(Error::$name), )+ _ => None }
            }

            /// The name as written in the source.
            pub const fn name(self) -> &'static str {
                match self { $( Error::$name => stringify!($name), )+ }
            }

            /// A short sentence for a person.
            pub const fn text(self) -> &'static str {
                match self { $( Error::$name => $text, )+ }
            }
        }
    };
}

errors! {
    /// The number in `x8` names no call.
    BadSyscall = 1, "no such system call";
    /// The value is no handle of this process.
    BadHandle = 2, "not a handle of this process";
    /// The handle refers to another kind of object.
    WrongType = 3, "the handle refers to another kind of object";
    /// The handle lacks a right that the call needs.
    AccessDenied = 4, "the handle does not carry the right for this";
    /// An argument is outside what the call accepts.
    InvalidArgument = 5, "an argument is not acceptable";
    /// A user address is not mapped, or not for this access.
    Fault = 6, "a memory address is not usable";
    /// Memory is exhausted.
    NoMemory = 7, "not enough memory";
    /// A limit of the job or of the kernel is reached.
    LimitReached = 8, "a limit is reached";
    /// The deadline passed first.
    TimedOut = 9, "the time is over";
    /// Nothing is ready and the caller did not want to wait.
    WouldBlock = 10, "nothing is ready";
    /// The other end is closed.
    PeerClosed = 11, "the other end is closed";
    /// The wait was ended by somebody else.
    Cancelled = 12, "the wait was cancelled";
    /// The right was taken back while in use.
    Revoked = 13, "the right was taken back";
    /// The name does not exist.
    NotFound = 14, "does not exist";
    /// The name exists already.
    AlreadyExists = 15, "exists already";
    /// A directory is needed and this is not one.
    NotDirectory = 16, "is not a directory";
    /// The operation does not apply to a directory.
    IsDirectory = 17, "is a directory";
    /// The directory still has entries.
    NotEmpty = 18, "is a directory that is not empty";
    /// A name is longer than 255 bytes.
    NameTooLong = 19, "the name is longer than 255 bytes";
    /// A name is empty, `.`/`..` where not allowed, or has a forbidden byte.
    BadName = 20, "the name is not allowed";
    /// The volume is full.
    NoSpace = 21, "the volume is full";
    /// The volume or the handle's view of it is read-only.
    ReadOnly = 22, "the volume is read-only";
    /// The device failed.
    Io = 23, "the device reported an error";
    /// Stored data fails its checksum.
    Corrupt = 24, "the stored data is damaged";
    /// The file would exceed its largest size.
    TooLarge = 25, "is too large";
    /// The file is no program for this system.
    NotExecutable = 26, "is not a program for this system";
    /// The object is in use in a way that forbids this.
    Busy = 27, "is in use";
    /// The object is in a state that forbids this.
    BadState = 28, "is not in a state that allows this";
    /// The kernel does not have this.
    NotSupported = 29, "is not supported";
    /// The buffer cannot take the result; nothing was consumed.
    BufferTooSmall = 30, "the buffer is too small";
    /// The names are on different volumes.
    CrossVolume = 31, "is on another volume";
    /// A chain of symbolic links is too long.
    TooManyLinks = 32, "has too many symbolic links";
    /// Path resolution met a link to another assign.
    Redirect = 33, "leads to another assign";
    /// The entropy pool has not been seeded.
    NotSeeded = 34, "the random number generator is not seeded";
}

impl core::fmt::Display for Error {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str(self.text())
    }
}

impl core::error::Error for Error {}
