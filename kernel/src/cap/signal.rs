//! Signals of an object, and who waits for them.

use alloc::vec::Vec;

use abi::Signals;

use crate::sync::{AllocError, Ref, SpinLock};

/// Tells an observer's registrations apart.
pub type ObserverKey = u64;

/// What an observer does with what it heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Stays registered.
    Stay,
    /// Its registration ends.
    Done,
    /// Its registration ends, and the signals it heard are cleared.
    Take,
}

/// Somebody who wants to know when signals are raised.
pub trait Observer: Send + Sync {
    /// Signals asked for are raised: `hit` of them, among `all`. Called under the object's
    /// signal lock: it must not touch the signals of any object.
    fn raised(&self, key: ObserverKey, hit: Signals, all: Signals) -> Heard;
}

struct Registration {
    mask: Signals,
    key: ObserverKey,
    observer: Ref<dyn Observer>,
}

struct State {
    raised: Signals,
    observers: Vec<Registration>,
}

/// The signals of an object.
pub struct SignalSet {
    state: SpinLock<State>,
}

impl SignalSet {
    /// With `raised` raised.
    pub const fn new(raised: Signals) -> Self {
        SignalSet {
            state: SpinLock::new(State {
                raised,
                observers: Vec::new(),
            }),
        }
    }

    /// The raised signals.
    pub fn raised(&self) -> Signals {
        self.state.lock().raised
    }

    /// Clears some signals, then raises some, and tells observers.
    pub fn update(&self, clear: Signals, raise: Signals) {
        let mut state = self.state.lock();
        let before = state.raised;
        state.raised = before.difference(clear).union(raise);
        if raise.is_empty() {
            return;
        }
        // Dropped only after the lock: an observer may be the last to hold its object.
        let mut gone = Vec::new();
        let mut index = 0;
        while let Some(entry) = state.observers.get(index) {
            let hit = entry.mask.intersection(state.raised);
            let heard = if hit.is_empty() {
                Heard::Stay
            } else {
                entry.observer.raised(entry.key, hit, state.raised)
            };
            if heard == Heard::Stay {
                index = index.saturating_add(1);
                continue;
            }
            if heard == Heard::Take {
                state.raised = state.raised.difference(hit);
            }
            // In the order of registration: the longest waiting hears first.
            let entry = state.observers.remove(index);
            if gone.try_reserve(1).is_ok() {
                gone.push(entry);
            }
        }
        drop(state);
        drop(gone);
    }

    /// Takes those of `mask` that are raised, clearing them.
    pub fn take(&self, mask: Signals) -> Signals {
        let mut state = self.state.lock();
        let taken = state.raised.intersection(mask);
        state.raised = state.raised.difference(taken);
        taken
    }

    /// Registers an observer, unless signals of `mask` are raised already: then they are
    /// returned. `always` registers in any case.
    ///
    /// # Errors
    /// [`AllocError`] where there is no memory.
    pub fn observe(
        &self,
        mask: Signals,
        key: ObserverKey,
        observer: Ref<dyn Observer>,
        always: bool,
    ) -> Result<Signals, AllocError> {
        let mut state = self.state.lock();
        let hit = state.raised.intersection(mask);
        if hit.is_empty() || always {
            state.observers.try_reserve(1).map_err(|_| AllocError)?;
            state.observers.push(Registration {
                mask,
                key,
                observer,
            });
        }
        Ok(hit)
    }

    /// Takes a registration back; returns whether it was there.
    pub fn forget(&self, key: ObserverKey, observer: &dyn Observer) -> bool {
        let mut state = self.state.lock();
        let index = state.observers.iter().position(|entry| {
            entry.key == key && core::ptr::addr_eq(&raw const *entry.observer, observer)
        });
        let removed = index.map(|index| state.observers.swap_remove(index));
        drop(state);
        removed.is_some()
    }
}

impl core::fmt::Debug for SignalSet {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str("SignalSet")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::atomic::{AtomicU32, Ordering};

    struct Counter(AtomicU32, bool);

    impl Observer for Counter {
        fn raised(&self, _key: ObserverKey, _hit: Signals, _all: Signals) -> Heard {
            self.0.fetch_add(1, Ordering::Relaxed);
            if self.1 { Heard::Stay } else { Heard::Done }
        }
    }

    #[test]
    fn a_one_time_observer_hears_once_and_a_lasting_one_each_time() {
        let signals = SignalSet::new(Signals::empty());
        let once = Ref::new(Counter(AtomicU32::new(0), false)).unwrap();
        let lasting = Ref::new(Counter(AtomicU32::new(0), true)).unwrap();
        signals
            .observe(Signals::READABLE, 1, once.clone().widen(|o| o), false)
            .unwrap();
        signals
            .observe(Signals::READABLE, 2, lasting.clone().widen(|o| o), false)
            .unwrap();
        signals.update(Signals::empty(), Signals::WRITABLE);
        assert_eq!(lasting.0.load(Ordering::Relaxed), 0);
        for _ in 0..3 {
            signals.update(Signals::empty(), Signals::READABLE);
        }
        assert_eq!(once.0.load(Ordering::Relaxed), 1);
        assert_eq!(lasting.0.load(Ordering::Relaxed), 3);
        assert!(signals.forget(2, &*lasting));
        assert!(!signals.forget(1, &*once));
        assert_eq!(lasting.references(), 1);
    }

    #[test]
    fn what_is_raised_already_is_returned_instead() {
        let signals = SignalSet::new(Signals::PEER_CLOSED);
        let observer = Ref::new(Counter(AtomicU32::new(0), true)).unwrap();
        let mask = Signals::PEER_CLOSED | Signals::READABLE;
        let hit = signals
            .observe(mask, 0, observer.clone().widen(|o| o), false)
            .unwrap();
        assert_eq!(hit, Signals::PEER_CLOSED);
        assert!(!signals.forget(0, &*observer));
    }

    #[test]
    fn taking_clears() {
        let signals = SignalSet::new(Signals::USER_0 | Signals::READABLE);
        assert_eq!(signals.take(Signals::USER_ALL), Signals::USER_0);
        assert_eq!(signals.take(Signals::USER_ALL), Signals::empty());
        assert_eq!(signals.raised(), Signals::READABLE);
    }
}
