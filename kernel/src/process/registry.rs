//! The processes that run.

use alloc::vec::Vec;

use crate::sync::{AllocError, Ref, SpinLock};

use super::Process;

static PROCESSES: SpinLock<Vec<Ref<Process>>> = SpinLock::new(Vec::new());

/// Enters a process that is about to run.
pub(super) fn add(process: Ref<Process>) -> Result<(), AllocError> {
    let mut processes = PROCESSES.lock();
    processes.try_reserve(1).map_err(|_| AllocError)?;
    processes.push(process);
    Ok(())
}

/// Takes a process out that has ended.
pub(super) fn remove(id: u64) {
    let gone = {
        let mut processes = PROCESSES.lock();
        let index = processes.iter().position(|process| process.id() == id);
        index.map(|index| processes.remove(index))
    };
    drop(gone);
}

/// Calls `visit` with each running process, in the order of their start.
pub fn for_each_process(mut visit: impl FnMut(&Process)) {
    for_each(|process| visit(process));
}

/// As [`for_each_process`], with the references.
pub(super) fn for_each(mut visit: impl FnMut(&Ref<Process>)) {
    let mut index = 0;
    loop {
        // Not under the lock: the visitor may touch the caller's memory.
        let Some(process) = PROCESSES.lock().get(index).cloned() else {
            return;
        };
        visit(&process);
        index = index.saturating_add(1);
    }
}
