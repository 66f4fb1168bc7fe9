//! Readers without a lock, and who waits for them.

use crate::arch::model::cell::Access;
use crate::arch::model::cpu::handle_interrupts;
use crate::arch::model::{Explorer, spawn_cpu};
use crate::arch::{irq_disable, irq_enable, this_cpu};
use crate::model_test;
use crate::sync::atomic::{Ordering, fence};
use crate::sync::epoch::{self, Masked, NO_DOMAIN};
use crate::sync::{Published, Ref, Stamped, planted};

const DOMAIN: u64 = 7;

#[derive(Debug, Default)]
struct Watched(Access);

impl Stamped for Watched {
    const KIND: u64 = 0x100;
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.write();
    }
}

type Table = Published<Watched>;

fn watched() -> Ref<Watched> {
    let value = Ref::new(Watched::default()).unwrap();
    value.0.write();
    value
}

/// Says what this CPU reads, as the scheduler does when it switches.
fn enter(domain: u64) {
    epoch::enter_domain(this_cpu(), domain);
    if !planted("epoch-enter") {
        fence(Ordering::SeqCst);
    }
}

/// What a CPU does that looks a value up so many times, and then leaves the domain.
fn read(table: &Table, index: u32, times: usize) {
    irq_disable();
    epoch::join();
    enter(DOMAIN);
    for _ in 0..times {
        Masked::with(|masked| {
            if let Some(value) = table.borrow::<Watched>(masked, index, 0, 0xfff) {
                value.0.read();
            }
        });
        irq_enable();
        irq_disable();
    }
    enter(NO_DOMAIN);
    irq_enable();
}

fn take_out(table: &Table, index: u32, value: Ref<Watched>) {
    table.withdraw(index);
    epoch::quiesce(DOMAIN);
    drop(value);
}

model_test!(
    /// A value that was taken out is freed when no reader has it any more.
    readers_are_waited_for,
    ["epoch-enter", "epoch-quiesce", "epoch-acknowledge", "published-publish"],
    Explorer::Exhaustive { preemptions: 3 },
    || {
        handle_interrupts(epoch::acknowledge, || ());
        let table = Ref::new(Table::new()).unwrap();
        table.reserve(0).unwrap();
        let reader = {
            let table = table.clone();
            spawn_cpu(1, move || read(&table, 0, 2))
        };
        let value = watched();
        table.publish(0, Watched::KIND, &value);
        take_out(&table, 0, value);
        reader.join();
    }
);

model_test!(
    /// Two CPUs take a value each out; the interrupt of one does not end the wait of the
    /// other too early.
    two_writers_wait_for_one_reader,
    ["epoch-enter", "epoch-quiesce"],
    Explorer::Exhaustive { preemptions: 2 },
    || {
        handle_interrupts(epoch::acknowledge, || ());
        let table = Ref::new(Table::new()).unwrap();
        table.reserve(0).unwrap();
        let values = [watched(), watched()];
        for (index, value) in (0..).zip(&values) {
            table.publish(index, Watched::KIND, value);
        }
        let [first, second] = values;
        let reader = {
            let table = table.clone();
            spawn_cpu(1, move || read(&table, 1, 2))
        };
        let other = {
            let table = table.clone();
            spawn_cpu(2, move || take_out(&table, 0, first))
        };
        take_out(&table, 1, second);
        other.join();
        reader.join();
    }
);
