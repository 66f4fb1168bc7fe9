//! Waiting with kernel frames.

use super::{MANY, all_end, boot, thread};
use crate::arch::model::cell::Access;
use crate::model_test;
use crate::sched::yield_now;
use crate::sync::{Mutex, Ref};

model_test!(
    /// Threads take turns with a sleeping lock, on two CPUs, and none is left asleep.
    sleeping_threads_wake,
    ["mutex-wake", "mutex-take", "park-permit", "queue-look-again"],
    MANY,
    || {
        boot(2);
        let end = all_end(3);
        let lock = Ref::new(Mutex::new(Access::new())).unwrap();
        for _ in 0..3 {
            let (end, lock) = (end.clone(), lock.clone());
            thread(move |_, _| {
                for _ in 0..2 {
                    let access = lock.lock();
                    access.enter();
                    yield_now();
                    access.leave();
                }
                end.one();
                false
            });
        }
        end.wait();
    }
);
