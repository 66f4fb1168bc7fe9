//! Every fixed limit of the kernel, with its unit.

/// Most CPUs that are started.
pub const CPUS_MAX: usize = 8;
/// Bytes in a kernel stack; vectors.S tests the bit above it.
pub const KERNEL_STACK_BYTES: usize = 32 * 1024;
/// Least physical memory the system starts with, in bytes.
pub const MEMORY_MIN_BYTES: u64 = 40 << 20;
/// One part in so many of the memory is kept for the kernel itself.
pub const KERNEL_RESERVE_SHARE: u64 = 32;
/// The least of it, in pages.
pub const KERNEL_RESERVE_PAGES_MIN: u64 = 512;
/// The most of it, in pages.
pub const KERNEL_RESERVE_PAGES_MAX: u64 = 4096;
/// Most reserves of heap memory: one for each mounted volume.
pub const HEAP_RESERVES_MAX: usize = 8;
/// Most runs of 256 KiB in one reserve.
pub const HEAP_RESERVE_RUNS_MAX: usize = 32;
/// One part in so many of the memory may be the kernel stacks of programs' threads.
pub const THREAD_STACKS_SHARE: u64 = 8;
/// One part in so many of the memory may be what the kernel keeps for programs: kernel
/// stacks, objects, handle tables, messages on their way.
pub const KERNEL_BYTES_SHARE: u64 = 4;
/// Most levels of jobs below each other.
pub const JOB_DEPTH_MAX: usize = 16;
/// Most processes.
pub const PROCESSES_MAX: u64 = 4096;
/// Most handles a process can hold.
pub const HANDLES_PER_PROCESS_MAX: usize = 65_536;
/// Most copies of copies of a capability, each still held.
pub const DERIVATION_DEPTH_MAX: usize = 32;
/// Most mappings in an address space.
pub const MAPPINGS_MAX: usize = 4_096;
/// Most bytes one mapping or Memory can have.
pub const MAPPING_BYTES_MAX: u64 = 1 << 40;
/// Longest wait for the pages of a program that ended for want of memory, in ns.
pub const OOM_WAIT_NS: u64 = 5_000_000_000;
/// Time between looks whether they are back, in ns.
pub const OOM_LOOK_NS: u64 = 1_000_000;
/// Most pages one advice has read.
pub const ADVISED_PAGES_MAX: u64 = 1024;
/// Where mappings are placed when the caller does not say, first address.
pub const MEMORY_MAP_START: u64 = 0x10_0000_0000;
/// The same, first address beyond.
pub const MEMORY_MAP_END: u64 = 0x7000_0000_0000;
/// Where a program without fixed addresses is loaded.
pub const PROGRAM_BASE: u64 = 0x40_0000;
/// First address beyond the stack of a program's first thread.
pub const USER_STACK_TOP: u64 = 0x7fff_ffff_0000;
/// Places, in pages, at one of which a program without fixed addresses is loaded: 32 GiB.
pub const RANDOM_PROGRAM_PAGES: u64 = 1 << 23;
/// The same for the first mapping: 1 TiB.
pub const RANDOM_MAP_PAGES: u64 = 1 << 28;
/// The same for the stack of the first thread: 1 TiB.
pub const RANDOM_STACK_PAGES: u64 = 1 << 28;
/// Largest stack of a program's first thread, in bytes.
pub const USER_STACK_BYTES: u64 = 8 << 20;
/// Unmapped bytes below a program's stack.
pub const USER_STACK_GUARD_BYTES: u64 = 1 << 20;
/// Most bytes of a Channel message.
pub const CHANNEL_MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a message that goes the short way, with interrupts masked.
pub const CHANNEL_SHORT_MESSAGE_BYTES_MAX: usize = 512;
/// Most handles of a Channel message.
pub const CHANNEL_MESSAGE_HANDLES_MAX: usize = 64;
/// Most messages that wait at one end of a Channel.
pub const CHANNEL_QUEUE_MESSAGES_MAX: usize = 64;
/// Least bytes of a Pipe. A write of no more than these is whole or not at all.
pub const PIPE_BYTES_MIN: usize = 4096;
/// Bytes of a Pipe whose maker does not say.
pub const PIPE_BYTES_DEFAULT: usize = 16 * 1024;
/// Most bytes of a Pipe.
pub const PIPE_BYTES_MAX: usize = 64 * 1024;
/// Most members of a Port.
pub const PORT_MEMBERS_MAX: usize = 10_000;
/// Most events handed over by one `port_wait`.
pub const PORT_EVENTS_MAX: usize = 64;
/// Most program headers of an ELF file.
pub const PROGRAM_HEADERS_MAX: usize = 32;
/// Bytes of the kernel log that are kept.
pub const LOG_BYTES: usize = 64 * 1024;
/// Most bytes of one line written to the kernel log by a program.
pub const LOG_LINE_BYTES_MAX: usize = 1024;
/// Bytes that a line of a program counts for beside its text.
pub const LOG_LINE_EXTRA_BYTES: u64 = 64;
/// Bytes of terminal input that wait to be read.
pub const TERMINAL_INPUT_BYTES: usize = 4096;
/// Bytes of terminal output that wait for the device.
pub const TERMINAL_OUTPUT_BYTES: usize = 16 * 1024;
/// Bytes moved at a time between a file and a program.
pub const FILE_COPY_BYTES: usize = 64 * 1024;
/// Most symbolic links followed in one path.
pub const SYMLINKS_MAX: usize = 16;
/// Time a thread keeps a CPU that others wait for, in ns.
pub const SLICE_NS: u64 = 10_000_000;

/// Longest time that a woken thread waits for the one that woke it to give it the CPU,
/// before it goes through the queue, in ns.
pub const HEIR_WAIT_NS: u64 = 500_000;
/// What real-time threads may use of all CPUs together in each period of 10 ms, in µs.
pub const REAL_TIME_BUDGET_US: u64 = 9_500;
/// Shortest turn that a thread asks for, in ns.
pub const REQUEST_MIN_NS: u64 = 1_000_000;
/// Most threads of the fair class that are looked at for one that may run on another CPU.
pub const STEAL_LOOKS_MAX: usize = 32;
/// Time between commits of a volume with changes, in ns.
pub const COMMIT_INTERVAL_NS: u64 = 5_000_000_000;
/// Dirty file pages at which a writer has to wait for a commit.
pub const DIRTY_PAGES_MAX: usize = 2_048;
/// Most bytes handed out by one `entropy_read`.
pub const ENTROPY_READ_BYTES_MAX: usize = 4096;
/// Time after which a disk that has not answered is looked at without an interrupt, in ns.
pub const BLOCK_POLL_NS: u64 = 1_000_000;
/// Looks after which a disk request counts as lost. The number counts, not the time: under
/// instruction counting time jumps while the machine waits for its host.
pub const BLOCK_POLLS_MAX: u32 = 10_000;
/// Most alarms of objects that ring in one interrupt.
pub const ALARMS_AT_ONCE_MAX: usize = 64;
