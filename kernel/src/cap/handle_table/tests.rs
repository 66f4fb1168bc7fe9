//! Tests of the table.

use super::slots::CHUNK_SLOTS;
use super::*;
use crate::cap::ObjectBase;
use crate::limits::HANDLES_PER_PROCESS_MAX;
use crate::sync::atomic::{AtomicU32, Ordering};

struct Thing(ObjectBase, AtomicU32);
struct Other(ObjectBase);

impl KernelObject for Thing {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Event
    }
    fn base(&self) -> &ObjectBase {
        &self.0
    }
    fn on_last_handle(&self) {
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

impl KernelObject for Other {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Port
    }
    fn base(&self) -> &ObjectBase {
        &self.0
    }
}

const RIGHTS: Rights = Rights::READ.union(Rights::DUPLICATE);

fn thing() -> Ref<Thing> {
    Ref::new(Thing(
        ObjectBase::new(abi::Signals::empty()),
        AtomicU32::new(0),
    ))
    .unwrap()
}

#[test]
fn an_old_handle_never_names_a_new_object() {
    let table = HandleTable::new(0x1234_5678_9abc_def0, Account::root().unwrap());
    let mut old = Vec::new();
    for _ in 0..1000 {
        let handle = table.add(Capability::new(thing(), RIGHTS)).unwrap();
        assert!(!old.contains(&handle));
        table.remove(handle).unwrap();
        old.push(handle);
    }
    let _live = table.add(Capability::new(thing(), RIGHTS)).unwrap();
    for handle in old {
        assert_eq!(table.remove(handle).unwrap_err(), LookupError::BadHandle);
    }
}

#[test]
fn a_retired_slot_is_never_used_again() {
    let table = HandleTable::new(0, Account::root().unwrap());
    let handle = table.add(Capability::new(thing(), RIGHTS)).unwrap();
    table.slots.lock().slot(handle.0 as u32).unwrap().generation = u32::MAX;
    let last = Handle((u64::from(u32::MAX) << 32) | (handle.0 & 0xffff_ffff));
    table.remove(last).unwrap();
    for _ in 0..CHUNK_SLOTS * 2 {
        let next = table.add(Capability::new(thing(), RIGHTS)).unwrap();
        assert_ne!(next.0 as u32, handle.0 as u32);
    }
}

#[test]
fn kind_comes_before_rights() {
    let table = HandleTable::new(7, Account::root().unwrap());
    let base = ObjectBase::new(abi::Signals::empty());
    let other = Capability::new(Ref::new(Other(base)).unwrap(), Rights::empty());
    let handle = table.add(other).unwrap();
    let result = table.get::<Thing>(handle, Rights::READ);
    assert!(matches!(result, Err(LookupError::WrongType)));
    let result = table.get::<Other>(handle, Rights::READ);
    assert!(matches!(result, Err(LookupError::AccessDenied)));
    assert!(table.get::<Other>(handle, Rights::empty()).is_ok());
    assert_eq!(
        table.get_any(Handle(handle.0 ^ 1), Rights::empty()).err(),
        Some(LookupError::BadHandle)
    );
}

#[test]
fn the_object_hears_of_its_last_handle_once() {
    let table = HandleTable::new(0, Account::root().unwrap());
    let object = thing();
    let first = Capability::new(object.clone(), RIGHTS);
    let account = Account::root().unwrap();
    let second = first.derive(Rights::all(), &account).unwrap();
    assert_eq!(second.rights(), RIGHTS);
    let first = table.add(first).unwrap();
    drop(second);
    assert_eq!(object.1.load(Ordering::Relaxed), 0);
    table.remove(first).unwrap();
    assert_eq!(object.1.load(Ordering::Relaxed), 1);
}

#[test]
fn the_table_is_full_at_its_limit_and_empties_again() {
    let table = HandleTable::new(0, Account::root().unwrap());
    let object = thing();
    for _ in 0..HANDLES_PER_PROCESS_MAX {
        table.add(Capability::new(object.clone(), RIGHTS)).unwrap();
    }
    let error = table
        .add(Capability::new(object.clone(), RIGHTS))
        .unwrap_err();
    assert_eq!(error.reason, NoSlot::LimitReached);
    drop(error);
    table.clear();
    assert_eq!((table.len(), object.references()), (0, 1));
    assert!(table.add(Capability::new(object, RIGHTS)).is_ok());
}

#[test]
fn handles_and_chunks_are_charged_and_returned() {
    let root = Account::root().unwrap();
    let account = Account::open(&root).unwrap();
    let used = || [Resource::Handles, Resource::KernelBytes].map(|resource| root.used(resource));
    let table = HandleTable::new(0, account.clone());
    let object = thing();
    let mut handles = Vec::new();
    for count in 1..=CHUNK_SLOTS as u64 + 1 {
        handles.push(table.add(Capability::new(object.clone(), RIGHTS)).unwrap());
        let chunks = count.div_ceil(CHUNK_SLOTS as u64);
        assert_eq!(used(), [count, chunks * CHUNK_BYTES]);
    }
    root.set_limit(Resource::Handles, handles.len() as u64);
    let refused = table.add(Capability::new(object.clone(), RIGHTS));
    assert_eq!(refused.unwrap_err().reason, NoSlot::LimitReached);
    let last = handles.pop().unwrap();
    let taken = table.remove(last).unwrap();
    root.set_limit(Resource::Handles, 1);
    // Put back in spite of the limit, under its old number.
    table.restore(last, taken);
    assert!(table.get::<Thing>(last, Rights::READ).is_ok());
    table.clear();
    assert_eq!(used()[0], 0);
    drop(table);
    assert_eq!(used(), [0, 0]);
}

#[test]
fn what_was_taken_back_is_gone_and_its_handle_says_so() {
    let account = Account::root().unwrap();
    let (giver, taker) = (
        HandleTable::new(1, account.clone()),
        HandleTable::new(2, account.clone()),
    );
    let object = thing();
    let own = giver.add(Capability::new(object.clone(), RIGHTS)).unwrap();
    let copy = || {
        giver
            .with(own, |capability| capability.derive(RIGHTS, &account))
            .unwrap()
            .unwrap()
    };
    let given = taker.add(copy()).unwrap();
    let kept = taker.add(Capability::new(object.clone(), RIGHTS)).unwrap();
    let on_the_way = copy();
    giver
        .with(own, |capability| capability.derivation().unwrap().cut())
        .unwrap();
    let mut closed = 0;
    for table in [&giver, &taker] {
        table.close_revoked(|_| closed += 1);
    }
    assert_eq!(closed, 1);
    assert_eq!(
        taker.get::<Thing>(given, Rights::READ).err(),
        Some(LookupError::Revoked)
    );
    assert!(taker.get::<Thing>(kept, Rights::READ).is_ok());
    assert!(giver.get::<Thing>(own, Rights::READ).is_ok());
    // What comes late does not come in.
    assert_eq!(taker.add(on_the_way).unwrap_err().reason, NoSlot::Revoked);
    assert_eq!((taker.len(), account.used(Resource::Handles)), (2, 3));
    assert_eq!(taker.close(given), Ok(()));
    assert_eq!(taker.close(given), Err(LookupError::BadHandle));
    assert_eq!((taker.len(), account.used(Resource::Handles)), (1, 2));
    let again = taker.add(copy()).unwrap();
    assert_ne!(again, given);
}
