//! The word of a lock whose holder is known: `futex_lock`, `futex_unlock`.

/// Bits with the number of the thread that holds the lock, as `thread_number` returns it;
/// 0: nobody does.
pub const HOLDER: u32 = (1 << 30) - 1;

/// Others may wait for the lock: who frees it makes the call.
pub const WAITED_FOR: u32 = 1 << 31;
