//! Counters and limits of a group of processes, charged to who causes the use.
//!
//! Accounts form a tree: a charge goes to an account and to all its ancestors, or to
//! none of them. Every long-lived kernel resource that a program can cause is charged
//! before it is taken and uncharged when it is returned.
#![forbid(unsafe_code)]

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{AllocError, Ref};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Resource {
    /// Pages of programs' memory.
    Pages = 0,
    /// Pages of page tables.
    Tables = 1,
    /// Handles.
    Handles = 2,
    /// Threads.
    Threads = 3,
    /// Processes.
    Processes = 4,
    /// Bytes of messages in flight and of kernel objects.
    KernelBytes = 5,
}

/// Number of resources.
const RESOURCES: usize = 6;

/// A limit of the account or of one of its ancestors is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitReached;

/// Counters and limits.
#[derive(Debug)]
pub struct Account {
    parent: Option<Ref<Account>>,
    used: [AtomicU64; RESOURCES],
    limits: [AtomicU64; RESOURCES],
}

impl Account {
    /// An account without limits of its own below `parent`.
    ///
    /// # Errors
    /// [`AllocError`] where there is no memory.
    pub fn new(parent: Option<Ref<Account>>) -> Result<Ref<Account>, AllocError> {
        Ref::new(Account {
            parent,
            used: [const { AtomicU64::new(0) }; RESOURCES],
            limits: [const { AtomicU64::new(u64::MAX) }; RESOURCES],
        })
    }

    #[cfg_attr(
        not(test),
        expect(
            clippy::indexing_slicing,
            reason = "there is one counter for each resource"
        )
    )]
    fn counter(&self, resource: Resource) -> &AtomicU64 {
        &self.used[resource as usize]
    }

    #[cfg_attr(
        not(test),
        expect(
            clippy::indexing_slicing,
            reason = "there is one limit for each resource"
        )
    )]
    fn limit(&self, resource: Resource) -> &AtomicU64 {
        &self.limits[resource as usize]
    }

    /// What is used of a resource.
    pub fn used(&self, resource: Resource) -> u64 {
        self.counter(resource).load(Ordering::Relaxed)
    }

    /// Sets the limit of a resource; what is used beyond it already stays.
    pub fn set_limit(&self, resource: Resource, limit: u64) {
        self.limit(resource).store(limit, Ordering::Relaxed);
    }

    /// Counts `amount` as used, here and in every ancestor.
    ///
    /// # Errors
    /// [`LimitReached`], and nothing is counted.
    pub fn charge(&self, resource: Resource, amount: u64) -> Result<(), LimitReached> {
        self.charge_own(resource, amount)?;
        let Some(parent) = &self.parent else {
            return Ok(());
        };
        parent
            .charge(resource, amount)
            .inspect_err(|_| self.uncharge_own(resource, amount))
    }

    /// Counts `amount` as returned, here and in every ancestor.
    pub fn uncharge(&self, resource: Resource, amount: u64) {
        let mut account = Some(self);
        while let Some(at) = account {
            at.uncharge_own(resource, amount);
            account = at.parent.as_deref();
        }
    }

    fn charge_own(&self, resource: Resource, amount: u64) -> Result<(), LimitReached> {
        let limit = self.limit(resource).load(Ordering::Relaxed);
        self.counter(resource)
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(amount).filter(|sum| *sum <= limit)
            })
            .map(|_| ())
            .map_err(|_| LimitReached)
    }

    fn uncharge_own(&self, resource: Resource, amount: u64) {
        let before = self.counter(resource).fetch_sub(amount, Ordering::Relaxed);
        debug_assert!(
            before >= amount,
            "{resource:?} returned that was never charged"
        );
    }
}

/// A charge that is returned when dropped.
#[derive(Debug)]
pub struct Charge {
    account: Ref<Account>,
    resource: Resource,
    amount: u64,
}

impl Charge {
    /// Charges `amount` until the value is dropped.
    ///
    /// # Errors
    /// [`LimitReached`], and nothing is counted.
    pub fn new(
        account: &Ref<Account>,
        resource: Resource,
        amount: u64,
    ) -> Result<Charge, LimitReached> {
        account.charge(resource, amount)?;
        Ok(Charge {
            account: account.clone(),
            resource,
            amount,
        })
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.account.uncharge(self.resource, self.amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_counts_in_every_ancestor_or_nowhere() {
        let root = Account::new(None).unwrap();
        let child = Account::new(Some(root.clone())).unwrap();
        root.set_limit(Resource::Pages, 10);
        assert_eq!(child.charge(Resource::Pages, 10), Ok(()));
        assert_eq!(root.used(Resource::Pages), 10);
        assert_eq!(child.charge(Resource::Pages, 1), Err(LimitReached));
        assert_eq!(
            (child.used(Resource::Pages), root.used(Resource::Pages)),
            (10, 10)
        );
        child.uncharge(Resource::Pages, 10);
        assert_eq!(
            (child.used(Resource::Pages), root.used(Resource::Pages)),
            (0, 0)
        );
    }

    #[test]
    fn the_limit_itself_is_allowed_and_one_more_is_not() {
        let account = Account::new(None).unwrap();
        account.set_limit(Resource::Handles, 2);
        let first = Charge::new(&account, Resource::Handles, 2).unwrap();
        assert!(Charge::new(&account, Resource::Handles, 1).is_err());
        drop(first);
        assert!(Charge::new(&account, Resource::Handles, 1).is_ok());
    }

    #[test]
    fn an_amount_that_overflows_is_refused() {
        let account = Account::new(None).unwrap();
        account.charge(Resource::KernelBytes, 1).unwrap();
        assert_eq!(
            account.charge(Resource::KernelBytes, u64::MAX),
            Err(LimitReached)
        );
    }
}
