//! Models of futexes.

extern crate std;

use std::boxed::Box;

use crate::arch::model::spawn_cpu;
use crate::arch::{irq_disable, irq_enable};
use crate::mm::WordKey;
use crate::model_test;
use crate::sched::models::{MANY, all_end, boot, thread};
use crate::sched::{block_frameless, current};
use crate::sync::atomic::{AtomicU32, Ordering};

use super::{FutexOutcome, futex_wait, futex_wake};

/// The name of a word.
fn key(address: u64) -> WordKey {
    WordKey { of: 1, at: address }
}

model_test!(
    /// Whoever waits for a word to change goes on when it has changed.
    futex_waiters_wake, ["futex-look", "interrupt-lost"], MANY,
    || {
        boot(2);
        let end = all_end(2);
        let word: &AtomicU32 = Box::leak(Box::new(AtomicU32::new(0)));
        let address = core::ptr::from_ref(word) as u64;
        for _ in 0..2 {
            let end = end.clone();
            thread(move |_, _| {
                irq_disable();
                let outcome = futex_wait(&current(), key(address), address, 0, abi::NEVER);
                if outcome == FutexOutcome::Waits {
                    block_frameless();
                }
                irq_enable();
                assert_eq!(outcome, FutexOutcome::Changed);
                end.one();
                false
            });
        }
        drop(spawn_cpu(5, move || {
            word.store(1, Ordering::Relaxed);
            assert!(futex_wake(key(address), 2) <= 2);
        }));
        end.wait();
    }
);

model_test!(
    /// A wake for one wakes one: who is woken passes it on.
    futex_wakes_are_not_lost, ["interrupt-lost"], MANY,
    || {
        boot(2);
        let end = all_end(3);
        let word: &AtomicU32 = Box::leak(Box::new(AtomicU32::new(0)));
        let address = core::ptr::from_ref(word) as u64;
        for _ in 0..3 {
            let end = end.clone();
            thread(move |_, _| {
                irq_disable();
                // A lock: 0 is free, 1 held, as programs make it.
                if word.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
                    if futex_wait(&current(), key(address), address, 1, abi::NEVER) == FutexOutcome::Waits {
                        block_frameless();
                    }
                    irq_enable();
                    return true;
                }
                irq_enable();
                word.store(0, Ordering::Release);
                futex_wake(key(address), 1);
                end.one();
                false
            });
        }
        end.wait();
    }
);
