//! A thread: registers, kernel stack, state.

use core::any::Any;

use abi::Error;
use abi::scheduling::ThreadStanding;

use crate::arch::{self, Access, Context, Start, UserFrame};
use crate::cap::{Capability, HandleTable};
use crate::mm::{KernelStack, Translation, WordKey};
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
use crate::sync::epoch;
use crate::sync::sched_point;
use crate::sync::{HeapLink, HeapLinked, Link, Linked, Parked, Ref, RefSlot, Runs, SpinLock};
use crate::time::{HeapSlot, Timed};
use crate::word;

use super::budget::Budget;
use super::cpu;
use super::entity::{Entity, Schedulable};
use super::placement;
use super::statistics::Statistics;
use super::upcall::Upcalls;
use super::wait::{WaitTarget, Waiter, first_wait};

/// What a thread belongs to: a process, as the scheduler sees it.
pub trait Owner: Any + Send + Sync {
    /// Its handles.
    fn handles(&self) -> &Ref<HandleTable>;

    /// How the machine finds the pages of its address space.
    fn translation(&self) -> &Ref<Translation>;

    /// Mends a page fault of one of its threads if that needs no sleep.
    fn mend_fault(&self, address: u64, access: Access) -> bool;

    /// The name of a word of its memory.
    fn word_key(&self, address: u64) -> WordKey;

    /// A thread of it is about to go back to its program and has a break to take. May sleep.
    fn take_break(&self, thread: &Thread, code: u64);

    /// A killed thread of it is about to end: takes it off the owner's books. May sleep.
    fn thread_ends(&self, thread: &Ref<Thread>);
}

/// Where a thread stands; changed under the lock of its home queue.
pub(super) mod state {
    pub const RUNNING: u32 = 0;
    pub const READY: u32 = 1;
    pub const PARKED: u32 = 2;
    pub const WAITING: u32 = 3;
    pub const DEAD: u32 = 4;
}

/// Bits that keep a thread from the short way of a call, and all but one of them from its program.
pub(super) mod flag {
    /// It has been told to end.
    pub const KILLED: u32 = 1 << 0;
    /// A break waits, and no upcall runs.
    pub const BREAK_DUE: u32 = 1 << 1;
    /// It takes a capability along.
    pub const PARCEL: u32 = 1 << 2;
    /// It may not run on every CPU, and looks before it goes back to its program.
    pub const PINNED: u32 = 1 << 3;
    /// What it does is traced, see `trace`.
    pub const TRACED: u32 = 1 << 4;
    /// What is to be done before it goes back to its program.
    pub const ATTENTION: u32 = KILLED | BREAK_DUE | PINNED;
}

/// What a thread has used of the CPUs, up to its last switch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// Ticks of the counter.
    pub ticks: u64,
    /// Turns on a CPU.
    pub turns: u64,
}

/// A thread.
#[repr(C)]
pub struct Thread {
    pub(super) context: Context,
    link: Link<Thread>,
    heap_link: HeapLink<Thread>,
    pub(super) entity: Entity,
    /// What its real-time turns are charged to.
    budget: SpinLock<Option<Ref<Budget>>>,
    pub(super) timer_slot: HeapSlot,
    pub(super) timer_cpu: AtomicU32,
    id: u64,
    pub(super) state: AtomicU32,
    pub(super) home: AtomicU32,
    pub(super) is_idle: bool,
    /// An unpark that came before its park.
    pub(super) permit: AtomicBool,
    pub(super) expired: AtomicBool,
    /// Number and state of the frameless wait, see `wait`.
    pub(super) wait: AtomicU64,
    pub(super) options: AtomicU32,
    pub(super) call: [AtomicU64; 6],
    pub(super) call_number: AtomicU64,
    pub(super) tag: [AtomicU64; 2],
    pub(super) target: SpinLock<WaitTarget>,
    /// The scheduler's own reference while the thread is in no queue and on no CPU.
    pub(super) held: RefSlot<Thread>,
    /// The list whose slots the thread waits in, by its address and as itself.
    pub(super) desk: AtomicUsize,
    pub(super) desk_list: SpinLock<Option<Ref<dyn Waiter>>>,
    /// A capability on its way with a call or an answer.
    parcel: SpinLock<Option<Capability>>,
    /// What keeps it from the short way, see `flag`.
    flags: AtomicU32,
    pub(super) upcalls: Upcalls,
    owner: Option<Ref<dyn Owner>>,
    handles: Option<Ref<HandleTable>>,
    /// The domain whose values it reads without locks.
    domain: u64,
    translation: Option<Ref<Translation>>,
    pub(super) statistics: Statistics,
    /// CPU on which it was traced last, and one.
    pub(super) traced_on: AtomicU32,
    ticks: AtomicU64,
    turns: AtomicU64,
    stack: KernelStack,
}

/// How a thread begins.
#[derive(Debug)]
pub enum ThreadStart {
    /// In a program, with these registers.
    User(Start),
    /// In the kernel.
    Kernel(extern "C" fn(u64) -> !, u64),
    /// In the kernel, as what a CPU does without work.
    Idle(extern "C" fn(u64) -> !),
}

/// There was no memory for a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadError;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Thread {
    /// A thread that does not run yet.
    ///
    /// # Errors
    /// [`ThreadError`] where there is no memory.
    pub fn new(
        owner: Option<Ref<dyn Owner>>,
        start: ThreadStart,
    ) -> Result<Ref<Thread>, ThreadError> {
        let stack = KernelStack::new().map_err(|_| ThreadError)?;
        let is_idle = matches!(start, ThreadStart::Idle(_));
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let make = || Thread {
            context: Context::new(stack.top(), arch::empty_table()),
            link: Link::new(),
            heap_link: HeapLink::new(),
            entity: Entity::new(),
            budget: SpinLock::new(None),
            timer_slot: HeapSlot::new(),
            timer_cpu: AtomicU32::new(0),
            id,
            state: AtomicU32::new(state::PARKED),
            home: AtomicU32::new(cpu::cpu_number(placement::for_new_thread())),
            is_idle,
            permit: AtomicBool::new(false),
            expired: AtomicBool::new(false),
            wait: AtomicU64::new(first_wait(id)),
            options: AtomicU32::new(0),
            call: [const { AtomicU64::new(0) }; 6],
            call_number: AtomicU64::new(0),
            tag: [const { AtomicU64::new(0) }; 2],
            target: SpinLock::new(WaitTarget::None),
            held: RefSlot::new(),
            desk: AtomicUsize::new(0),
            desk_list: SpinLock::new(None),
            parcel: SpinLock::new(None),
            flags: AtomicU32::new(0),
            upcalls: Upcalls::default(),
            handles: owner.as_ref().map(|owner| owner.handles().clone()),
            domain: owner
                .as_ref()
                .map_or(epoch::NO_DOMAIN, |owner| owner.handles().domain()),
            translation: owner.as_ref().map(|owner| owner.translation().clone()),
            owner,
            statistics: Statistics::new(),
            traced_on: AtomicU32::new(0),
            ticks: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            stack,
        };
        let thread = Ref::new_with(make).map_err(|_| ThreadError)?;
        let context = &thread.context;
        match start {
            ThreadStart::User(start) => context.frame.begin(&start),
            ThreadStart::Kernel(entry, argument) => {
                arch::prepare_kernel_thread(context, entry, argument);
            }
            ThreadStart::Idle(entry) => arch::prepare_kernel_thread(context, entry, 0),
        }
        context.use_calls(false);
        Ok(thread)
    }

    /// Number of the thread, never used twice.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The number by which its process's locks know it: the low bits of its own.
    pub fn number(&self) -> u32 {
        word::low_half(self.id & u64::from(abi::lock::HOLDER))
    }

    /// The program's registers.
    pub fn frame(&self) -> &UserFrame {
        &self.context.frame
    }

    /// Loads the thread's vector registers, after their first use trapped.
    pub fn load_vector_state(&self) {
        arch::load_vector_state(&self.context);
    }

    /// Gives a thread that was never started the registers that the running thread's
    /// program has in its system call; the values it returns are zero.
    pub fn copy_registers_to(&self, new: &Thread) {
        let irq = arch::irq_save();
        arch::copy_registers(&self.context, &new.context);
        arch::irq_restore(irq);
        // x0 to x18 are results or not kept, and the frame has old values of some.
        (0..=18).for_each(|register| new.frame().set_register(register, 0));
    }

    /// Lets the running thread start another program when its system call returns.
    pub fn replace_registers(&self, start: &Start) {
        let irq = arch::irq_save();
        arch::replace_registers(&self.context, start);
        arch::irq_restore(irq);
    }

    /// What it belongs to.
    pub fn owner(&self) -> Option<&Ref<dyn Owner>> {
        self.owner.as_ref()
    }

    /// The handles of its process.
    ///
    /// # Errors
    /// [`Error::BadHandle`] for a thread of the kernel alone.
    #[inline]
    pub fn handles(&self) -> Result<&HandleTable, Error> {
        self.handles.as_deref().ok_or(Error::BadHandle)
    }

    /// The domain whose values it reads without locks.
    #[inline(always)]
    pub(super) fn domain(&self) -> u64 {
        self.domain
    }

    /// How the machine finds its pages; nothing for a thread of the kernel alone.
    #[inline(always)]
    pub(super) fn translation(&self) -> Option<&Translation> {
        self.translation.as_deref()
    }

    /// Sets or clears a flag.
    pub(super) fn set_flag(&self, bit: u32, is_set: bool) {
        if is_set {
            self.flags.fetch_or(bit, Ordering::SeqCst);
        } else {
            self.flags.fetch_and(!bit, Ordering::SeqCst);
        }
    }

    #[inline(always)]
    pub(super) fn has_flag(&self, bits: u32) -> bool {
        self.flags.load(Ordering::Acquire) & bits != 0
    }

    /// Whether anything keeps the thread from the short way of a call.
    #[inline(always)]
    pub fn is_held_up(&self) -> bool {
        self.flags.load(Ordering::Relaxed) != 0
    }

    /// Gives the thread a capability to take along; returns one that was left from before.
    pub fn set_parcel(&self, parcel: Option<Capability>) -> Option<Capability> {
        let mut place = self.parcel.lock();
        self.set_flag(flag::PARCEL, parcel.is_some());
        core::mem::replace(&mut *place, parcel)
    }

    /// The capability that the thread takes along, if any.
    #[inline]
    pub fn take_parcel(&self) -> Option<Capability> {
        if !self.has_parcel() {
            return None;
        }
        self.set_parcel(None)
    }

    /// Whether the thread takes a capability along.
    #[inline]
    pub fn has_parcel(&self) -> bool {
        self.has_flag(flag::PARCEL)
    }

    /// What it has used of the CPUs.
    pub fn used(&self) -> Used {
        Used {
            ticks: self.ticks.load(Ordering::Relaxed),
            turns: self.turns.load(Ordering::Relaxed),
        }
    }

    /// How it stands.
    pub(super) fn standing(&self) -> ThreadStanding {
        match self.state.load(Ordering::Relaxed) {
            state::RUNNING => ThreadStanding::Running,
            state::READY => ThreadStanding::Ready,
            state::DEAD => ThreadStanding::Ended,
            _ => ThreadStanding::Waiting,
        }
    }

    /// Counts time on a CPU. Only the CPU that runs the thread writes.
    pub(super) fn count_ticks(&self, ticks: u64) {
        let sum = self.ticks.load(Ordering::Relaxed).wrapping_add(ticks);
        self.ticks.store(sum, Ordering::Relaxed);
    }

    /// Counts a turn that begins; under the lock of the CPU's queue.
    pub(super) fn count_turn(&self) {
        let turns = self.turns.load(Ordering::Relaxed).wrapping_add(1);
        self.turns.store(turns, Ordering::Relaxed);
    }

    /// Makes a CPU's queue the thread's home; under the lock of the one before.
    pub(super) fn set_home(&self, cpu: usize) {
        self.home.store(cpu::cpu_number(cpu), Ordering::Relaxed);
    }

    /// Whether it has been told to end.
    pub fn is_killed(&self) -> bool {
        self.has_flag(flag::KILLED)
    }

    /// Whether there is something to do before it goes back to its program.
    #[inline]
    pub(super) fn needs_attention(&self) -> bool {
        self.has_flag(flag::ATTENTION)
    }

    /// Whether there is something to do at a switch to it.
    #[inline(always)]
    pub(super) fn needs_a_look(&self) -> bool {
        self.has_flag(flag::ATTENTION | flag::TRACED)
    }

    /// Whether what it does is traced.
    #[inline(always)]
    pub(super) fn is_traced(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & flag::TRACED != 0
    }

    /// Whether nothing may be waited for before it has gone back to its program.
    #[inline]
    pub(super) fn may_not_wait(&self) -> bool {
        self.has_flag(flag::KILLED | flag::BREAK_DUE)
    }

    /// As [`Thread::needs_attention`], after a fence.
    #[inline(always)]
    pub(super) fn needs_attention_now(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & flag::ATTENTION != 0
    }

    /// Changes what its real-time turns are charged to; returns what was before.
    pub(super) fn set_budget(&self, budget: Option<Ref<Budget>>) -> Option<Ref<Budget>> {
        core::mem::replace(&mut *self.budget.lock(), budget)
    }

    /// Whether its calls go the strict way.
    pub fn is_strict(&self) -> bool {
        self.context.has_strict_calls()
    }

    /// Its calls go the strict way from its next one on.
    pub fn make_strict(&self) {
        self.context.use_calls(true);
    }

    /// The running thread's calls go the usual way again, unless `must_be_strict` by now.
    pub fn stop_strictness(&self, must_be_strict: impl FnOnce() -> bool) {
        self.context.use_calls(false);
        // Whoever makes it a must says so first and looks at the thread's calls then; this is
        // the other order, so that one of the two sees the other.
        fence(Ordering::SeqCst);
        if must_be_strict() {
            self.context.use_calls(true);
        }
    }

    /// Lowest address of its kernel stack, for reports.
    pub fn stack_base(&self) -> u64 {
        self.stack.base()
    }
}

impl Ref<Thread> {
    /// Lets a new thread run.
    pub fn start(&self) {
        if crate::trace::is_on() {
            super::trace::trace_thread(self);
        }
        self.held.put(self.clone());
        cpu::make_ready(self, state::PARKED);
    }
}

impl Thread {
    /// Tells the thread to end: a frameless wait ends with `Cancelled`, and it leaves its
    /// program at the next chance.
    pub fn kill(&self) {
        self.set_flag(flag::KILLED, true);
        sched_point!();
        fence(Ordering::SeqCst);
        self.complete_any(Some(Error::Cancelled), [0; 3]);
        cpu::attract(self);
    }
}

impl Runs for Thread {
    const CONTEXT_OFFSET: usize = core::mem::offset_of!(Thread, context);
}

impl Linked for Thread {
    fn link(&self) -> &Link<Thread> {
        &self.link
    }
}

impl HeapLinked for Thread {
    fn heap_link(&self) -> &HeapLink<Thread> {
        &self.heap_link
    }
}

impl Schedulable for Thread {
    #[inline]
    fn entity(&self) -> &Entity {
        &self.entity
    }

    fn budget(&self) -> Option<Ref<Budget>> {
        self.budget.lock().clone()
    }

    #[inline]
    fn is_on_cpu(&self) -> bool {
        self.context.is_on_cpu()
    }
}

impl Timed for Thread {
    fn heap_slot(&self) -> &HeapSlot {
        &self.timer_slot
    }
}

impl Parked for Thread {
    fn unpark(&self) {
        self.permit.store(true, Ordering::Release);
        sched_point!();
        cpu::make_ready(self, state::PARKED);
    }
}

impl core::fmt::Debug for Thread {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "Thread {}", self.id)
    }
}

/// Starts a thread that runs in the kernel only.
///
/// # Errors
/// [`ThreadError`] where there is no memory.
pub fn spawn_kernel_thread(
    entry: extern "C" fn(u64) -> !,
    argument: u64,
) -> Result<Ref<Thread>, ThreadError> {
    let thread = Thread::new(None, ThreadStart::Kernel(entry, argument))?;
    thread.start();
    Ok(thread)
}
