//! Limits and counters for a group of processes, as an object.
//!
//! A [`Job`] is the face of an account: its processes' accounts and those of the jobs
//! below it are its children. Jobs form a tree whose root is made at start-up. A job stays
//! in the tree for as long as it has a handle, a process or a job below; killing it ends
//! whatever is inside, and nothing can enter it any more.
//!
//! Lock order: a job's members, then a process's threads. Never two jobs' members.

mod log_budget;

use alloc::vec::Vec;

use abi::job::{CPU_SHARE_MAX, CPU_SHARE_USUAL, JOB_RESOURCES, JobInfo, JobResource};
use abi::scheduling::{REAL_TIME_BUDGET_MAX, REAL_TIME_PERIOD_NS};
use abi::{ObjectKind, Signals};

use crate::account::{Account, OpenAccount, Resource};
use crate::arch;
use crate::cap::{KernelObject, ObjectBase};
use crate::limits::{JOB_DEPTH_MAX, REAL_TIME_BUDGET_US};
use crate::sched::Budget;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Ref, SpinLock};
use crate::time::{now_ns, ns_of_ticks};

use super::{Exit, Process};
use log_budget::LogBudget;

/// What is directly in a job.
#[derive(Debug, Default)]
struct Members {
    processes: Vec<Ref<Process>>,
    jobs: Vec<Ref<Job>>,
    /// Nothing may enter: it was killed, with this code.
    killed: Option<i32>,
    /// Nothing may enter: it has left the tree.
    gone: bool,
}

/// Where a job's account hangs.
#[derive(Debug)]
enum Below {
    Nothing(Ref<Account>),
    Parent(Ref<Job>, OpenAccount),
}

/// A group of processes.
#[derive(Debug)]
pub struct Job {
    base: ObjectBase,
    below: Below,
    /// Jobs above this one.
    depth: usize,
    members: SpinLock<Members>,
    /// Set before anything inside is told.
    is_killed: AtomicBool,
    /// Processes inside, here and below.
    running: AtomicU64,
    /// CPU time of processes that have ended, here and below, in ns.
    ended_ns: AtomicU64,
    cpu_share: AtomicU64,
    log: SpinLock<LogBudget>,
    /// What its real-time threads may use, in µs of each period, and the same in ticks.
    real_time_us: AtomicU64,
    budget: Ref<Budget>,
}

/// Why something could not enter a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobError {
    /// It was killed.
    Killed,
    /// No memory.
    NoMemory,
    /// A limit is reached, or there are too many jobs above.
    LimitReached,
}

impl Job {
    /// The job above all others; `account` has no parent.
    ///
    /// # Errors
    /// [`JobError::NoMemory`].
    pub fn root(account: Ref<Account>) -> Result<Ref<Job>, JobError> {
        Self::make(Below::Nothing(account), 0, REAL_TIME_BUDGET_US)
    }

    fn make(below: Below, depth: usize, real_time_us: u64) -> Result<Ref<Job>, JobError> {
        let above = match &below {
            Below::Nothing(_) => None,
            Below::Parent(parent, _) => Some(parent.budget.clone()),
        };
        let period = ticks_of_us(REAL_TIME_PERIOD_NS / 1000);
        let budget = Budget::new(above, period, ticks_of_us(real_time_us))
            .map_err(|_| JobError::NoMemory)?;
        Ref::new(Job {
            base: ObjectBase::new(Signals::empty()),
            below,
            depth,
            members: SpinLock::new(Members::default()),
            is_killed: AtomicBool::new(false),
            running: AtomicU64::new(0),
            ended_ns: AtomicU64::new(0),
            cpu_share: AtomicU64::new(CPU_SHARE_USUAL),
            log: SpinLock::new(LogBudget::new()),
            real_time_us: AtomicU64::new(real_time_us),
            budget,
        })
        .map_err(|_| JobError::NoMemory)
    }

    /// A job below this one, charged to it. The caller gives it a handle, or lets it go
    /// with [`Job::leave_if_unused`].
    ///
    /// # Errors
    /// [`JobError`].
    pub fn create_below(this: &Ref<Job>) -> Result<Ref<Job>, JobError> {
        let depth = this.depth.saturating_add(1);
        if depth >= JOB_DEPTH_MAX {
            return Err(JobError::LimitReached);
        }
        let account = Account::open_group(this.account()).map_err(|_| JobError::NoMemory)?;
        let job = Self::make(Below::Parent(this.clone(), account), depth, 0)?;
        job.base
            .charge_to(this.account(), job.memory_bytes())
            .map_err(|_| JobError::LimitReached)?;
        let mut members = this.members.lock();
        members.check_open()?;
        members
            .jobs
            .try_reserve(1)
            .map_err(|_| JobError::NoMemory)?;
        members.jobs.push(job.clone());
        Ok(job)
    }

    /// Number of the job.
    pub fn id(&self) -> u64 {
        self.base.id()
    }

    /// The account of everything inside.
    pub fn account(&self) -> &Ref<Account> {
        match &self.below {
            Below::Nothing(account) => account,
            Below::Parent(_, account) => account,
        }
    }

    fn parent(&self) -> Option<&Ref<Job>> {
        match &self.below {
            Below::Nothing(_) => None,
            Below::Parent(parent, _) => Some(parent),
        }
    }

    /// This job and all above it.
    fn chain(&self) -> impl Iterator<Item = &Job> {
        core::iter::successors(Some(self), |job| job.parent().map(|parent| &**parent))
    }

    /// CPU time its processes may have against other jobs of the same parent, as a weight.
    pub fn cpu_share(&self) -> u64 {
        self.cpu_share.load(Ordering::Relaxed)
    }

    /// What real-time turns inside are charged to.
    pub fn budget(&self) -> &Ref<Budget> {
        &self.budget
    }

    /// Whether this is `other` or somewhere below it.
    pub fn is_within(&self, other: &Job) -> bool {
        self.chain().any(|job| core::ptr::eq(job, other))
    }

    /// Sets a limit; false where it makes no sense.
    pub fn set_limit(&self, resource: JobResource, limit: u64) -> bool {
        match (counted(resource), resource) {
            (Some(counted), _) => self.account().set_limit(counted, limit),
            (None, JobResource::CpuShare) => {
                if !(1..=CPU_SHARE_MAX).contains(&limit) {
                    return false;
                }
                self.cpu_share.store(limit, Ordering::Relaxed);
            }
            (None, JobResource::RealTime) => {
                if limit > REAL_TIME_BUDGET_MAX {
                    return false;
                }
                self.real_time_us.store(limit, Ordering::Relaxed);
                self.budget.set_limit(ticks_of_us(limit));
            }
            (None, _) => self.log.lock().set_limit(limit),
        }
        true
    }

    /// Takes bytes for the log out of the budget of this job and all above it; false: one
    /// of them has not enough left in this second.
    pub fn take_log_bytes(&self, bytes: u64) -> bool {
        let now = now_ns();
        let refuser = self
            .chain()
            .position(|job| !job.log.lock().take(bytes, now));
        let Some(refuser) = refuser else { return true };
        for job in self.chain().take(refuser) {
            job.log.lock().put_back(bytes);
        }
        false
    }

    /// Enters a process that is about to run.
    pub(super) fn enter(&self, process: Ref<Process>) -> Result<(), JobError> {
        // Counted first: whoever is told that nothing runs finds nothing that runs.
        for job in self.chain() {
            job.running.fetch_add(1, Ordering::SeqCst);
        }
        let entered = self.members.lock().add_process(process);
        if entered.is_err() {
            self.count_left();
        }
        entered
    }

    /// Takes a process out that has ended and used `cpu_ns`, if it was inside.
    pub(super) fn leave(&self, process: &Process, cpu_ns: u64) {
        let gone = {
            let mut members = self.members.lock();
            let is_gone = |other: &Ref<Process>| core::ptr::eq(&**other, process);
            let index = members.processes.iter().position(is_gone);
            index.map(|index| members.processes.swap_remove(index))
        };
        if gone.is_some() {
            for job in self.chain() {
                job.ended_ns.fetch_add(cpu_ns, Ordering::Relaxed);
            }
            self.count_left();
            self.leave_if_unused();
        }
    }

    fn count_left(&self) {
        for job in self.chain() {
            if job.running.fetch_sub(1, Ordering::SeqCst) == 1 {
                job.tell_if_over();
            }
        }
    }

    /// Raises `TERMINATED` on a killed job in which nothing runs.
    fn tell_if_over(&self) {
        let members = self.members.lock();
        if members.killed.is_some() && self.running.load(Ordering::SeqCst) == 0 {
            let raise = Signals::TERMINATED;
            self.base.signals().update(Signals::empty(), raise);
        }
    }

    /// Ends everything inside; only the first call counts.
    pub fn kill(&self, code: i32) {
        let code = *self.members.lock().killed.get_or_insert(code);
        self.is_killed.store(true, Ordering::SeqCst);
        // By what is left to do, as places change when something leaves. Nothing enters.
        while let Some(process) = self.process_not_ended() {
            process.end(Exit::Killed(code));
        }
        while let Some(job) = self.job_not_killed() {
            // At most `JOB_DEPTH_MAX` deep.
            job.kill(code);
        }
        self.tell_if_over();
    }

    fn job_not_killed(&self) -> Option<Ref<Job>> {
        let members = self.members.lock();
        let left = |job: &&Ref<Job>| !job.is_killed.load(Ordering::SeqCst);
        members.jobs.iter().find(left).cloned()
    }

    fn job_below(&self, index: usize) -> Option<Ref<Job>> {
        self.members.lock().jobs.get(index).cloned()
    }

    fn process_not_ended(&self) -> Option<Ref<Process>> {
        let members = self.members.lock();
        let left = |process: &&Ref<Process>| process.exit().is_none();
        members.processes.iter().find(left).cloned()
    }

    /// Takes the job out of the tree if it has no handle and nothing inside, and those
    /// above it likewise.
    pub fn leave_if_unused(&self) {
        for job in self.chain() {
            let Some(parent) = job.parent() else { return };
            {
                let mut members = job.members.lock();
                let used = !members.processes.is_empty() || !members.jobs.is_empty();
                if used || job.base.has_handles() {
                    return;
                }
                members.gone = true;
            }
            let left = {
                let mut members = parent.members.lock();
                let index = members
                    .jobs
                    .iter()
                    .position(|other| core::ptr::eq(&**other, job));
                index.map(|index| members.jobs.swap_remove(index))
            };
            drop(left);
        }
    }

    /// What is known about it.
    pub fn info(&self) -> JobInfo {
        let mut info = JobInfo {
            id: self.id(),
            parent: self.parent().map_or(0, |parent| parent.id()),
            running: self.running.load(Ordering::SeqCst),
            killed: u64::from(self.members.lock().killed.is_some()),
            ..JobInfo::default()
        };
        for (code, resource) in JobResource::ALL.into_iter().enumerate() {
            let [limit, used, refusals] = self.state(resource);
            set(&mut info.limits, code, limit);
            set(&mut info.used, code, used);
            set(&mut info.refusals, code, refusals);
        }
        info
    }

    /// Limit, use and refusals of a resource.
    fn state(&self, resource: JobResource) -> [u64; 3] {
        let account = self.account();
        match (counted(resource), resource) {
            (Some(counted), _) => [
                account.limit(counted),
                account.used(counted),
                account.refusals(counted),
            ],
            (None, JobResource::CpuShare) => [self.cpu_share(), self.cpu_ns(), 0],
            (None, JobResource::RealTime) => [
                self.real_time_us.load(Ordering::Relaxed),
                ns_of_ticks(self.budget.total()),
                0,
            ],
            (None, _) => self.log.lock().state(),
        }
    }

    /// CPU time of all processes inside, those that have ended included, in ns.
    fn cpu_ns(&self) -> u64 {
        let mut sum = self.ended_ns.load(Ordering::Relaxed);
        let mut index = 0;
        loop {
            let Some(process) = self.members.lock().processes.get(index).cloned() else {
                break;
            };
            sum = sum.saturating_add(process.cpu_ns());
            index = index.saturating_add(1);
        }
        let mut index = 0;
        while let Some(job) = self.job_below(index) {
            let ended = job.ended_ns.load(Ordering::Relaxed);
            // Its ended ones are counted here already.
            sum = sum.saturating_add(job.cpu_ns().saturating_sub(ended));
            index = index.saturating_add(1);
        }
        sum
    }
}

/// Ticks of the counter in so many µs.
fn ticks_of_us(us: u64) -> u64 {
    let ticks = u128::from(us).saturating_mul(u128::from(arch::counter_hz())) / 1_000_000;
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

fn set(values: &mut [u64; JOB_RESOURCES], code: usize, value: u64) {
    if let Some(place) = values.get_mut(code) {
        *place = value;
    }
}

/// The resource of the account behind one of a job, if it is one.
fn counted(resource: JobResource) -> Option<Resource> {
    Some(match resource {
        JobResource::Pages => Resource::Pages,
        JobResource::Tables => Resource::Tables,
        JobResource::Handles => Resource::Handles,
        JobResource::Threads => Resource::Threads,
        JobResource::Processes => Resource::Processes,
        JobResource::KernelBytes => Resource::KernelBytes,
        JobResource::LogBytes | JobResource::CpuShare | JobResource::RealTime => return None,
    })
}

impl Members {
    fn check_open(&self) -> Result<(), JobError> {
        if self.killed.is_some() || self.gone {
            return Err(JobError::Killed);
        }
        Ok(())
    }

    fn add_process(&mut self, process: Ref<Process>) -> Result<(), JobError> {
        self.check_open()?;
        self.processes
            .try_reserve(1)
            .map_err(|_| JobError::NoMemory)?;
        self.processes.push(process);
        Ok(())
    }
}

impl KernelObject for Job {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Job
    }

    fn base(&self) -> &ObjectBase {
        &self.base
    }

    fn on_last_handle(&self) {
        self.leave_if_unused();
    }
}

#[cfg(test)]
mod tests;
