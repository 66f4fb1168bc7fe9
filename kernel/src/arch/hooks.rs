//! What the machine calls in the kernel above it.

use spin::Once;

use super::{Context, UserFrame};

/// The running thread should give way to another.
pub const PENDING_RESCHEDULE: u32 = 1 << 0;
/// The running thread has something to do before it returns to its program.
pub const PENDING_ATTENTION: u32 = 1 << 1;

/// The running thread waits for the results of its system call.
pub const PENDING_BLOCKED: u32 = 1 << 2;

/// With [`PENDING_RESCHEDULE`]: the running thread gives the CPU to whoever waits for it.
pub const PENDING_YIELD: u32 = 1 << 3;

/// What a short call returns: error code and one value.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortResult {
    /// Error code, 0 for none.
    pub error: u64,
    /// The value.
    pub value: u64,
}

impl ShortResult {
    /// The short way is not for this call: it takes the long one.
    pub const REFUSED: ShortResult = ShortResult {
        error: u64::MAX,
        value: 0,
    };
}

/// Code of a short call, arguments `x0`–`x5`. It runs with interrupts masked from entry to
/// return and reaches no user memory.
pub type ShortHandler = unsafe extern "C" fn(u64, u64, u64, u64, u64, u64) -> ShortResult;

/// Code of any other call: an error code comes back, values are in the frame. Or the call
/// has raised [`PENDING_BLOCKED`], and somebody else writes both.
pub type LongHandler = extern "C" fn(u64, u64, u64, u64, u64, u64) -> u64;

/// The thread that a call in registers goes on with at once; or nobody, and all there is
/// to do about it is done.
///
/// The registers of the machine, and nothing else, stand for who runs: until the call
/// returns, its own thread is still on the CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Handover {
    next: *const Context,
    /// Page table register value to run it with.
    translation: u64,
}

impl Handover {
    /// To nobody; the caller's registers are in its frame.
    pub const NONE: Handover = Handover {
        next: core::ptr::null(),
        translation: 0,
    };

    /// To a thread that waits without kernel frames, which the scheduler has made the
    /// running one.
    #[inline(always)]
    pub fn to(next: &Context, translation: u64) -> Handover {
        Handover { next, translation }
    }

    /// Whether it is to nobody.
    pub fn is_none(&self) -> bool {
        self.next.is_null()
    }
}

/// Registers `x0` to `x7` of the caller of a call in registers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Words([u64; 8]);

impl Words {
    /// The six words that go along.
    pub fn message(&self) -> [u64; 6] {
        let [_, words @ .., _] = self.0;
        words
    }
}

/// Code of a call in registers: channel or port, token, words.
pub type DirectHandler = extern "C" fn(u64, u64, &Words) -> Handover;

/// The calls by number; one more row than there are numbers, for every number beyond.
#[repr(C)]
#[derive(Debug)]
pub struct SyscallTable<const ROWS: usize> {
    /// The short calls; [`long_call`](super::long_call) for the others.
    pub short: [ShortHandler; ROWS],
    /// The others, and the long way of calls in registers; for a short call the one that
    /// refuses.
    pub long: [LongHandler; ROWS],
    /// The calls in registers, whose `short` is [`direct_call`](super::direct_call); for any other the one
    /// that refuses.
    pub direct: [DirectHandler; ROWS],
    /// The calls whose `short` is [`try_call`](super::try_call), the short way; for any
    /// other one that refuses.
    pub tried: [ShortHandler; ROWS],
    /// Where the running thread gives the CPU up in a call; its results come later.
    /// Interrupts are masked.
    pub blocked: extern "C" fn() -> !,
}

/// What kind of access faulted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Execute,
}

/// Why a program was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultCause {
    /// The translation of an address failed; the kernel may provide a page.
    Page(Access),
    /// An address is misaligned.
    Alignment,
    /// The instruction does not exist or is not allowed.
    Illegal,
    /// A breakpoint, watchpoint or single step.
    Debug,
    /// `WFI` or `WFE`: the program has nothing to do just now.
    Idle,
    /// The first use of the vector registers since the thread got the CPU.
    VectorUnit,
}

/// A fault of a program.
#[derive(Clone, Copy, Debug)]
pub struct UserFault {
    /// Why.
    pub cause: FaultCause,
    /// The address that was used, for address faults.
    pub address: u64,
    /// The instruction.
    pub pc: u64,
}

/// State of the kernel at a fault of its own.
#[derive(Clone, Copy, Debug)]
pub struct PanicFrame {
    /// What happened.
    pub what: &'static str,
    /// `x0`–`x30`.
    pub registers: [u64; 31],
    /// Stack pointer.
    pub sp: u64,
    /// Program counter.
    pub pc: u64,
    /// Saved program status.
    pub status: u64,
    /// `ESR_EL1`.
    pub syndrome: u64,
    /// `FAR_EL1`.
    pub address: u64,
}

/// The kernel's answers to the machine; all run with interrupts masked.
#[derive(Debug)]
pub struct Hooks {
    /// A device interrupt, by interrupt number.
    pub irq: fn(u32),
    /// This CPU's timer went off.
    pub timer: fn(),
    /// Another CPU asked this one to look at its pending bits.
    pub ipi: fn(),
    /// A program's access failed; whether it can be tried again at once.
    pub mend_fault: fn(u64, Access) -> bool,
    /// A program faulted.
    pub user_fault: fn(&UserFault),
    /// Pending bits were seen on the way back to a program.
    pub user_work: fn(),
    /// Pending bits were seen on the way back to interruptible kernel code.
    pub kernel_preempt: fn(),
    /// The kernel itself faulted.
    pub kernel_fault: fn(&PanicFrame) -> !,
    /// The calls of a program.
    pub syscalls: &'static SyscallTable<{ abi::SYSCALLS.len() + 1 }>,
    /// Those of a program that has given some up.
    pub strict_syscalls: &'static SyscallTable<{ abi::SYSCALLS.len() + 1 }>,
}

static HOOKS: Once<&'static Hooks> = Once::new();

/// Registers the kernel's answers; the first registration stays.
pub fn set_hooks(hooks: &'static Hooks) {
    HOOKS.call_once(|| hooks);
}

/// Address of a table of calls; 0 before start-up has come so far that programs run.
pub(super) fn calls_address(is_strict: bool) -> u64 {
    let Some(hooks) = HOOKS.get() else { return 0 };
    let table = if is_strict {
        hooks.strict_syscalls
    } else {
        hooks.syscalls
    };
    core::ptr::from_ref(table).addr() as u64
}

/// The registered answers, if start-up has come that far.
pub fn hooks() -> Option<&'static Hooks> {
    HOOKS.get().copied()
}

/// The frame of a thread is where its system call results go.
impl UserFrame {
    /// Writes the outcome of a system call: error code (0: none) and values.
    pub fn set_result(&self, error: u64, values: [u64; 3]) {
        self.set_register(0, error);
        for (register, value) in (1..).zip(values) {
            self.set_register(register, value);
        }
    }
}
