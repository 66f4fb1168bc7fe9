//! A process.

use alloc::vec::Vec;

use abi::process::{
    FaultKind, PROCESS_NAME_MAX, ProcessInfo, ProcessState, RC_FAIL, RestrictFlags,
};
use abi::upcall::UpcallKinds;
use abi::{ObjectKind, Signals};

use crate::account::{Account, Charge, OpenAccount, Resource};
use crate::arch::{Access, Start};
use crate::cap::{HandleTable, KernelObject, ObjectBase};
use crate::entropy::random_u64;
use crate::ipc;
use crate::mm::{AddressSpace, MapError, Translation, WordKey};
use crate::sched::{self, Owner, Thread, ThreadStart};
use crate::sync::atomic::{AtomicU64, Ordering, fence};
use crate::sync::{Borrowed, Ref, SpinLock};
use crate::time::{now_ns, ns_of_ticks};

use super::layout::new_layout;
use super::{Job, RESTRICT_WORDS, Restrictions, ThreadObject, registry};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with a return code.
    Code(i32),
    /// By a fault at an address and an instruction.
    Fault {
        /// What kind.
        kind: FaultKind,
        /// The address, 0 outside user space.
        address: u64,
        /// The instruction.
        pc: u64,
    },
    /// By somebody else, with a return code.
    Killed(i32),
}

#[derive(Debug, Default)]
struct Threads {
    list: Vec<Ref<ThreadObject>>,
    exit: Option<Exit>,
    /// Everything has been returned, or is being returned.
    finished: bool,
}

/// A process.
pub struct Process {
    base: ObjectBase,
    name: [u8; PROCESS_NAME_MAX],
    parent: u64,
    job: Ref<Job>,
    restrictions: Restrictions,
    account: OpenAccount,
    space: Ref<AddressSpace>,
    handles: Ref<HandleTable>,
    threads: SpinLock<Threads>,
    /// Ticks and turns of threads that have ended.
    ended_ticks: AtomicU64,
    ended_turns: AtomicU64,
    start_ns: u64,
    /// Returned when the process object itself goes.
    _charge: Charge,
}

impl core::fmt::Debug for Process {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "Process {} {}", self.base.id(), self.name())
    }
}

impl Threads {
    /// Ticks and turns of the threads of `process`, those that have ended included.
    fn used(&self, process: &Process) -> (u64, u64) {
        let ended = (
            process.ended_ticks.load(Ordering::Relaxed),
            process.ended_turns.load(Ordering::Relaxed),
        );
        self.list.iter().fold(ended, |(ticks, turns), object| {
            let used = object.thread().used();
            (
                ticks.wrapping_add(used.ticks),
                turns.wrapping_add(used.turns),
            )
        })
    }
}

impl Process {
    /// An empty process: no mapping, no handle, no thread. Its account is below that of `job`,
    /// which it has still to enter.
    ///
    /// # Errors
    /// [`MapError::NoMemory`] or [`MapError::LimitReached`].
    pub fn new(
        name: &[u8],
        parent: u64,
        job: &Ref<Job>,
        restrictions: Restrictions,
    ) -> Result<Ref<Process>, MapError> {
        let mut short = [0; PROCESS_NAME_MAX];
        for (place, byte) in short.iter_mut().zip(name) {
            *place = *byte;
        }
        Self::with_parts(short, parent, job, restrictions, |account| {
            let space = AddressSpace::new(account.clone(), new_layout())?;
            let space = Ref::new(space).map_err(|_| MapError::NoMemory)?;
            Ok((space, HandleTable::new(random_u64(), account.clone())))
        })
    }

    /// A process without a thread that has copies of this one's memory and handles.
    ///
    /// # Errors
    /// [`MapError::NoMemory`] or [`MapError::LimitReached`].
    pub(super) fn copy(&self) -> Result<Ref<Process>, MapError> {
        let restrictions = self.restrictions.inherited();
        Self::with_parts(self.name, self.id(), &self.job, restrictions, |account| {
            let handles = self.handles.copy_for(account.clone())?;
            // Last, as Memories know who maps them: a process returns its mappings, a
            // space alone does not.
            let space = self.space.clone_for(account.clone())?;
            Ok((space, handles))
        })
    }

    fn with_parts(
        name: [u8; PROCESS_NAME_MAX],
        parent: u64,
        job: &Ref<Job>,
        restrictions: Restrictions,
        parts: impl FnOnce(&Ref<Account>) -> Result<(Ref<AddressSpace>, HandleTable), MapError>,
    ) -> Result<Ref<Process>, MapError> {
        let account = Account::open(job.account()).map_err(|_| MapError::NoMemory)?;
        let charge =
            Charge::new(&account, Resource::Processes, 1).map_err(|_| MapError::LimitReached)?;
        let (space, handles) = parts(&account)?;
        let whole = Ref::new(handles).map_err(|_| MapError::NoMemory);
        let process = whole.and_then(|handles| {
            let process = Process {
                base: ObjectBase::new(Signals::empty()),
                name,
                parent,
                space: space.clone(),
                handles,
                threads: SpinLock::new(Threads::default()),
                ended_ticks: AtomicU64::new(0),
                ended_turns: AtomicU64::new(0),
                start_ns: now_ns(),
                job: job.clone(),
                restrictions,
                account,
                _charge: charge,
            };
            let process = Ref::new(process).map_err(|_| MapError::NoMemory)?;
            process.charge_object(&*process)?;
            Ok(process)
        });
        process.inspect_err(|_| space.clear())
    }

    /// Charges the memory of an object of this process.
    fn charge_object(&self, object: &dyn KernelObject) -> Result<(), MapError> {
        object
            .base()
            .charge_to(&self.account, object.memory_bytes())
            .map_err(|_| MapError::LimitReached)
    }

    /// The thread that its locks know by this number.
    pub fn thread_by_number(&self, number: u32) -> Option<Ref<Thread>> {
        let threads = self.threads.lock();
        let mut all = threads.list.iter().map(|object| object.thread());
        all.find(|thread| thread.number() == number).cloned()
    }

    /// Number of the process.
    pub fn id(&self) -> u64 {
        self.base.id()
    }

    /// Whether it is the first program, which nobody started.
    pub fn is_first(&self) -> bool {
        self.parent == 0
    }

    /// Name for people.
    pub fn name(&self) -> &str {
        let end = self
            .name
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(PROCESS_NAME_MAX);
        let bytes = self.name.get(..end).unwrap_or(&[]);
        match core::str::from_utf8(bytes) {
            Ok(name) => name,
            // A name that was cut inside a character.
            Err(error) => {
                core::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or(&[])).unwrap_or("?")
            }
        }
    }

    /// Its memory.
    pub fn space(&self) -> &Ref<AddressSpace> {
        &self.space
    }

    /// Its handles.
    pub fn handles(&self) -> &HandleTable {
        &self.handles
    }

    /// What it is charged to.
    pub fn account(&self) -> &Ref<Account> {
        &self.account
    }

    /// The job it is in.
    pub fn job(&self) -> &Ref<Job> {
        &self.job
    }

    /// Calls it has given up.
    pub fn restrictions(&self) -> &Restrictions {
        &self.restrictions
    }

    /// Gives up all calls but those in `left`, for good, and makes things fatal.
    pub fn restrict(&self, flags: RestrictFlags, left: [u64; RESTRICT_WORDS]) {
        self.restrictions.add(flags, left);
        // A thread that is entered from here on sees that something is given up, and so does
        // one that stops being strict because it is no longer traced.
        fence(Ordering::SeqCst);
        while let Some(thread) = self.find_thread(|thread| !thread.is_strict()) {
            thread.make_strict();
        }
    }

    /// CPU time used up to the last switches of its threads, in ns.
    pub fn cpu_ns(&self) -> u64 {
        let (ticks, _) = self.threads.lock().used(self);
        ns_of_ticks(ticks)
    }

    /// Makes a thread of this process; it does not run yet.
    ///
    /// # Errors
    /// [`MapError::NoMemory`], [`MapError::LimitReached`], or [`MapError::Invalid`] for a
    /// process that has ended.
    pub fn make_thread(this: &Ref<Process>, start: Start) -> Result<Ref<ThreadObject>, MapError> {
        this.account
            .charge(Resource::Threads, 1)
            .map_err(|_| MapError::LimitReached)?;
        let owner: Ref<dyn Owner> = this.clone().widen(|process| process as *mut dyn Owner);
        let made = Thread::new(Some(owner), ThreadStart::User(start));
        let entered = made.map_err(|_| MapError::NoMemory).and_then(|thread| {
            let object = Ref::new(ThreadObject::new(thread)).map_err(|_| MapError::NoMemory)?;
            this.charge_object(&*object)?;
            let mut threads = this.threads.lock();
            if threads.exit.is_some() {
                return Err(MapError::Invalid);
            }
            threads
                .list
                .try_reserve(1)
                .map_err(|_| MapError::NoMemory)?;
            threads.list.push(object.clone());
            drop(threads);
            if this.restrictions.is_any() {
                object.thread().make_strict();
            }
            Ok(object)
        });
        entered.inspect_err(|_| this.account.uncharge(Resource::Threads, 1))
    }

    /// The first of its threads for which `fits`, called under the lock of the list.
    pub(super) fn find_thread(&self, fits: impl Fn(&Thread) -> bool) -> Option<Ref<Thread>> {
        let threads = self.threads.lock();
        let mut all = threads.list.iter().map(|object| object.thread());
        all.find(|thread| fits(thread)).cloned()
    }

    /// The thread at a place of its list; places change as threads end.
    pub fn thread_at(&self, index: usize) -> Option<Ref<Thread>> {
        let threads = self.threads.lock();
        threads
            .list
            .get(index)
            .map(|object| object.thread().clone())
    }

    /// Ends the process; only the first call counts. Its threads leave at their next chance.
    pub fn end(&self, exit: Exit) {
        loop {
            // One at a time: telling a thread takes the scheduler's locks, and threads that
            // end meanwhile leave the list.
            let next = {
                let mut threads = self.threads.lock();
                threads.exit.get_or_insert(exit);
                threads
                    .list
                    .iter()
                    .find(|object| !object.thread().is_killed())
                    .cloned()
            };
            let Some(object) = next else { break };
            object.thread().kill();
        }
        // Without a thread nobody else would finish.
        self.finish_if_empty();
    }

    /// Ends a process none of whose threads was ever started.
    pub(super) fn abandon(&self) {
        let threads = {
            let mut threads = self.threads.lock();
            threads.exit.get_or_insert(Exit::Killed(RC_FAIL));
            core::mem::take(&mut threads.list)
        };
        self.account
            .uncharge(Resource::Threads, threads.len() as u64);
        drop(threads);
        self.finish_if_empty();
    }

    /// Number of threads that have not ended.
    pub fn thread_count(&self) -> usize {
        self.threads.lock().list.len()
    }

    /// How it ended, if it has.
    pub fn exit(&self) -> Option<Exit> {
        self.threads.lock().exit
    }

    /// Ticks of the turns its threads have just now, which are not counted yet.
    fn ticks_of_turns(&self) -> u64 {
        // One thread at a time: this takes locks of the scheduler.
        (0..)
            .map_while(|index| self.thread_at(index))
            .map(|thread| thread.ticks_of_turn())
            .fold(0, u64::wrapping_add)
    }

    /// What is known about it.
    pub fn info(&self) -> ProcessInfo {
        let under_way = self.ticks_of_turns();
        let (exit, live, ticks, turns) = {
            let threads = self.threads.lock();
            let (ticks, turns) = threads.used(self);
            (threads.exit, threads.list.len(), ticks, turns)
        };
        let mut info = ProcessInfo {
            id: self.id(),
            parent: self.parent,
            state: ProcessState::Running as u32,
            threads: u32::try_from(live).unwrap_or(u32::MAX),
            handles: self.handles.len() as u64,
            pages: self.account.used(Resource::Pages),
            tables: self.account.used(Resource::Tables),
            kernel_bytes: self.account.used(Resource::KernelBytes),
            cpu_ns: ns_of_ticks(ticks.wrapping_add(under_way)),
            start_ns: self.start_ns,
            switches: turns,
            job: self.job.id(),
            name: self.name,
            ..ProcessInfo::default()
        };
        match exit {
            None => {}
            Some(Exit::Code(code)) => {
                info.state = ProcessState::Exited as u32;
                info.exit_code = code;
            }
            Some(Exit::Killed(code)) => {
                info.state = ProcessState::Killed as u32;
                info.exit_code = code;
            }
            Some(Exit::Fault { kind, address, pc }) => {
                info.state = ProcessState::Faulted as u32;
                info.exit_code = RC_FAIL;
                info.fault_kind = kind as u32;
                info.fault_address = address;
                info.fault_pc = pc;
            }
        }
        info
    }

    /// Finishes a process without threads, once.
    fn finish_if_empty(&self) {
        let first = {
            let mut threads = self.threads.lock();
            threads.list.is_empty() && !core::mem::replace(&mut threads.finished, true)
        };
        if first {
            self.finish();
        }
    }

    /// Returns everything the process holds and tells who waits.
    fn finish(&self) {
        self.handles.clear();
        self.space.end();
        registry::remove(self.id());
        self.account.close();
        self.job.leave(self, self.cpu_ns());
        self.base
            .signals()
            .update(Signals::empty(), Signals::TERMINATED);
    }
}

impl Owner for Process {
    fn handles(&self) -> &Ref<HandleTable> {
        &self.handles
    }

    fn translation(&self) -> &Ref<Translation> {
        self.space.translation()
    }

    fn word_key(&self, address: u64) -> WordKey {
        self.space.word_key(address)
    }

    fn mend_fault(&self, address: u64, access: Access) -> bool {
        self.space.fault_at_hand(address, access)
    }

    fn take_break(&self, thread: &Thread, code: u64) {
        self.deliver(thread, UpcallKinds::BREAK, FaultKind::None, code);
    }

    fn thread_ends(&self, thread: &Ref<Thread>) {
        ipc::holder_ends(thread, self.id());
        let object = {
            let mut threads = self.threads.lock();
            let index = threads
                .list
                .iter()
                .position(|other| other.thread().same(thread));
            let object = index.map(|index| threads.list.swap_remove(index));
            // Under the lock, so that nobody counts the thread twice or not at all. Its
            // last turn, which goes on, is not counted.
            let used = thread.used();
            self.ended_ticks.fetch_add(used.ticks, Ordering::Relaxed);
            self.ended_turns.fetch_add(used.turns, Ordering::Relaxed);
            if threads.list.is_empty() {
                threads.exit.get_or_insert(Exit::Code(abi::process::RC_OK));
            }
            object
        };
        if let Some(object) = object {
            object
                .base()
                .signals()
                .update(Signals::empty(), Signals::TERMINATED);
        }
        self.account.uncharge(Resource::Threads, 1);
        self.finish_if_empty();
    }
}

impl KernelObject for Process {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Process
    }

    fn base(&self) -> &ObjectBase {
        &self.base
    }
}

/// The process of a thread.
///
/// # Panics
/// For a thread of the kernel alone.
pub fn process_of(thread: &Thread) -> Borrowed<'_, Process> {
    let owner = thread.owner().expect("system calls come from programs");
    owner
        .downcast_borrow::<Process>()
        .expect("every owner of a thread is a process")
}

/// The process of the running thread.
///
/// # Panics
/// In a thread of the kernel alone.
pub fn current_process() -> Ref<Process> {
    process_of(&sched::current()).to_ref()
}
