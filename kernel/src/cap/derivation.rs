//! Which capability was derived from which, for taking back what was given.
//!
//! A capability that was copied has a [`Derivation`]; its copies have others, which belong
//! to its *group*. Taking back cuts the group: everything derived below is dead at once,
//! and what is derived later belongs to a new group. Links lead upwards only. A derivation
//! that no capability carries any more cannot be cut at, and is left out by those below it
//! when they are copied; so chains are as long as there are capabilities in them.
//!
//! Lock order: a derivation's link, then nothing.
#![forbid(unsafe_code)]

use crate::account::{Account, Charge, Resource};
use crate::limits::DERIVATION_DEPTH_MAX;
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Ref, SpinLock, Tie};

/// What was derived from one capability up to the moment it takes everything back.
#[derive(Debug)]
struct Group {
    cut: AtomicBool,
    from: Ref<Derivation>,
}

#[derive(Debug, Default)]
struct Links {
    /// What it was derived in; nothing for the first.
    above: Option<Ref<Group>>,
    /// What is derived from it now.
    below: Option<Ref<Group>>,
}

/// A capability's place among those it comes from and those that come from it.
#[derive(Debug)]
pub struct Derivation {
    id: u64,
    links: SpinLock<Links>,
    /// Capabilities that carry it.
    carriers: AtomicUsize,
    _charge: Option<Charge>,
}

/// Why nothing was derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeriveError {
    /// It was taken back.
    Revoked,
    /// No memory.
    NoMemory,
    /// A limit of the account is reached, or it is a copy of too many copies.
    LimitReached,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Bytes of memory that a copy takes: its derivation, and a group for its own copies.
const BYTES: u64 = (size_of::<Derivation>() + size_of::<Group>()) as u64;

impl Derivation {
    /// That of a capability which is not derived.
    pub(super) fn first() -> Result<Ref<Derivation>, DeriveError> {
        Self::make(None, None)
    }

    fn make(
        above: Option<Ref<Group>>,
        charge: Option<Charge>,
    ) -> Result<Ref<Derivation>, DeriveError> {
        let links = Links { above, below: None };
        Ref::new(Derivation {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            links: SpinLock::new(links),
            carriers: AtomicUsize::new(0),
            _charge: charge,
        })
        .map_err(|_| DeriveError::NoMemory)
    }

    /// One below this one, charged to `account`.
    pub(super) fn derive(
        this: &Ref<Derivation>,
        account: &Ref<Account>,
    ) -> Result<Ref<Derivation>, DeriveError> {
        match this.depth_of_used() {
            None => return Err(DeriveError::Revoked),
            Some(depth) if depth >= DERIVATION_DEPTH_MAX => return Err(DeriveError::LimitReached),
            Some(_) => {}
        }
        let charge = Charge::new(account, Resource::KernelBytes, BYTES)
            .map_err(|_| DeriveError::LimitReached)?;
        let group = Self::group(this)?;
        Self::make(Some(group), Some(charge))
    }

    /// The group of what is derived from now on.
    fn group(this: &Ref<Derivation>) -> Result<Ref<Group>, DeriveError> {
        if let Some(group) = &this.links.lock().below {
            return Ok(group.clone());
        }
        let group = Group {
            cut: AtomicBool::new(false),
            from: this.clone(),
        };
        let group = Ref::new(group).map_err(|_| DeriveError::NoMemory)?;
        // The group refers back: the ring is broken when the last carrier leaves.
        let mut links = this.links.lock();
        let kept = links.below.get_or_insert(group);
        Ok(kept.clone())
    }

    fn above(&self) -> Option<Ref<Group>> {
        self.links.lock().above.clone()
    }

    /// Derivations above it; `None` where one of them has taken it back.
    fn depth(&self) -> Option<usize> {
        Self::depth_from(self.above())
    }

    #[inline]
    fn depth_from(mut above: Option<Ref<Group>>) -> Option<usize> {
        let mut depth = 0usize;
        while let Some(group) = above {
            if group.cut.load(Ordering::SeqCst) {
                return None;
            }
            depth = depth.saturating_add(1);
            above = group.from.above();
        }
        Some(depth)
    }

    /// As [`Derivation::depth`], after [`Derivation::leave_out_the_unused`].
    fn depth_of_used(&self) -> Option<usize> {
        let above = self.above();
        let is_used = above
            .as_ref()
            .is_none_or(|group| group.from.carriers.load(Ordering::SeqCst) != 0);
        if is_used {
            return Self::depth_from(above);
        }
        self.leave_out_the_unused();
        self.depth()
    }

    /// Belongs from now on to the group of the next derivation above that is carried.
    fn leave_out_the_unused(&self) {
        while let Some(group) = self.above() {
            let unused = group.from.carriers.load(Ordering::SeqCst) == 0;
            if !unused || group.cut.load(Ordering::SeqCst) {
                return;
            }
            let next = group.from.above();
            let old = core::mem::replace(&mut self.links.lock().above, next);
            drop(old);
        }
    }

    /// Number, never used twice.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Number of the one it is derived from, 0 for none.
    pub fn parent_id(&self) -> u64 {
        self.leave_out_the_unused();
        self.above().map_or(0, |group| group.from.id)
    }

    /// Whether it was taken back.
    pub fn is_dead(&self) -> bool {
        self.depth().is_none()
    }

    /// Takes back everything derived from it so far; whether there was anything.
    pub fn cut(&self) -> bool {
        let group = self.links.lock().below.take();
        match group {
            Some(group) => {
                group.cut.store(true, Ordering::SeqCst);
                true
            }
            None => false,
        }
    }

    pub(super) fn add_carrier(&self) {
        self.carriers.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn remove_carrier(&self) {
        if self.carriers.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Nothing can be derived or taken back here any more.
            let below = self.links.lock().below.take();
            drop(below);
        }
    }
}

impl Tie for Derivation {
    fn is_cut(&self) -> bool {
        self.is_dead()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn account() -> Ref<Account> {
        Account::root().unwrap()
    }

    fn carried(derivation: Ref<Derivation>) -> Ref<Derivation> {
        derivation.add_carrier();
        derivation
    }

    #[test]
    fn cutting_reaches_what_was_derived_and_nothing_else() {
        let account = account();
        let derive = |from: &Ref<Derivation>| carried(Derivation::derive(from, &account).unwrap());
        let first = carried(Derivation::first().unwrap());
        let (left, right) = (derive(&first), derive(&first));
        let (below, later) = (derive(&left), derive(&left));
        assert_eq!(
            (below.parent_id(), left.parent_id()),
            (left.id(), first.id())
        );
        assert!(left.cut());
        assert!(below.is_dead() && later.is_dead());
        assert!(!left.is_dead() && !right.is_dead() && !first.is_dead());
        let again = derive(&left);
        assert!(!again.is_dead());
        assert_eq!(
            Derivation::derive(&below, &account).err(),
            Some(DeriveError::Revoked)
        );
        assert!(first.cut());
        assert!(again.is_dead() && left.is_dead() && right.is_dead() && !first.is_dead());
        assert!(!first.cut());
    }

    #[test]
    fn closed_copies_do_not_make_chains_longer() {
        let account = account();
        let first = carried(Derivation::first().unwrap());
        let mut last = carried(Derivation::derive(&first, &account).unwrap());
        for _ in 0..1000 {
            let next = carried(Derivation::derive(&last, &account).unwrap());
            last.remove_carrier();
            last = next;
        }
        assert_eq!(last.parent_id(), first.id());
        // At most the one just closed is still there.
        assert!(account.used(Resource::KernelBytes) <= 2 * BYTES);
        assert!(first.cut() && last.is_dead());
        last.remove_carrier();
        drop(last);
        first.remove_carrier();
        assert_eq!(
            (account.used(Resource::KernelBytes), first.references()),
            (0, 1)
        );
    }

    #[test]
    fn what_comes_of_a_closed_copy_can_still_be_taken_back() {
        let account = account();
        let first = carried(Derivation::first().unwrap());
        let middle = carried(Derivation::derive(&first, &account).unwrap());
        let last = carried(Derivation::derive(&middle, &account).unwrap());
        middle.remove_carrier();
        drop(middle);
        assert!(!last.is_dead());
        first.cut();
        assert!(last.is_dead());
    }

    #[test]
    fn a_chain_of_copies_has_an_end() {
        let account = account();
        let mut chain: Vec<_> = [carried(Derivation::first().unwrap())].into();
        let error = loop {
            match Derivation::derive(chain.last().unwrap(), &account) {
                Ok(next) => chain.push(carried(next)),
                Err(error) => break error,
            }
        };
        assert_eq!(error, DeriveError::LimitReached);
        assert_eq!(chain.len(), DERIVATION_DEPTH_MAX + 1);
        chain[0].cut();
        assert!(chain.iter().skip(1).all(|derived| derived.is_dead()));
        for derivation in &chain {
            derivation.remove_carrier();
        }
        drop(chain);
        assert_eq!(account.used(Resource::KernelBytes), 0);
    }
}
