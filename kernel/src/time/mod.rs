//! Time: ns since boot, the wall clock, deadlines.
#![forbid(unsafe_code)]

mod clock;
mod deadline_heap;

pub use clock::{init_clock, now_ns, ns_of_ticks, ns_since_boot, set_wall_ns, ticks_at, wall_ns};
pub use deadline_heap::{DeadlineHeap, HeapSlot, Timed};
