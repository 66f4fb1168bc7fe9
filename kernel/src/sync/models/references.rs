//! Counted references and the places that hold one.

use crate::arch::model::cell::Access;
use crate::arch::model::{Explorer, SpawnedCpu, spawn_cpu};
use crate::model_test;
use crate::sync::{OnceRef, Ref, RefSlot, Slot};

const ALL: Explorer = Explorer::Exhaustive { preemptions: 3 };

/// A value whose end is compared with every use.
#[derive(Debug, Default)]
struct Watched(Access);

impl Watched {
    fn new() -> Ref<Watched> {
        let value = Ref::new(Watched::default()).unwrap();
        value.0.write();
        value
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.write();
    }
}

model_test!(
    /// The last reference, wherever it goes, frees after every use.
    references_free_last, ["reference-drop", "reference-last"], ALL,
    || {
        let value = Watched::new();
        let others = [1, 2].map(|cpu| {
            let value = value.clone();
            spawn_cpu(cpu, move || value.0.read())
        });
        value.0.read();
        drop(value);
        others.into_iter().for_each(SpawnedCpu::join);
    }
);

model_test!(
    /// What is put into a slot is whole for who takes it, and taken once.
    reference_slot_hands_over, ["reference-slot"], ALL,
    || {
        let slot = Ref::new(RefSlot::<Watched>::new()).unwrap();
        let takers = [1, 2].map(|cpu| {
            let slot = slot.clone();
            spawn_cpu(cpu, move || {
                if let Some(value) = slot.take() {
                    value.0.write();
                }
            })
        });
        slot.put(Watched::new());
        takers.into_iter().for_each(SpawnedCpu::join);
    }
);

model_test!(
    /// An element that is not counted has one taker, and what was written before it was
    /// offered is seen.
    slot_hands_over, ["slot-take"], ALL,
    || {
        let element = Watched::new();
        let slot = Ref::new(Slot::<Watched>::new()).unwrap();
        let taker = {
            let slot = slot.clone();
            spawn_cpu(1, move || {
                if let Some(value) = slot.take() {
                    value.0.write();
                }
            })
        };
        element.0.write();
        assert!(slot.offer(&element.borrow()));
        if slot.withdraw(&element) {
            element.0.write();
        }
        taker.join();
    }
);

model_test!(
    /// A reference that is set once is whole for everybody who finds it.
    once_reference_is_whole, ["once-set"], ALL,
    || {
        let place = Ref::new(OnceRef::<Watched>::new()).unwrap();
        let readers = [1, 2].map(|cpu| {
            let place = place.clone();
            spawn_cpu(cpu, move || {
                if let Some(value) = place.get() {
                    value.0.read();
                }
            })
        });
        assert!(place.set(&Watched::new()));
        readers.into_iter().for_each(SpawnedCpu::join);
    }
);
