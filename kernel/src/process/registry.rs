//! The processes that run.

use alloc::vec::Vec;

use crate::sync::{AllocError, Ref, SpinLock};

use super::Process;

/// In the order of their numbers.
static PROCESSES: SpinLock<Vec<Ref<Process>>> = SpinLock::new(Vec::new());

/// Enters a process that is about to run.
pub(super) fn add(process: Ref<Process>) -> Result<(), AllocError> {
    let mut processes = PROCESSES.lock();
    processes.try_reserve(1).map_err(|_| AllocError)?;
    let index = processes.partition_point(|other| other.id() < process.id());
    processes.insert(index, process);
    Ok(())
}

/// Takes a process out that has ended.
pub(super) fn remove(id: u64) {
    let gone = {
        let mut processes = PROCESSES.lock();
        let index = processes.binary_search_by_key(&id, |process| process.id());
        index.ok().map(|index| processes.remove(index))
    };
    drop(gone);
}

/// Calls `visit` with each running process, in the order of their numbers. None that runs
/// all the while is left out.
pub fn for_each_process(mut visit: impl FnMut(&Process)) {
    for_each(|process| visit(process));
}

/// As [`for_each_process`], with the references.
pub(super) fn for_each(mut visit: impl FnMut(&Ref<Process>)) {
    let mut last = 0;
    loop {
        // Not under the lock: the visitor may touch the caller's memory. By number, as
        // places change when processes come and go.
        let next = {
            let processes = PROCESSES.lock();
            let index = processes.partition_point(|process| process.id() <= last);
            processes.get(index).cloned()
        };
        let Some(process) = next else { return };
        visit(&process);
        last = process.id();
    }
}
