//! Counters and limits of a group of processes, charged to who causes the use.
//!
//! Accounts form a tree: a charge goes to an account and to all its ancestors, or to
//! none of them. Every long-lived kernel resource that a program can cause is charged
//! before it is taken and uncharged when it is returned.
//!
//! An account in batches ([`Account::open`], one for each process) takes from its parent
//! more than it needs and keeps the rest as its *spare*: most charges touch one word of the
//! process's own and nothing that other processes write. What is spare counts as used
//! nowhere ([`Account::used`] leaves it out), and a limit that would be hit because of it
//! first calls it in, so limits are exact.
#![forbid(unsafe_code)]

mod charge;
mod counter;

use alloc::vec::Vec;
use core::ops::Deref;

use crate::limits::JOB_DEPTH_MAX;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{AllocError, Ref, SpinLock};

pub use charge::Charge;
use counter::Counter;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Resource {
    /// Pages of programs' memory.
    Pages = 0,
    /// Pages of page tables.
    Tables = 1,
    /// Handles, in tables and in messages on their way.
    Handles = 2,
    /// Threads.
    Threads = 3,
    /// Processes, until nobody can ask how they ended.
    Processes = 4,
    /// Bytes of kernel objects, kernel stacks, handle tables and messages on their way.
    KernelBytes = 5,
}

/// Number of resources.
const RESOURCES: usize = 6;

impl Resource {
    /// Every resource, in the order of their numbers.
    pub const ALL: [Resource; RESOURCES] = [
        Resource::Pages,
        Resource::Tables,
        Resource::Handles,
        Resource::Threads,
        Resource::Processes,
        Resource::KernelBytes,
    ];

    /// How much more than asked for an account in batches takes from its parent.
    const fn batch(self) -> u64 {
        match self {
            Resource::Pages | Resource::Handles => 16,
            Resource::Tables => 4,
            Resource::KernelBytes => 8192,
            Resource::Threads | Resource::Processes => 0,
        }
    }
}

/// A limit of the account or of one of its ancestors is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitReached;

/// Counters and limits.
///
/// The lock of the children is a leaf: nothing but memory is taken under it.
#[derive(Debug)]
pub struct Account {
    parent: Option<Ref<Account>>,
    counters: [Counter; RESOURCES],
    children: SpinLock<Vec<Ref<Account>>>,
    in_batches: AtomicBool,
}

/// An account that takes part in its parent's until it is closed or this value dropped.
#[derive(Debug)]
pub struct OpenAccount(Ref<Account>);

impl Account {
    /// An account without limits and without parent.
    ///
    /// # Errors
    /// [`AllocError`] where there is no memory.
    pub fn root() -> Result<Ref<Account>, AllocError> {
        Ref::new(Account::below(None, false))
    }

    /// An account for one process below `parent`, which takes in batches.
    ///
    /// # Errors
    /// [`AllocError`] where there is no memory.
    pub fn open(parent: &Ref<Account>) -> Result<OpenAccount, AllocError> {
        Self::enter(parent, true)
    }

    /// An account for a group below `parent`; its limits are to be set.
    ///
    /// # Errors
    /// [`AllocError`] where there is no memory.
    pub fn open_group(parent: &Ref<Account>) -> Result<OpenAccount, AllocError> {
        Self::enter(parent, false)
    }

    fn enter(parent: &Ref<Account>, in_batches: bool) -> Result<OpenAccount, AllocError> {
        let account = Ref::new(Account::below(Some(parent.clone()), in_batches))?;
        let mut children = parent.children.lock();
        children.try_reserve(1).map_err(|_| AllocError)?;
        children.push(account.clone());
        Ok(OpenAccount(account))
    }

    fn below(parent: Option<Ref<Account>>, in_batches: bool) -> Account {
        Account {
            parent,
            counters: [const { Counter::new() }; RESOURCES],
            children: SpinLock::new(Vec::new()),
            in_batches: AtomicBool::new(in_batches),
        }
    }

    #[cfg_attr(
        not(test),
        expect(
            clippy::indexing_slicing,
            reason = "there is one counter for each resource"
        )
    )]
    #[inline]
    fn counter(&self, resource: Resource) -> &Counter {
        &self.counters[resource as usize]
    }

    /// What is used of a resource, here and below.
    pub fn used(&self, resource: Resource) -> u64 {
        let taken = self.counter(resource).taken();
        taken.saturating_sub(self.spare_below(resource, JOB_DEPTH_MAX))
    }

    /// Spare of this account and of all below, to a depth that bounds the recursion.
    fn spare_below(&self, resource: Resource, depth: usize) -> u64 {
        let mut spare = self.counter(resource).spare();
        let mut index = 0;
        while let Some(child) = self.child(index).filter(|_| depth > 0) {
            spare = spare.saturating_add(child.spare_below(resource, depth.saturating_sub(1)));
            index = index.saturating_add(1);
        }
        spare
    }

    fn child(&self, index: usize) -> Option<Ref<Account>> {
        self.children.lock().get(index).cloned()
    }

    /// The limit of a resource, `u64::MAX` where there is none.
    pub fn limit(&self, resource: Resource) -> u64 {
        self.counter(resource).limit()
    }

    /// Sets the limit of a resource; what is used beyond it already stays.
    pub fn set_limit(&self, resource: Resource, limit: u64) {
        self.counter(resource).set_limit(limit);
        // What is spare below was taken under the old limit.
        self.call_in(resource, JOB_DEPTH_MAX);
    }

    /// How often this account's limit refused a charge.
    pub fn refusals(&self, resource: Resource) -> u64 {
        self.counter(resource).refusals()
    }

    /// Counts `amount` as used, here and in every ancestor.
    ///
    /// # Errors
    /// [`LimitReached`], and nothing is counted. Also where another thread of the process
    /// charges at the very same moment and less than a batch is left.
    #[inline]
    pub fn charge(&self, resource: Resource, amount: u64) -> Result<(), LimitReached> {
        if self.counter(resource).take_spare(amount) {
            return Ok(());
        }
        self.charge_above(resource, amount)
    }

    /// Counts `amount` as used although a limit may be exceeded: for what is put back to
    /// where it was counted a moment ago.
    pub fn charge_again(&self, resource: Resource, amount: u64) {
        if !self.counter(resource).take_spare(amount) {
            let mut account = Some(self);
            while let Some(at) = account {
                at.counter(resource).raise_anyway(amount);
                account = at.parent.as_deref();
            }
        }
    }

    /// Counts `amount` as returned, here and in every ancestor.
    #[inline]
    pub fn uncharge(&self, resource: Resource, amount: u64) {
        let spare = self.counter(resource).add_spare(amount);
        if spare > self.spare_max(resource) {
            self.return_spare(resource);
        }
    }

    /// Most spare that is kept. Read after the spare was added: see [`OpenAccount::close`].
    #[inline]
    fn spare_max(&self, resource: Resource) -> u64 {
        if self.in_batches.load(Ordering::SeqCst) {
            resource.batch().saturating_mul(2)
        } else {
            0
        }
    }

    #[cold]
    fn charge_above(&self, resource: Resource, amount: u64) -> Result<(), LimitReached> {
        let counter = self.counter(resource);
        let own = counter.take_all_spare();
        let missing = amount.saturating_sub(own);
        let more = self.spare_max(resource) / 2;
        let with_more = missing.checked_add(more).ok_or(LimitReached);
        let got = with_more
            .and_then(|with_more| self.take(resource, with_more).map_err(|_| LimitReached))
            .map(|()| more)
            .or_else(|_| self.take_exactly(resource, missing).map(|()| 0));
        let (left, result) = match got {
            Ok(more) => (
                own.saturating_add(missing)
                    .saturating_add(more)
                    .saturating_sub(amount),
                Ok(()),
            ),
            Err(error) => (own, Err(error)),
        };
        // Given back as any return, for the account may have been closed meanwhile.
        self.uncharge(resource, left);
        result
    }

    /// As [`Account::take`]; who refuses first calls in what is spare below it.
    fn take_exactly(&self, resource: Resource, amount: u64) -> Result<(), LimitReached> {
        let Err(refuser) = self.take(resource, amount) else {
            return Ok(());
        };
        refuser.call_in(resource, JOB_DEPTH_MAX);
        self.take(resource, amount).map_err(|refuser| {
            refuser.counter(resource).count_refusal();
            LimitReached
        })
    }

    /// Counts here and in every ancestor, or nowhere; the error is who refused.
    fn take(&self, resource: Resource, amount: u64) -> Result<(), &Account> {
        let mut at = self;
        loop {
            if !at.counter(resource).raise(amount) {
                self.give(resource, amount, Some(at));
                return Err(at);
            }
            match &at.parent {
                Some(parent) => at = parent,
                None => return Ok(()),
            }
        }
    }

    /// Counts as returned here and in every ancestor below `end`.
    fn give(&self, resource: Resource, amount: u64, end: Option<&Account>) {
        let mut account = Some(self);
        while let Some(at) = account.filter(|at| !end.is_some_and(|end| core::ptr::eq(*at, end))) {
            at.counter(resource).lower(amount);
            account = at.parent.as_deref();
        }
    }

    /// Returns the spare of all accounts below.
    fn call_in(&self, resource: Resource, depth: usize) {
        let spare = self.counter(resource).take_all_spare();
        if spare > 0 {
            self.give(resource, spare, None);
        }
        let mut index = 0;
        while let Some(child) = self.child(index).filter(|_| depth > 0) {
            child.call_in(resource, depth.saturating_sub(1));
            index = index.saturating_add(1);
        }
    }

    /// Returns what is spare beyond one batch, or all where there are no batches.
    #[cold]
    fn return_spare(&self, resource: Resource) {
        let keep = self.spare_max(resource) / 2;
        let excess = self.counter(resource).take_spare_above(keep);
        if excess > 0 {
            self.give(resource, excess, None);
        }
    }

    fn leave(&self, gone: &Account) {
        let account = {
            let mut children = self.children.lock();
            let is_gone = |child: &Ref<Account>| core::ptr::eq(&**child, gone);
            let index = children.iter().position(is_gone);
            index.map(|index| children.swap_remove(index))
        };
        drop(account);
    }
}

impl OpenAccount {
    /// Ends the part in the parent's tree: nothing is taken in batches from here on. What
    /// is still charged stays so until it is returned.
    pub fn close(&self) {
        // Whoever adds spare after the sweep sees the flag, and returns it alone.
        self.0.in_batches.store(false, Ordering::SeqCst);
        for resource in Resource::ALL {
            self.0.return_spare(resource);
        }
        if let Some(parent) = &self.0.parent {
            parent.leave(&self.0);
        }
    }
}

impl Deref for OpenAccount {
    type Target = Ref<Account>;

    fn deref(&self) -> &Ref<Account> {
        &self.0
    }
}

impl Drop for OpenAccount {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests;
