//! Taking back what was given.

use crate::cap::{Derivation, KernelObject};
use crate::sync::Ref;

use super::Process;
use super::registry::for_each_process;

/// Takes back everything derived from a capability: its copies and what was opened, mapped
/// or made through them. When it returns none of them serves any more; what is on its way
/// in a message does not arrive. Threads that wait for an object that their process has
/// lost are told.
pub fn revoke(derivation: &Derivation) {
    if !derivation.cut() {
        return;
    }
    // Every table is looked through: taking back is rare, and copying pays nothing for it.
    for_each_process(|process| {
        process.handles().close_revoked(|capability| {
            process.wake_waiters_of(capability.object());
        });
        process.space().unmap_cut();
    });
}

impl Process {
    /// Ends the waits of its threads for an object, with `Revoked`.
    fn wake_waiters_of(&self, object: &Ref<dyn KernelObject>) {
        self.for_each_thread(|thread| {
            thread.end_wait_for(object);
        });
    }
}
