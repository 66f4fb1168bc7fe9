//! A set of objects to wait for.
//!
//! A member observes its object for as long as it is in the set; when a signal it watches
//! is raised it goes into the ready queue. A wait looks at the ready members. By level: one
//! whose signals are still raised is reported and stays, others leave. By edge: what was
//! raised since the last time is reported, and the member leaves.
//!
//! Lock order: an object's signals, then a port's state.

use alloc::vec::Vec;

use abi::signal::{PortEvent, PortMode};
use abi::{Error, ObjectKind, Signals};

use crate::account::{Account, Charge, Resource};
use crate::cap::{Heard, KernelObject, ObjectBase, Observer, ObserverKey, kind_stamp};
use crate::limits::PORT_MEMBERS_MAX;
use crate::sched::{Thread, Waiter};
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::{AllocError, Borrowed, Link, Linked, MaskedGuard, Queue, Ref, SpinLock, Stamped};

use super::call::Calls;
use super::channel::ChannelEnd;
use super::desk::{Desk, look_again};

/// One object in a port.
struct Member {
    link: Link<Member>,
    key: u64,
    registration: ObserverKey,
    mask: Signals,
    mode: PortMode,
    /// By edge: the signals that were raised and not reported yet.
    edges: AtomicU32,
    object: Ref<dyn KernelObject>,
    core: Ref<Core>,
    _charge: Charge,
}

impl Linked for Member {
    fn link(&self) -> &Link<Member> {
        &self.link
    }
}

#[derive(Default)]
pub(super) struct State {
    members: Vec<Ref<Member>>,
    ready: Queue<Member>,
    waiting: Queue<Thread>,
    pub(super) calls: Calls,
}

impl State {
    /// Whether a member may be ready.
    pub(super) fn something_ready(&self) -> bool {
        !self.ready.is_empty()
    }
}

/// What members and waiting threads hold of a port.
#[repr(C)]
pub(super) struct Core {
    pub(super) desk: Desk,
    state: SpinLock<State>,
}

impl Core {
    /// A number that no other port has.
    #[inline(always)]
    pub(super) fn number(&self) -> usize {
        core::ptr::from_ref(self).addr()
    }

    /// Locks the state; interrupts are masked.
    pub(super) fn lock(&self) -> MaskedGuard<'_, State> {
        self.state.lock_masked()
    }
}

impl Core {
    /// Lets one waiting thread look for itself, where something may be ready.
    fn wake_one(&self) {
        let woken = {
            let mut state = self.state.lock();
            if state.ready.is_empty() {
                return;
            }
            self.next_waiting(&mut state)
        };
        if let Some(woken) = woken {
            woken.look_again();
        }
    }

    /// Takes a thread out that waits for events. The port is busy or has events.
    fn next_waiting(&self, state: &mut State) -> Option<Woken> {
        let waiting = state.waiting.pop();
        waiting
            .or_else(|| state.calls.pop_server())
            .map(Woken::Listed)
            .or_else(|| self.desk.pop_server().map(Woken::Slotted))
    }
}

/// A thread that is to look at a port again.
enum Woken {
    /// It was in a list; its wait is to be claimed.
    Listed(Ref<Thread>),
    /// It was in a slot, and is the holder's to tell.
    Slotted(Ref<Thread>),
}

impl Woken {
    fn look_again(self) {
        match self {
            Woken::Listed(thread) => {
                thread.complete_any(None, [0; 3]);
            }
            Woken::Slotted(thread) => look_again(&thread),
        }
    }
}

impl Ref<Core> {
    /// The port as a list of waiting threads.
    pub(super) fn waiter(&self) -> Ref<dyn Waiter> {
        self.clone().widen(|core| core as *mut dyn Waiter)
    }
}

/// A set of objects to wait for.
pub struct Port {
    base: ObjectBase,
    core: Ref<Core>,
}

/// Why a port could not be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortError {
    /// There are too many members.
    TooMany,
    /// No member has this key.
    NotFound,
    /// No memory.
    NoMemory,
    /// A limit of the account is reached.
    LimitReached,
}

/// Bytes of memory a member takes: itself, and its places in lists.
const MEMBER_BYTES: u64 = size_of::<Member>() as u64 + 64;

impl From<AllocError> for PortError {
    fn from(_: AllocError) -> Self {
        PortError::NoMemory
    }
}

static NEXT_REGISTRATION: AtomicU64 = AtomicU64::new(1 << 63);

impl Port {
    /// An empty port.
    ///
    /// # Errors
    /// [`AllocError`] where there is no memory.
    pub fn new() -> Result<Port, AllocError> {
        let core = Ref::new(Core {
            desk: Desk::default(),
            state: SpinLock::new(State::default()),
        })?;
        Ok(Port {
            base: ObjectBase::new(Signals::empty()),
            core,
        })
    }

    /// Adds an object, or replaces the member with this key; charged to `account`.
    ///
    /// # Errors
    /// [`PortError`].
    pub fn add(
        &self,
        object: Ref<dyn KernelObject>,
        mask: Signals,
        mode: PortMode,
        key: u64,
        account: &Ref<Account>,
    ) -> Result<(), PortError> {
        let charge = Charge::new(account, Resource::KernelBytes, MEMBER_BYTES)
            .map_err(|_| PortError::LimitReached)?;
        match self.remove(key) {
            Ok(()) | Err(PortError::NotFound) => {}
            Err(error) => return Err(error),
        }
        let registration = NEXT_REGISTRATION.fetch_add(1, Ordering::Relaxed);
        let member = Ref::new(Member {
            link: Link::new(),
            key,
            registration,
            mask,
            mode,
            edges: AtomicU32::new(0),
            object: object.clone(),
            core: self.core.clone(),
            _charge: charge,
        })?;
        {
            let mut state = self.core.state.lock();
            if state.members.len() >= PORT_MEMBERS_MAX {
                return Err(PortError::TooMany);
            }
            state
                .members
                .try_reserve(1)
                .map_err(|_| PortError::NoMemory)?;
            let index = state.members.partition_point(|other| other.key < key);
            state.members.insert(index, member.clone());
        }
        if let Some(end) = object.as_type::<ChannelEnd>() {
            end.bind(&self.core, key);
        }
        let observer: Ref<dyn Observer> =
            member.clone().widen(|member| member as *mut dyn Observer);
        match object
            .base()
            .signals()
            .observe(mask, registration, observer, true)
        {
            Ok(raised) => {
                // What was raised before the adding counts, by edge too.
                member.hear(raised, raised);
                Ok(())
            }
            Err(error) => {
                let _ = self.remove(key);
                Err(error.into())
            }
        }
    }

    /// Takes the member with this key out.
    ///
    /// # Errors
    /// [`PortError::NotFound`].
    pub fn remove(&self, key: u64) -> Result<(), PortError> {
        let member = {
            let mut state = self.core.state.lock();
            let index = state
                .members
                .binary_search_by_key(&key, |member| member.key)
                .map_err(|_| PortError::NotFound)?;
            let member = state.members.remove(index);
            state.ready.remove(&member);
            member
        };
        member.leave();
        Ok(())
    }

    /// Fills `events` with what is ready; returns how many.
    pub fn collect(&self, events: &mut [PortEvent]) -> usize {
        let mut count = 0;
        // Each ready member is looked at once: those still ready go to the end.
        let rounds = self.core.state.lock().ready.len();
        for _ in 0..rounds {
            let Some(place) = events.get_mut(count) else {
                break;
            };
            let next = self.core.state.lock().ready.pop();
            let Some(member) = next else { break };
            let raised = member.take_signals();
            if raised.is_empty() {
                continue;
            }
            *place = PortEvent {
                key: member.key,
                signals: raised.bits(),
                reserved: 0,
            };
            count = count.saturating_add(1);
            if !member.mode.contains(PortMode::EDGE) {
                // One that became ready in between is in the queue already.
                let _ = self.core.state.lock().ready.push(member);
            }
        }
        if count > 0 {
            // What is still ready is for the next waiting thread too.
            self.core.wake_one();
        }
        count
    }

    /// The port as a list of waiting threads.
    pub fn waiter(&self) -> Ref<dyn Waiter> {
        self.core.waiter()
    }

    pub(super) fn core(&self) -> &Ref<Core> {
        &self.core
    }

    /// Puts the running thread on the list, unless something is ready.
    pub fn enlist(&self, thread: &Borrowed<'_, Thread>) -> bool {
        let mut state = self.core.state.lock();
        state.ready.is_empty() && state.waiting.push(thread.to_ref()).is_ok()
    }
}

impl Member {
    /// Signals are raised: `hit` of the watched ones, `fresh` among them just now.
    fn hear(&self, fresh: Signals, hit: Signals) {
        let counts = if self.mode.contains(PortMode::EDGE) {
            // Before the member is in the queue: who takes it out looks here.
            self.edges.fetch_or(fresh.bits(), Ordering::AcqRel);
            fresh
        } else {
            hit
        };
        if !counts.is_empty() {
            self.make_ready();
        }
    }

    /// What is to be reported of a member that is ready.
    fn take_signals(&self) -> Signals {
        if self.mode.contains(PortMode::EDGE) {
            return Signals::from_bits_truncate(self.edges.swap(0, Ordering::AcqRel));
        }
        let raised = self.object.base().signals().raised();
        raised.intersection(self.mask)
    }

    fn make_ready(self: &Member) {
        let woken = {
            let mut state = self.core.state.lock();
            let present = state
                .members
                .binary_search_by_key(&self.key, |member| member.key)
                .ok()
                .and_then(|index| state.members.get(index).cloned())
                .filter(|member| member.registration == self.registration);
            let Some(member) = present else { return };
            let _ = state.ready.push(member);
            // A server that goes into its slot from now on sees it.
            self.core.desk.set_busy();
            self.core.next_waiting(&mut state)
        };
        if let Some(woken) = woken {
            woken.look_again();
        }
    }

    fn leave(&self) {
        if let Some(end) = self.object.as_type::<ChannelEnd>() {
            end.unbind(&self.core, self.key);
        }
        self.object.base().signals().forget(self.registration, self);
    }
}

impl Observer for Member {
    fn raised(&self, _key: ObserverKey, hit: Signals, _all: Signals) -> Heard {
        self.hear(hit, hit);
        Heard::Stay
    }

    fn heard(&self, _key: ObserverKey, fresh: Signals, hit: Signals, _all: Signals) -> Heard {
        self.hear(fresh, hit);
        Heard::Stay
    }
}

impl Waiter for Core {
    fn withdraw(&self, thread: &Thread) -> bool {
        self.desk.withdraw(thread)
    }

    fn cancel(&self, thread: &Thread) {
        let removed = {
            let mut state = self.state.lock();
            if state.calls.forget(thread) {
                None
            } else {
                state.waiting.remove(thread)
            }
        };
        drop(removed);
    }
}

impl Stamped for Port {
    const KIND: u64 = kind_stamp(ObjectKind::Port);
}

impl KernelObject for Port {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Port
    }

    fn base(&self) -> &ObjectBase {
        &self.base
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Port>().saturating_add(size_of::<Core>())
    }

    /// The members hold the port's core and their objects: they are let go.
    fn on_last_handle(&self) {
        let (members, ready) = {
            let mut state = self.core.state.lock();
            (
                core::mem::take(&mut state.members),
                core::mem::take(&mut state.ready),
            )
        };
        drop(ready);
        loop {
            let next = self.core.state.lock().calls.close();
            let Some(thread) = next else { break };
            thread.complete_any(Some(Error::PeerClosed), [0; 3]);
        }
        self.core.desk.close();
        for member in members {
            member.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::Event;

    const BIT: Signals = Signals::USER_0;
    const LEVEL: PortMode = PortMode::empty();

    fn keys(port: &Port) -> Vec<u64> {
        let mut events = [PortEvent::default(); 8];
        let count = port.collect(&mut events);
        events[..count].iter().map(|event| event.key).collect()
    }

    fn account() -> Ref<Account> {
        Account::root().unwrap()
    }

    fn object(event: &Ref<Event>) -> Ref<dyn KernelObject> {
        event.clone().widen(|event| event as *mut dyn KernelObject)
    }

    #[test]
    fn a_member_is_reported_as_long_as_its_signal_is_raised() {
        let port = Port::new().unwrap();
        let event = Ref::new(Event::new()).unwrap();
        port.add(object(&event), BIT, LEVEL, 5, &account()).unwrap();
        assert!(keys(&port).is_empty());
        event.update(Signals::empty(), BIT);
        assert_eq!(keys(&port), [5]);
        assert_eq!(keys(&port), [5]);
        event.update(BIT, Signals::empty());
        assert!(keys(&port).is_empty());
        event.update(Signals::empty(), BIT);
        assert_eq!(keys(&port), [5]);
        port.remove(5).unwrap();
        assert!(keys(&port).is_empty());
        assert_eq!(port.remove(5), Err(PortError::NotFound));
    }

    #[test]
    fn by_edge_each_raising_is_reported_once() {
        let port = Port::new().unwrap();
        let event = Ref::new(Event::new()).unwrap();
        let other = Signals::from_bits_retain(1 << 25);
        event.update(Signals::empty(), BIT);
        port.add(object(&event), BIT | other, PortMode::EDGE, 5, &account())
            .unwrap();
        // What was raised before counts.
        assert_eq!(keys(&port), [5]);
        assert!(keys(&port).is_empty());
        // Raised anew while it is raised.
        event.update(Signals::empty(), BIT);
        event.update(Signals::empty(), BIT);
        assert_eq!(keys(&port), [5]);
        assert!(keys(&port).is_empty());
        // Another one, with this one raised still: only the new one is told.
        event.update(Signals::empty(), other);
        let mut events = [PortEvent::default(); 2];
        assert_eq!(port.collect(&mut events), 1);
        assert_eq!(events[0].signals, other.bits());
        // Raised and cleared before anybody looked: it happened.
        event.update(BIT | other, Signals::empty());
        assert!(keys(&port).is_empty());
        event.update(Signals::empty(), BIT);
        event.update(BIT, Signals::empty());
        assert_eq!(keys(&port), [5]);
        assert!(keys(&port).is_empty());
    }

    #[test]
    fn a_signal_raised_before_the_adding_counts() {
        let port = Port::new().unwrap();
        let event = Ref::new(Event::new()).unwrap();
        event.update(Signals::empty(), BIT);
        port.add(object(&event), BIT, LEVEL, 1, &account()).unwrap();
        port.add(object(&event), Signals::PEER_CLOSED, LEVEL, 2, &account())
            .unwrap();
        assert_eq!(keys(&port), [1]);
        // The same key again replaces the member.
        port.add(object(&event), Signals::PEER_CLOSED, LEVEL, 1, &account())
            .unwrap();
        assert!(keys(&port).is_empty());
    }

    #[test]
    fn a_closed_port_lets_its_objects_go() {
        let event = Ref::new(Event::new()).unwrap();
        let port = Ref::new(Port::new().unwrap()).unwrap();
        let core = port.core.clone();
        let account = account();
        for key in 0..100 {
            port.add(object(&event), BIT, LEVEL, key, &account).unwrap();
        }
        event.update(Signals::empty(), BIT);
        port.on_last_handle();
        drop(port);
        assert_eq!(event.references(), 1);
        assert_eq!(core.references(), 1);
        assert_eq!(account.used(Resource::KernelBytes), 0);
    }
}
