//! Run queues: threads that yield, are stolen, begin and end.

use super::{MANY, boot, thread};
use crate::model_test;
use crate::sched::models::machine::all_end;
use crate::sched::yield_frameless;

model_test!(
    /// Threads that give way to each other on two CPUs all end, and none runs twice at once.
    everybody_runs, ["interrupt-lost"], MANY,
    || {
        boot(2);
        let end = all_end(3);
        for _ in 0..3 {
            let end = end.clone();
            thread(move |_, time| {
                if time < 3 {
                    yield_frameless();
                }
                end.one();
                false
            });
        }
        end.wait();
    }
);

model_test!(
    /// A busy machine of three CPUs leaves nobody out.
    threads_are_stolen, ["interrupt-lost"], MANY,
    || {
        boot(3);
        let end = all_end(5);
        for _ in 0..5 {
            let end = end.clone();
            thread(move |_, time| {
                if time < 2 {
                    yield_frameless();
                }
                end.one();
                false
            });
        }
        end.wait();
    }
);
