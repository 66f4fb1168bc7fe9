//! Signals of an object, and who waits for them.

use alloc::vec::Vec;

use abi::Signals;

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{AllocError, Borrowed, Ref, Seat, SpinGuard, SpinLock};
use crate::word;

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

    /// As [`Observer::raised`], for those who want to know which of the signals were
    /// raised just now, perhaps anew: `fresh`, of `hit`.
    fn heard(&self, key: ObserverKey, _fresh: Signals, hit: Signals, all: Signals) -> Heard {
        self.raised(key, hit, all)
    }
}

struct Registration {
    mask: Signals,
    key: ObserverKey,
    observer: Ref<dyn Observer>,
}

/// Who is registered. The seat is taken only while nobody else is registered, so who is in
/// it has waited longest.
struct Observers {
    /// Somebody who hears once and is taken out before it is dropped: a waiting thread.
    waiting: Seat<dyn Observer>,
    mask: Signals,
    key: ObserverKey,
    others: Vec<Registration>,
}

/// Bit beside the raised ones: somebody is registered, and changes take the lock.
const WATCHED: u64 = 1 << 63;

/// The signals of an object.
///
/// While nobody is registered, changes are single atomic operations. The lock guards the
/// registrations and the bit that says that there are any; with the bit set, only the
/// holder of the lock changes the word.
pub struct SignalSet {
    word: AtomicU64,
    observers: SpinLock<Observers>,
}

fn signals_in(bits: u64) -> Signals {
    Signals::from_bits_truncate(word::low_half(bits))
}

fn changed(word: u64, clear: Signals, raise: Signals) -> u64 {
    (word & !u64::from(clear.bits())) | u64::from(raise.bits())
}

impl SignalSet {
    /// With `raised` raised.
    pub const fn new(raised: Signals) -> Self {
        SignalSet {
            word: AtomicU64::new(raised.bits() as u64),
            observers: SpinLock::new(Observers {
                waiting: Seat::new(),
                mask: Signals::empty(),
                key: 0,
                others: Vec::new(),
            }),
        }
    }

    /// The raised signals.
    #[inline]
    pub fn raised(&self) -> Signals {
        signals_in(self.word.load(Ordering::Acquire))
    }

    /// Changes the word unless somebody is registered; returns what it was.
    #[inline]
    fn change_unwatched(&self, clear: Signals, raise: Signals) -> Option<u64> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & WATCHED != 0 {
                return None;
            }
            let new = changed(word, clear, raise);
            match self
                .word
                .compare_exchange_weak(word, new, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(old) => return Some(old),
                Err(now) => word = now,
            }
        }
    }

    /// Clears some signals, then raises some, and tells observers.
    #[inline]
    pub fn update(&self, clear: Signals, raise: Signals) {
        if self.change_unwatched(clear, raise).is_none() {
            self.update_watched(clear, raise);
        }
    }

    fn update_watched(&self, clear: Signals, raise: Signals) {
        let mut observers = self.observers.lock();
        // The holder of the lock may take the bit away, but not find it taken away: without
        // it others change the word at the same time, which the loop allows for.
        if self.change_unwatched(clear, raise).is_some() {
            return;
        }
        // Stored before anybody is told: who is woken looks without the lock.
        let word = changed(self.word.load(Ordering::Relaxed), clear, raise);
        self.word.store(word, Ordering::Release);
        if raise.is_empty() {
            return;
        }
        let raised = observers.tell_waiting(signals_in(word), raise);
        if observers.others.is_empty() {
            self.finish_update(raised, &observers);
        } else {
            self.tell_others(observers, raised, raise);
        }
    }

    #[inline(never)]
    fn tell_others(
        &self,
        mut observers: SpinGuard<'_, Observers>,
        raised: Signals,
        raise: Signals,
    ) {
        let gone = observers.tell_others(raised, raise);
        self.finish_update(gone.left, &observers);
        // Dropped only after the lock: an observer may be the last to hold its object.
        drop(observers);
        drop(gone);
    }

    /// Stores what is still raised after observers were told.
    #[inline(always)]
    fn finish_update(&self, raised: Signals, observers: &Observers) {
        let watched = if observers.is_empty() { 0 } else { WATCHED };
        self.word
            .store(u64::from(raised.bits()) | watched, Ordering::Release);
    }

    /// Takes those of `mask` that are raised, clearing them.
    #[inline]
    pub fn take(&self, mask: Signals) -> Signals {
        if !self.raised().intersects(mask) {
            return Signals::empty();
        }
        if let Some(word) = self.change_unwatched(mask, Signals::empty()) {
            return signals_in(word).intersection(mask);
        }
        let _observers = self.observers.lock();
        // With the lock held the word either stays watched or stays unwatched.
        let word = self
            .word
            .fetch_and(!u64::from(mask.bits()), Ordering::AcqRel);
        signals_in(word).intersection(mask)
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
        let mut observers = self.observers.lock();
        observers.others.try_reserve(1).map_err(|_| AllocError)?;
        let hit = self.watch(mask);
        if hit.is_empty() || always {
            observers.others.push(Registration {
                mask,
                key,
                observer,
            });
        } else if observers.is_empty() {
            self.word.fetch_and(!WATCHED, Ordering::Release);
        }
        Ok(hit)
    }

    /// Makes changes wait for the lock, which is held, from here on; returns what of `mask`
    /// is raised.
    #[inline(always)]
    fn watch(&self, mask: Signals) -> Signals {
        signals_in(self.word.fetch_or(WATCHED, Ordering::AcqRel)).intersection(mask)
    }

    /// As [`SignalSet::observe`], for an observer that hears once and takes its registration
    /// back before it is dropped. `still_waits` says whether it has not been told to do that
    /// already. Interrupts are masked.
    ///
    /// # Errors
    /// [`AllocError`] where there is no memory.
    #[inline(always)]
    pub fn observe_once(
        &self,
        mask: Signals,
        key: ObserverKey,
        observer: &Borrowed<'_, dyn Observer>,
        still_waits: impl FnOnce() -> bool,
    ) -> Result<Signals, AllocError> {
        let mut observers = self.observers.lock_masked();
        if !observers.is_empty() {
            drop(observers);
            return self.observe_too(mask, key, observer);
        }
        let hit = self.watch(mask);
        // Who ends the wait does so before it takes the registration back under the lock.
        if hit.is_empty() && still_waits() {
            observers.waiting.offer(observer);
            observers.mask = mask;
            observers.key = key;
        } else {
            self.word.fetch_and(!WATCHED, Ordering::Release);
        }
        Ok(hit)
    }

    #[cold]
    fn observe_too(
        &self,
        mask: Signals,
        key: ObserverKey,
        observer: &Borrowed<'_, dyn Observer>,
    ) -> Result<Signals, AllocError> {
        self.observe(mask, key, observer.to_ref(), false)
    }

    /// Takes a registration back; returns whether it was there.
    pub fn forget(&self, key: ObserverKey, observer: &dyn Observer) -> bool {
        let mut observers = self.observers.lock();
        let waited = observers.key == key && observers.waiting.has(observer);
        let removed = if waited {
            observers.waiting.take();
            None
        } else {
            let index = observers.others.iter().position(|entry| {
                entry.key == key && core::ptr::addr_eq(&raw const *entry.observer, observer)
            });
            index.map(|index| observers.others.swap_remove(index))
        };
        if observers.is_empty() {
            self.word.fetch_and(!WATCHED, Ordering::Release);
        }
        drop(observers);
        waited || removed.is_some()
    }
}

impl Observers {
    #[inline(always)]
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.others.is_empty()
    }

    /// Tells the one in the seat of what is `raised`, of which `raise` just now; returns
    /// what is left of it.
    #[inline(always)]
    fn tell_waiting(&mut self, raised: Signals, raise: Signals) -> Signals {
        let hit = self.mask.intersection(raised);
        if hit.is_empty() {
            return raised;
        }
        let key = self.key;
        let Some(observer) = self.waiting.take() else {
            return raised;
        };
        let fresh = hit.intersection(raise);
        match observer.heard(key, fresh, hit, raised) {
            Heard::Take => raised.difference(hit),
            Heard::Stay | Heard::Done => raised,
        }
    }

    /// Tells the others; returns those who have heard enough.
    fn tell_others(&mut self, mut raised: Signals, raise: Signals) -> Gone {
        let mut gone = Gone {
            first: None,
            others: Vec::new(),
            left: raised,
        };
        let mut index = 0;
        while let Some(entry) = self.others.get(index) {
            let hit = entry.mask.intersection(raised);
            let heard = if hit.is_empty() {
                Heard::Stay
            } else {
                let fresh = hit.intersection(raise);
                entry.observer.heard(entry.key, fresh, hit, raised)
            };
            if heard == Heard::Stay {
                index = index.saturating_add(1);
                continue;
            }
            if heard == Heard::Take {
                raised = raised.difference(hit);
            }
            // In the order of registration: the longest waiting hears first.
            gone.add(self.others.remove(index));
        }
        gone.left = raised;
        gone
    }
}

/// Registrations that have ended: one costs no memory, and where there is none for more
/// they are dropped at once.
struct Gone {
    first: Option<Registration>,
    others: Vec<Registration>,
    /// What is still raised.
    left: Signals,
}

impl Gone {
    fn add(&mut self, entry: Registration) {
        if self.first.is_none() {
            self.first = Some(entry);
        } else if self.others.try_reserve(1).is_ok() {
            self.others.push(entry);
        }
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
    use crate::sync::atomic::AtomicU32;

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
