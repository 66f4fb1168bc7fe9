//! A thread, as an object.

use abi::{ObjectKind, Signals};

use crate::cap::{KernelObject, ObjectBase};
use crate::limits::KERNEL_STACK_BYTES;
use crate::sched::Thread;
use crate::sync::Ref;

/// A thread that a handle refers to.
#[derive(Debug)]
pub struct ThreadObject {
    base: ObjectBase,
    thread: Ref<Thread>,
}

impl ThreadObject {
    /// An object for `thread`.
    pub fn new(thread: Ref<Thread>) -> ThreadObject {
        ThreadObject {
            base: ObjectBase::new(Signals::empty()),
            thread,
        }
    }

    /// The thread.
    pub fn thread(&self) -> &Ref<Thread> {
        &self.thread
    }
}

impl KernelObject for ThreadObject {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Thread
    }

    fn base(&self) -> &ObjectBase {
        &self.base
    }

    /// The thread keeps its kernel stack for as long as there is a handle to it.
    fn memory_bytes(&self) -> usize {
        size_of::<ThreadObject>()
            .saturating_add(size_of::<Thread>())
            .saturating_add(KERNEL_STACK_BYTES)
    }
}
