//! The spin lock.

use crate::arch::model::{Explorer, spawn_cpu};
use crate::model_test;
use crate::sync::{Ref, SpinLock};

model_test!(
    /// Two CPUs add to what the lock guards; nothing is lost.
    spin_lock_excludes, ["spin-lock", "spin-unlock"],
    Explorer::Exhaustive { preemptions: 3 },
    || {
        let lock = Ref::new(SpinLock::new(0)).unwrap();
        let other = {
            let lock = lock.clone();
            spawn_cpu(1, move || {
                *lock.lock() += 1;
                *lock.lock() += 1;
            })
        };
        *lock.lock() += 1;
        other.join();
        assert_eq!(*lock.lock(), 3);
    }
);

model_test!(
    /// Who does not get the lock at once leaves interrupts as they were.
    spin_lock_tried, ["spin-unlock"],
    Explorer::Exhaustive { preemptions: 3 },
    || {
        let lock = Ref::new(SpinLock::new(0)).unwrap();
        let other = {
            let lock = lock.clone();
            spawn_cpu(1, move || *lock.lock() += 1)
        };
        if let Some(mut value) = lock.try_lock() {
            *value += 1;
        }
        assert!(crate::arch::irqs_enabled());
        other.join();
        assert!(*lock.lock() >= 1);
    }
);
