//! The table of system calls.

use crate::Error;

/// What one argument of a call is; the argument fuzzer chooses its values by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    /// A [`crate::Handle`].
    Handle,
    /// Address the kernel reads from.
    In,
    /// Address the kernel writes to.
    Out,
    /// Length in bytes of the buffer named before it.
    Length,
    /// Number of elements of the array named before it.
    Count,
    /// A set of flag bits; unknown bits are refused.
    Flags,
    /// A plain number.
    Value,
    /// Absolute time in ns since boot, [`crate::NEVER`] or [`crate::NOW`].
    Deadline,
}

/// One argument of a call.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: ArgKind,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct SyscallInfo {
    /// The number in `x8`.
    pub number: u64,
    /// Name in the form `object_verb`.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// Arguments in `x0`, `x1`, …
    pub args: &'static [Arg],
    /// Values in `x1`, `x2`, `x3`.
    pub values: &'static [&'static str],
    /// Rights it needs on each handle.
    pub rights: &'static str,
    /// Errors of its own, beside `BadSyscall`, `BadHandle`, `WrongType`, `AccessDenied`.
    pub errors: &'static [Error],
}

/// Hands the whole table to the macro `$callback`, a list of rows
/// `#[doc] NUMBER Variant name (argument: Kind, …) -> (value, …) rights "…" errors [Error, …];`.
#[macro_export]
macro_rules! for_each_syscall {
    ($callback:path) => {
        $callback! {
            #[doc = "Does nothing; the shortest way into the kernel and back."]
            0 Null null () -> () rights "" errors [];

            #[doc = "Closes a handle."]
            1 HandleClose handle_close (handle: Handle) -> () rights "" errors [];
            #[doc = "Makes another handle to the same object, with some of its rights."]
            2 HandleDuplicate handle_duplicate (handle: Handle, rights: Flags) -> (duplicate)
                rights "handle: DUPLICATE and every right asked for"
                errors [InvalidArgument, NoMemory, LimitReached];
            #[doc = "Writes one HandleInfo about a handle of the caller."]
            3 HandleInfo handle_info (handle: Handle, info: Out) -> ()
                rights "" errors [Fault];
            #[doc = "Writes one HandleInfo for each handle of a process; returns how many it has, which may be more than fit."]
            4 HandleList handle_list (process: Handle, rows: Out, bytes: Length) -> (total)
                rights "process: INSPECT" errors [Fault, InvalidArgument];
            #[doc = "Waits until any of the signals is raised on an object; returns all that are."]
            5 ObjectWait object_wait (handle: Handle, signals: Flags, deadline: Deadline) -> (raised)
                rights "handle: WAIT" errors [InvalidArgument, TimedOut, NotSupported];

            #[doc = "Starts a program in a new process; see SpawnArgs."]
            6 ProcessSpawn process_spawn (args: In) -> (process)
                rights "file: EXECUTE and READ; job: CREATE; each copied handle: DUPLICATE and TRANSFER; each moved handle: TRANSFER"
                errors [Fault, InvalidArgument, NotExecutable, BadState, NoMemory, LimitReached, Io, Corrupt];
            #[doc = "Ends the calling process with a return code; does not return."]
            7 ProcessExit process_exit (code: Value) -> () rights "" errors [];
            #[doc = "Ends a process; its return code becomes the given one."]
            8 ProcessKill process_kill (process: Handle, code: Value) -> ()
                rights "process: MANAGE" errors [];
            #[doc = "Writes one ProcessInfo; works after the process has ended."]
            9 ProcessInfo process_info (process: Handle, info: Out) -> ()
                rights "process: INSPECT" errors [Fault];

            #[doc = "Starts a thread in the calling process; see ThreadArgs."]
            10 ThreadCreate thread_create (args: In) -> (thread)
                rights "" errors [Fault, InvalidArgument, NoMemory, LimitReached];
            #[doc = "Ends the calling thread; the last one ends the process with return code 0. Does not return."]
            11 ThreadExit thread_exit () -> () rights "" errors [];
            #[doc = "Lets another thread run."]
            12 ThreadYield thread_yield () -> () rights "" errors [];
            #[doc = "Waits until a point in time."]
            13 ThreadSleep thread_sleep (deadline: Deadline) -> () rights "" errors [];

            #[doc = "Makes a Memory of zeroed pages, taken as they are touched."]
            14 MemoryCreate memory_create (bytes: Value) -> (memory)
                rights "" errors [InvalidArgument, NoMemory, LimitReached];
            #[doc = "Maps pages of a Memory, or with handle 0 fresh zeroed pages, into the calling process; returns the address. `placement` is 0 or a wanted address."]
            15 MemoryMap memory_map (memory: Handle, offset: Value, bytes: Value, placement: Value, flags: Flags) -> (address)
                rights "memory: MAP, and READ, WRITE, EXECUTE as mapped"
                errors [InvalidArgument, NoMemory, LimitReached, AlreadyExists];
            #[doc = "Removes all mappings in a range."]
            16 MemoryUnmap memory_unmap (address: Value, bytes: Value) -> ()
                rights "" errors [InvalidArgument, NoMemory, LimitReached];
            #[doc = "Changes how the pages of a range may be used."]
            17 MemoryProtect memory_protect (address: Value, bytes: Value, flags: Flags) -> ()
                rights "" errors [InvalidArgument, AccessDenied, NotFound, NoMemory, LimitReached];

            #[doc = "Makes a Channel; returns its two ends."]
            18 ChannelCreate channel_create () -> (end0, end1)
                rights "" errors [NoMemory, LimitReached];
            #[doc = "Sends one message; the handles leave the caller if and only if it succeeds."]
            19 ChannelWrite channel_write (channel: Handle, bytes: In, length: Length, handles: In, count: Count) -> ()
                rights "channel: WRITE; each handle: TRANSFER"
                errors [Fault, InvalidArgument, PeerClosed, WouldBlock, NoMemory, LimitReached];
            #[doc = "Takes the oldest message; with BufferTooSmall it stays, and the values say how much room it needs. Where there is none yet it waits until the deadline; with the deadline 0 it does not wait."]
            20 ChannelRead channel_read (channel: Handle, bytes: Out, length: Length, handles: Out, count: Count, deadline: Deadline) -> (length, count)
                rights "channel: READ"
                errors [Fault, PeerClosed, WouldBlock, TimedOut, BufferTooSmall, NoMemory, LimitReached];

            #[doc = "Makes an Event with no signal raised."]
            21 EventCreate event_create () -> (event) rights "" errors [NoMemory, LimitReached];
            #[doc = "Clears some of the user signals of an Event, then raises some."]
            22 EventSignal event_signal (event: Handle, clear: Flags, raise: Flags) -> ()
                rights "event: SIGNAL" errors [InvalidArgument];
            #[doc = "Waits until any of the user signals is raised, and clears those it returns."]
            23 EventWait event_wait (event: Handle, signals: Flags, deadline: Deadline) -> (raised)
                rights "event: WAIT" errors [InvalidArgument, TimedOut];

            #[doc = "Makes an empty Port."]
            24 PortCreate port_create () -> (port) rights "" errors [NoMemory, LimitReached];
            #[doc = "Adds an object to a Port, or changes for which signals the member with this key is watched, and how, see PortMode; `key` comes back with each event."]
            25 PortAdd port_add (port: Handle, object: Handle, signals: Flags, key: Value, mode: Flags) -> ()
                rights "port: WRITE; object: WAIT"
                errors [InvalidArgument, NotSupported, NoMemory, LimitReached];
            #[doc = "Takes the member with this key out of a Port."]
            26 PortRemove port_remove (port: Handle, key: Value) -> ()
                rights "port: WRITE" errors [NotFound];
            #[doc = "Waits until any member has a signal that it is watched for; writes PortEvents, returns how many."]
            27 PortWait port_wait (port: Handle, events: Out, count: Count, deadline: Deadline) -> (count)
                rights "port: READ" errors [Fault, InvalidArgument, TimedOut];

            #[doc = "Waits while the 32-bit word at an address has the expected value. A word of a Memory that several processes map is the same for all of them. May end without a wake."]
            28 FutexWait futex_wait (word: In, expected: Value, deadline: Deadline) -> ()
                rights "" errors [Fault, InvalidArgument, WouldBlock, TimedOut];
            #[doc = "Wakes up to `limit` threads that wait on the word, in every process that maps it; returns how many."]
            29 FutexWake futex_wake (word: In, limit: Value) -> (woken)
                rights "" errors [Fault, InvalidArgument];

            #[doc = "Reads from a File at its position, a Terminal, a Pipe or any other stream; 0 bytes is the end. Where nothing is there yet it waits until the deadline; with the deadline 0 it does not wait."]
            30 StreamRead stream_read (stream: Handle, buffer: Out, length: Length, deadline: Deadline) -> (length)
                rights "stream: READ" errors [Fault, WouldBlock, TimedOut, Io, Corrupt, NoMemory];
            #[doc = "Writes to a File at its position, a Terminal, a Pipe or any other stream; may write less than asked. Where there is no room it waits until the deadline; with the deadline 0 it does not wait."]
            31 StreamWrite stream_write (stream: Handle, buffer: In, length: Length, deadline: Deadline) -> (length)
                rights "stream: WRITE" errors [Fault, WouldBlock, TimedOut, PeerClosed, NoSpace, ReadOnly, TooLarge, Io, NoMemory];

            #[doc = "Opens or makes a file or directory below a directory; the path never leaves it. Returns the handle and its NodeKind code."]
            32 DirectoryOpen directory_open (directory: Handle, path: In, length: Length, flags: Flags) -> (node, kind)
                rights "directory: LOOKUP, with CREATE also CREATE; READ, WRITE, EXECUTE as opened"
                errors [Fault, InvalidArgument, NotFound, AlreadyExists, NotDirectory, IsDirectory, NameTooLong, BadName, NoSpace, ReadOnly, TooManyLinks, Redirect, Io, Corrupt, NoMemory, LimitReached];
            #[doc = "Writes a Stat about a path below a directory; an empty path is the directory itself."]
            33 DirectoryStat directory_stat (directory: Handle, path: In, length: Length, flags: Flags, stat: Out) -> ()
                rights "directory: LOOKUP, for the empty path INSPECT"
                errors [Fault, InvalidArgument, NotFound, NotDirectory, NameTooLong, BadName, TooManyLinks, Redirect, Io, Corrupt, NoMemory];
            #[doc = "Writes DirectoryEntry records from a cookie on (0: the first); returns bytes written, 0 at the end, and the cookie to go on from."]
            34 DirectoryList directory_list (directory: Handle, cookie: Value, buffer: Out, length: Length) -> (length, cookie)
                rights "directory: LIST" errors [Fault, BufferTooSmall, Io, Corrupt, NoMemory];
            #[doc = "Removes a name."]
            35 DirectoryRemove directory_remove (directory: Handle, path: In, length: Length, flags: Flags) -> ()
                rights "directory: LOOKUP and REMOVE"
                errors [Fault, InvalidArgument, NotFound, NotDirectory, IsDirectory, NotEmpty, NameTooLong, BadName, ReadOnly, Busy, TooManyLinks, Redirect, Io, Corrupt, NoMemory];
            #[doc = "Renames a file or directory; see RenameArgs."]
            36 DirectoryRename directory_rename (from: Handle, to: Handle, args: In, flags: Flags) -> ()
                rights "from: LOOKUP and REMOVE; to: LOOKUP and CREATE"
                errors [Fault, InvalidArgument, NotFound, AlreadyExists, NotDirectory, IsDirectory, NotEmpty, NameTooLong, BadName, NoSpace, ReadOnly, CrossVolume, TooManyLinks, Redirect, Io, Corrupt, NoMemory];
            #[doc = "Makes everything written to the volume so far durable."]
            37 DirectorySync directory_sync (directory: Handle) -> ()
                rights "directory: WRITE" errors [ReadOnly, NoSpace, Io, NoMemory];

            #[doc = "Reads from a file at an offset; 0 bytes is the end."]
            38 FileRead file_read (file: Handle, offset: Value, buffer: Out, length: Length) -> (length)
                rights "file: READ" errors [Fault, Io, Corrupt, NoMemory];
            #[doc = "Writes to a file at an offset."]
            39 FileWrite file_write (file: Handle, offset: Value, buffer: In, length: Length) -> (length)
                rights "file: WRITE" errors [Fault, NoSpace, ReadOnly, TooLarge, Io, Corrupt, NoMemory];
            #[doc = "Moves the position: `whence` 0 from the start, 1 from the position, 2 from the end; `offset` is signed. Returns the new position."]
            40 FileSeek file_seek (file: Handle, offset: Value, whence: Value) -> (position)
                rights "file: READ or WRITE" errors [InvalidArgument];
            #[doc = "Writes a Stat about a file."]
            41 FileStat file_stat (file: Handle, stat: Out) -> ()
                rights "file: INSPECT" errors [Fault];
            #[doc = "Cuts a file, or lengthens it with zeros."]
            42 FileTruncate file_truncate (file: Handle, size: Value) -> ()
                rights "file: WRITE" errors [NoSpace, ReadOnly, TooLarge, Io, Corrupt, NoMemory];
            #[doc = "Makes the file, and the names that lead to it, durable."]
            43 FileSync file_sync (file: Handle) -> ()
                rights "file: WRITE" errors [NoSpace, ReadOnly, Io, NoMemory];
            #[doc = "Returns a Memory of the file's pages, for mapping."]
            44 FileMemory file_memory (file: Handle) -> (memory)
                rights "file: MAP; the Memory carries READ, WRITE, EXECUTE of the file"
                errors [NoMemory, LimitReached];
            #[doc = "Writes a VolumeInfo about the volume a directory is on."]
            45 VolumeInfo volume_info (directory: Handle, info: Out) -> ()
                rights "directory: INSPECT" errors [Fault];

            #[doc = "Writes a TerminalInfo."]
            46 TerminalInfo terminal_info (terminal: Handle, info: Out) -> ()
                rights "terminal: INSPECT" errors [Fault];
            #[doc = "Sets the TerminalMode, clears the BREAK signal, and discards pending input if `discard` is 1; returns the old mode."]
            47 TerminalControl terminal_control (terminal: Handle, mode: Flags, discard: Value) -> (old_mode)
                rights "terminal: MANAGE" errors [InvalidArgument];

            #[doc = "Returns the wall clock: ns since 1970-01-01 UTC."]
            48 ClockRead clock_read (clock: Handle) -> (ns) rights "clock: READ" errors [];
            #[doc = "Sets the wall clock."]
            49 ClockSet clock_set (clock: Handle, ns: Value) -> ()
                rights "clock: MANAGE" errors [InvalidArgument];
            #[doc = "Returns ns since boot, the scale of every deadline."]
            50 TimeNow time_now () -> (ns) rights "" errors [];

            #[doc = "Writes a line to the kernel log; control characters are escaped."]
            51 LogWrite log_write (log: Handle, text: In, length: Length) -> ()
                rights "log: WRITE" errors [Fault, InvalidArgument, LimitReached];
            #[doc = "Reads the kernel log from a position on; returns bytes and the position to go on from."]
            52 LogRead log_read (log: Handle, position: Value, buffer: Out, length: Length) -> (length, position)
                rights "log: READ" errors [Fault];

            #[doc = "Commits every volume, then stops or restarts the machine; `code` becomes the machine's exit code where there is one."]
            53 PowerControl power_control (power: Handle, action: Value, code: Value) -> ()
                rights "power: MANAGE" errors [InvalidArgument, NotSupported];
            #[doc = "Writes records about the whole system; see Topic. Returns bytes written."]
            54 SystemInfo system_info (system: Handle, topic: Value, buffer: Out, length: Length) -> (length)
                rights "system: INSPECT" errors [Fault, InvalidArgument, BufferTooSmall];
            #[doc = "Fills a buffer of at most 4096 bytes with random bytes."]
            55 EntropyRead entropy_read (entropy: Handle, buffer: Out, length: Length) -> ()
                rights "entropy: READ" errors [Fault, InvalidArgument, NotSeeded];

            #[doc = "Makes a job below another, or with handle 0 below the caller's own, without limits of its own."]
            56 JobCreate job_create (job: Handle) -> (child)
                rights "job: CREATE" errors [BadState, NoMemory, LimitReached];
            #[doc = "Sets the limit of a JobResource; what is used beyond it already stays."]
            57 JobSetLimit job_set_limit (job: Handle, resource: Value, limit: Value) -> ()
                rights "job: MANAGE" errors [InvalidArgument];
            #[doc = "Writes one JobInfo."]
            58 JobInfo job_info (job: Handle, info: Out) -> ()
                rights "job: INSPECT" errors [Fault];
            #[doc = "Ends every process in a job and below, whose return codes become the given one; nothing can be started there any more. TERMINATED is raised when the last has ended."]
            59 JobKill job_kill (job: Handle, code: Value) -> ()
                rights "job: MANAGE" errors [];

            #[doc = "Calls the other end of a Channel: words in x1 to x6, in x7 a handle to move or 0, in x9 a deadline; waits for the answer, which comes in x1 to x6 and x7."]
            60 ChannelCall channel_call (channel: Handle, word0: Value, word1: Value, word2: Value, word3: Value, word4: Value) -> (word0, word1, word2)
                rights "channel: READ and WRITE; a handle to move: TRANSFER"
                errors [PeerClosed, TimedOut, NoMemory];
            #[doc = "Answers the call whose token is in x10, unless that is 0, and waits at a Port for the next call or event: words in x1 to x6, in x7 a handle to move or 0, in x9 a deadline. A call comes back with its words in x1 to x6, a handle or 0 in x7, the key of its channel in x9 and its token in x10; an event with its signals in x1, its key in x9 and 0 in x10."]
            61 PortReplyWait port_reply_wait (port: Handle, word0: Value, word1: Value, word2: Value, word3: Value, word4: Value) -> (word0, word1, word2)
                rights "port: READ; a handle to move: TRANSFER"
                errors [NotFound, PeerClosed, TimedOut, NoMemory];

            #[doc = "Makes a copy of the calling process with only the calling thread: the same memory, copied as either side writes, and the same handles, those with DUPLICATE under the same numbers. Returns twice: to the caller the copy's process; to the copy 0, a handle to its own process and one to its own thread."]
            62 ProcessClone process_clone () -> (process, own_process, own_thread)
                rights "" errors [BadState, NoMemory, LimitReached];
            #[doc = "Runs another program in the calling process, whose memory and handles go, but for those named; see SpawnArgs. Returns only where it fails; where it fails after the old program is gone, the process ends."]
            63 ProcessExec process_exec (args: In) -> ()
                rights "file: EXECUTE and READ; each handle: none"
                errors [Fault, InvalidArgument, NotExecutable, BadState, NoMemory, LimitReached, Io, Corrupt];
            #[doc = "Makes a Memory with the same contents; pages are copied as either side writes."]
            64 MemoryClone memory_clone (memory: Handle) -> (clone)
                rights "memory: READ" errors [NotSupported, NoMemory, LimitReached];
            #[doc = "Changes the size of a Memory. What is cut off is gone from every mapping, what is added is zero."]
            65 MemoryResize memory_resize (memory: Handle, bytes: Value) -> ()
                rights "memory: WRITE and MAP" errors [InvalidArgument, NotSupported, LimitReached];
            #[doc = "Says how a range of the caller's memory will be used: 0, it will be touched soon; 1, its private contents are no longer needed and read as at first."]
            66 MemoryAdvise memory_advise (address: Value, bytes: Value, advice: Value) -> ()
                rights "" errors [InvalidArgument, NotFound];

            #[doc = "Takes back every copy made from a handle, and what was opened, mapped or made through them, wherever it went; the handle itself stays."]
            67 HandleRevoke handle_revoke (handle: Handle) -> ()
                rights "handle: MANAGE" errors [];
            #[doc = "Gives up, for this process and its children and for good, all calls whose bit is not set in a mask of 64-bit words, and sets RestrictFlags."]
            68 ProcessRestrict process_restrict (flags: Flags, mask: In, length: Length) -> ()
                rights "" errors [Fault, InvalidArgument, NoMemory, LimitReached];
            #[doc = "Sets where the calling thread goes on at faults and breaks, see UpcallRecord; `entry` 0: nowhere."]
            69 UpcallSet upcall_set (entry: Value, stack_top: Value, kinds: Flags) -> ()
                rights "" errors [InvalidArgument];
            #[doc = "Ends an upcall: the thread goes on with the registers of an UpcallRecord, with what a program may not have taken out. Does not return."]
            70 UpcallReturn upcall_return (record: In) -> ()
                rights "" errors [Fault, InvalidArgument, BadState];
            #[doc = "Makes the first thread of a process that has an upcall for breaks take it; what it waits for ends with Cancelled."]
            71 ProcessInterrupt process_interrupt (process: Handle, code: Value) -> ()
                rights "process: SIGNAL" errors [BadState];

            #[doc = "Makes a Timer that is not set."]
            72 TimerCreate timer_create () -> (timer) rights "" errors [NoMemory, LimitReached];
            #[doc = "Sets a Timer to a point in time and, unless `period_ns` is 0, to every such time after it; the largest deadline with period 0 unsets it. What it was set to, and points that nobody has read, are forgotten. Returns the earliest of those points, the largest number for none. READABLE is raised from a point on until it is read."]
            73 TimerSet timer_set (timer: Handle, deadline: Deadline, period_ns: Value) -> (previous)
                rights "timer: WRITE" errors [InvalidArgument, NoMemory];
            #[doc = "Returns how many of a Timer's points in time have come since the last read, and clears READABLE."]
            74 TimerRead timer_read (timer: Handle) -> (count)
                rights "timer: READ" errors [WouldBlock, NoMemory];

            #[doc = "Makes a Pipe for so many bytes, rounded up to a power of two, or with 0 for 16 KiB; returns the end to read from and the end to write to."]
            75 PipeCreate pipe_create (bytes: Value) -> (reader, writer)
                rights "" errors [InvalidArgument, NoMemory, LimitReached];

            #[doc = "Sets class, priority and affinity of a thread, see Scheduling. The real-time class and a priority above 0 take a job that the thread is in or below; its real-time turns are charged to the budget of that job, see JobResource::RealTime."]
            76 ThreadSetScheduling thread_set_scheduling (thread: Handle, args: In, job: Handle) -> ()
                rights "thread: MANAGE; job, where one is needed: MANAGE"
                errors [Fault, InvalidArgument, LimitReached];
            #[doc = "Writes one Scheduling about a thread."]
            77 ThreadScheduling thread_scheduling (thread: Handle, scheduling: Out) -> ()
                rights "thread: INSPECT" errors [Fault];

            #[doc = "Chooses which TraceEvents are recorded, a bit for each; 0: none. Records from before the first choice after none are no longer read. Returns the events chosen before."]
            78 TraceControl trace_control (system: Handle, events: Flags) -> (previous)
                rights "system: MANAGE" errors [InvalidArgument, NoMemory];
            #[doc = "Writes TraceRecords of a CPU, from a position on (0: the oldest), as many as fit, or one of zeros where there is none; returns the bytes of records written, the position to go on from, and how many records from the given position on were overwritten before they could be read."]
            79 TraceRead trace_read (system: Handle, cpu: Value, position: Value, buffer: Out, length: Length) -> (length, position, lost)
                rights "system: READ" errors [Fault, InvalidArgument, BufferTooSmall];

            #[doc = "Returns the number by which locks of the process know the calling thread, see futex_lock."]
            80 ThreadNumber thread_number () -> (number) rights "" errors [];
            #[doc = "Waits for a lock while its 32-bit word has the expected value: the number of another thread of the process, which holds it, and bit 31. That thread runs meanwhile as the most urgent of those that wait for it. Success: the lock was handed to the caller. PeerClosed: the holder has ended. BadState: it waits for the caller."]
            81 FutexLock futex_lock (word: In, expected: Value, deadline: Deadline) -> ()
                rights "" errors [Fault, InvalidArgument, WouldBlock, TimedOut, PeerClosed, BadState, NoMemory, LimitReached];
            #[doc = "Hands a lock that the caller holds to the most urgent thread that waits for it, whose number is then in the word; with none the word becomes 0."]
            82 FutexUnlock futex_unlock (word: Out) -> ()
                rights "" errors [Fault, InvalidArgument, BadState];
        }
    };
}

/// Builds [`Syscall`] and [`SYSCALLS`] from the rows.
macro_rules! define_syscalls {
    ($(
        #[doc = $doc:literal]
        $number:literal $variant:ident $name:ident
            ( $($arg:ident : $kind:ident),* ) -> ( $($value:ident),* )
            rights $rights:literal errors [ $($error:ident),* ];
    )+) => {
        /// A system call by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u64)]
        pub enum Syscall { $( #[doc = $doc] $variant = $number, )+ }

        impl Syscall {
            /// The call with this number.
            pub const fn from_number(number: u64) -> Option<Syscall> {
                match number { $( $number => Some(Syscall::$variant), )+ _ => None }
            }
        }

        /// Every call, in the order of its number.
        pub const SYSCALLS: &[SyscallInfo] = &[ $( SyscallInfo {
            number: $number,
            name: stringify!($name),
            doc: $doc,
            args: &[ $( Arg { name: stringify!($arg), kind: ArgKind::$kind }, )* ],
            values: &[ $( stringify!($value), )* ],
            rights: $rights,
            errors: &[ $( Error::$error, )* ],
        }, )+ ];
    };
}

for_each_syscall!(define_syscalls);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_in_order() {
        for (index, info) in SYSCALLS.iter().enumerate() {
            assert_eq!(info.number, index as u64, "{}", info.name);
        }
        assert_eq!(Syscall::from_number(SYSCALLS.len() as u64), None);
        assert_eq!(Syscall::from_number(u64::MAX), None);
    }

    #[test]
    fn arguments_and_values_fit_their_registers() {
        for info in SYSCALLS {
            assert!(info.args.len() <= 6, "{}", info.name);
            assert!(info.values.len() <= 3, "{}", info.name);
        }
    }
}
