//! Taking back what was given.

use abi::Error;

use crate::cap::{Derivation, KernelObject};
use crate::sync::Ref;
use crate::sync::atomic::{AtomicU64, Ordering};

use super::Process;
use super::registry::for_each_process;

/// Times that something was taken back.
static CUTS: AtomicU64 = AtomicU64::new(0);

/// How often something was taken back so far.
pub(super) fn cuts() -> u64 {
    CUTS.load(Ordering::SeqCst)
}

/// Takes back everything derived from a capability: its copies and what was opened, mapped
/// or made through them. When it returns none of them serves any more; what is on its way
/// in a message does not arrive. Threads that wait for an object that their process has
/// lost are told.
pub fn revoke(derivation: &Derivation) {
    if !derivation.cut() {
        return;
    }
    CUTS.fetch_add(1, Ordering::SeqCst);
    // Every table is looked through: taking back is rare, and copying pays nothing for it.
    for_each_process(|process| {
        process.handles().close_revoked(|capability| {
            process.wake_waiters_of(capability.object());
        });
        process.space().unmap_cut();
    });
}

impl Process {
    /// Does what [`revoke`] missed while the process was in no list: called when it has
    /// just been entered, with the number of [`cuts`] before it got its first handle.
    pub(super) fn catch_up_with_cuts(&self, before: u64) {
        if cuts() != before {
            self.handles().close_revoked(|_| {});
            self.space().unmap_cut();
        }
    }

    /// Ends the waits of its threads for an object, with `Revoked`.
    fn wake_waiters_of(&self, object: &Ref<dyn KernelObject>) {
        while let Some(thread) = self.find_thread(|thread| thread.wait_for(object).is_some()) {
            if let Some(key) = thread.wait_for(object) {
                thread.complete(key, Some(Error::Revoked), [0; 3]);
            }
        }
    }
}
