//! Models of the handle table: look-ups without a lock against closing.

use abi::{ObjectKind, Rights, Signals};

use super::handle_table::kind_stamp;
use super::{Capability, HandleTable, KernelObject, LookupError, ObjectBase};
use crate::account::Account;
use crate::arch::model::cpu::handle_interrupts;
use crate::arch::model::{Explorer, spawn_cpu};
use crate::arch::{irq_disable, irq_enable, this_cpu};
use crate::model_test;
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use crate::sync::epoch::{self, Masked, NO_DOMAIN};
use crate::sync::{Ref, Stamped};

const MANY: Explorer = Explorer::Random { schedules: 3_000 };

/// An object that says when it is freed.
struct Thing {
    base: ObjectBase,
    freed: Ref<AtomicBool>,
    closed: Ref<AtomicU32>,
}

impl Stamped for Thing {
    const KIND: u64 = kind_stamp(ObjectKind::Event);
}

impl KernelObject for Thing {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Event
    }

    fn base(&self) -> &ObjectBase {
        &self.base
    }

    fn on_last_handle(&self) {
        self.closed.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Thing {
    fn drop(&mut self) {
        self.freed.store(true, Ordering::Relaxed);
    }
}

fn flags() -> (Ref<AtomicBool>, Ref<AtomicU32>) {
    let freed = Ref::new(AtomicBool::new(false));
    (freed.unwrap(), Ref::new(AtomicU32::new(0)).unwrap())
}

fn thing(freed: &Ref<AtomicBool>, closed: &Ref<AtomicU32>) -> Capability {
    let thing = Thing {
        base: ObjectBase::new(Signals::empty()),
        freed: freed.clone(),
        closed: closed.clone(),
    };
    Capability::new(Ref::new(thing).unwrap(), Rights::READ)
}

fn enter(domain: u64) {
    epoch::enter_domain(this_cpu(), domain);
    fence(Ordering::SeqCst);
}

/// Looks the handle up so many times on a CPU of its own; nothing freed may be found.
fn look_up(table: &HandleTable, handle: abi::Handle, freed: &AtomicBool) {
    irq_disable();
    epoch::join();
    enter(table.domain());
    for _ in 0..3 {
        Masked::with(|masked| {
            let found = table.borrow::<Thing>(masked, handle, Rights::READ);
            (0..12).for_each(|_| shuttle::thread::yield_now());
            match found {
                Ok(_) => assert!(
                    !freed.load(Ordering::Relaxed),
                    "a freed object was looked up"
                ),
                Err(error) => assert_eq!(error, LookupError::BadHandle),
            }
        });
        irq_enable();
        irq_disable();
    }
    enter(NO_DOMAIN);
    irq_enable();
}

model_test!(
    /// An object that is being looked up is not freed by closing its handle; and a handle
    /// is closed once.
    handles_are_closed_after_look_ups, ["epoch-quiesce", "handle-withdraw"], MANY,
    || {
        handle_interrupts(epoch::acknowledge, || ());
        let (freed, closed) = flags();
        let table = Ref::new(HandleTable::new(0x55, Account::root().unwrap())).unwrap();
        let handle = table.add(thing(&freed, &closed)).unwrap();
        let reader = {
            let (table, freed) = (table.clone(), freed.clone());
            spawn_cpu(1, move || look_up(&table, handle, &freed))
        };
        let other = {
            let table = table.clone();
            spawn_cpu(2, move || {
                let _ = table.close(handle);
            })
        };
        let _ = table.close(handle);
        // The number is used again at once, for something else.
        let (freed_too, closed_too) = flags();
        let new = table.add(thing(&freed_too, &closed_too)).unwrap();
        assert_ne!(new, handle);
        other.join();
        reader.join();
        assert!(freed.load(Ordering::Relaxed));
        assert_eq!(closed.load(Ordering::Relaxed), 1, "closed once");
        assert!(!freed_too.load(Ordering::Relaxed));
    }
);
