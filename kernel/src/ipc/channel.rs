//! A two-ended message pipe.
//!
//! Each end owns the queue it reads. A message carries bytes and capabilities; a
//! capability in flight belongs to the message, so dropping an unread message closes
//! what it carried.
//!
//! Lock order: an inbox, then signals; no two inboxes are held at once.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use abi::{Error, ObjectKind, Signals};

use crate::account::Charge;
use crate::arch;
use crate::cap::{Capability, KernelObject, ObjectBase, kind_stamp};
use crate::limits::CHANNEL_QUEUE_MESSAGES_MAX;
use crate::sched::{Thread, Waiter};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{AllocError, Borrowed, MaskedGuard, OnceRef, Ref, SpinLock, Stamped, WaitList};

use super::call::Binding;
use super::port::Core as PortCore;

/// Bytes and capabilities on their way.
#[derive(Debug)]
pub struct Message {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The capabilities.
    pub handles: Vec<Capability>,
    /// What the sender is charged until the message is read: bytes and handles.
    pub charges: [Option<Charge>; 2],
}

/// Why a message was not sent; it comes back.
#[derive(Debug)]
pub enum SendError {
    /// The other end is closed.
    PeerClosed(Message),
    /// The other end's queue is full.
    Full(Message),
    /// No memory.
    NoMemory(Message),
}

/// Why no message was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// There is none.
    Empty,
    /// There is none, and none can come.
    PeerClosed,
    /// It is larger than the room for it: bytes and handles it has.
    TooSmall {
        /// Bytes.
        bytes: usize,
        /// Handles.
        handles: usize,
    },
}

/// What has come to an end.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    messages: VecDeque<Message>,
    /// Where calls go.
    pub(super) binding: Option<Binding>,
    /// Callers that wait until the end is in a port.
    pub(super) unbound: WaitList<Thread>,
    pub(super) closed: bool,
}

#[derive(Debug)]
#[repr(C)]
pub(super) struct Side {
    /// Whether calls go to `port`.
    has_route: AtomicBool,
    port_key: AtomicU64,
    /// The first port that the end was put into.
    port: OnceRef<PortCore>,
    base: ObjectBase,
    inbox: SpinLock<Inbox>,
    closed: AtomicBool,
}

impl Side {
    /// The port that calls go to, and the end's key there, without the lock.
    #[inline(always)]
    pub(super) fn route(&self) -> Option<(Borrowed<'_, PortCore>, u64)> {
        if !self.has_route.load(Ordering::Acquire) {
            return None;
        }
        Some((
            self.port.get_after()?,
            self.port_key.load(Ordering::Relaxed),
        ))
    }

    /// Locks the inbox; interrupts are masked.
    pub(super) fn lock_inbox(&self) -> MaskedGuard<'_, Inbox> {
        self.inbox.lock_masked()
    }
}

/// One end of a channel.
#[derive(Debug)]
pub struct ChannelEnd {
    peer: Ref<Side>,
    own: Ref<Side>,
}

impl Message {
    /// Bytes of memory that a message with so many bytes and handles takes.
    pub fn memory_bytes(bytes: usize, handles: usize) -> usize {
        let capabilities = handles.saturating_mul(size_of::<Capability>());
        bytes
            .saturating_add(capabilities)
            .saturating_add(size_of::<Message>())
    }
}

impl ChannelEnd {
    /// Makes both ends.
    ///
    /// # Errors
    /// [`AllocError`] where there is no memory.
    pub fn pair() -> Result<(Ref<ChannelEnd>, Ref<ChannelEnd>), AllocError> {
        let side = || {
            Ref::new(Side {
                has_route: AtomicBool::new(false),
                port_key: AtomicU64::new(0),
                port: OnceRef::new(),
                base: ObjectBase::new(Signals::WRITABLE),
                inbox: SpinLock::new(Inbox::default()),
                closed: AtomicBool::new(false),
            })
        };
        let (one, other) = (side()?, side()?);
        let end = |own: &Ref<Side>, peer: &Ref<Side>| {
            Ref::new(ChannelEnd {
                peer: peer.clone(),
                own: own.clone(),
            })
        };
        Ok((end(&one, &other)?, end(&other, &one)?))
    }

    fn own(&self) -> &Side {
        &self.own
    }

    #[inline(always)]
    pub(super) fn peer(&self) -> &Side {
        &self.peer
    }

    /// Delivers `message` to the other end.
    ///
    /// # Errors
    /// [`SendError`] with the message, so the caller keeps its capabilities.
    pub fn send(&self, message: Message) -> Result<(), SendError> {
        let peer = self.peer();
        let mut inbox = peer.inbox.lock();
        // Under the lock that the closing end empties its inbox with.
        if peer.closed.load(Ordering::Acquire) {
            return Err(SendError::PeerClosed(message));
        }
        // Signals change under the lock of the inbox they speak of, so that they never
        // say what is no longer true.
        if inbox.messages.len() >= CHANNEL_QUEUE_MESSAGES_MAX {
            self.own()
                .base
                .signals()
                .update(Signals::WRITABLE, Signals::empty());
            return Err(SendError::Full(message));
        }
        if inbox.messages.try_reserve(1).is_err() {
            return Err(SendError::NoMemory(message));
        }
        inbox.messages.push_back(message);
        if inbox.messages.len() >= CHANNEL_QUEUE_MESSAGES_MAX {
            self.own()
                .base
                .signals()
                .update(Signals::WRITABLE, Signals::empty());
        }
        peer.base
            .signals()
            .update(Signals::empty(), Signals::READABLE);
        Ok(())
    }

    /// Takes the oldest message, if it fits.
    ///
    /// # Errors
    /// [`ReadError`]; the message stays.
    #[inline]
    pub fn read(&self, bytes: usize, handles: usize) -> Result<Message, ReadError> {
        let own = self.own();
        let mut inbox = own.inbox.lock();
        let Some(first) = inbox.messages.front() else {
            let closed = self.peer().closed.load(Ordering::Acquire);
            return Err(if closed {
                ReadError::PeerClosed
            } else {
                ReadError::Empty
            });
        };
        if first.bytes.len() > bytes || first.handles.len() > handles {
            return Err(ReadError::TooSmall {
                bytes: first.bytes.len(),
                handles: first.handles.len(),
            });
        }
        let message = inbox.messages.pop_front().ok_or(ReadError::Empty)?;
        if inbox.messages.is_empty() {
            own.base
                .signals()
                .update(Signals::READABLE, Signals::empty());
        }
        // Raised again only where it was cleared, under this very lock.
        let peer = self.peer();
        let writable = peer.base.signals().raised().contains(Signals::WRITABLE);
        if !writable && !peer.closed.load(Ordering::Acquire) {
            peer.base
                .signals()
                .update(Signals::empty(), Signals::WRITABLE);
        }
        Ok(message)
    }

    /// Puts a message back that could not be handed over after all.
    pub fn put_back(&self, message: Message) {
        let own = self.own();
        let mut inbox = own.inbox.lock();
        if own.closed.load(Ordering::Acquire) || inbox.messages.try_reserve(1).is_err() {
            drop(inbox);
            return;
        }
        inbox.messages.push_front(message);
        drop(inbox);
        own.base
            .signals()
            .update(Signals::empty(), Signals::READABLE);
    }
}

impl Inbox {
    /// Lets callers that wait for a binding call again.
    fn wake_unbound(&mut self) {
        while let Some(caller) = self.unbound.pop() {
            caller.complete_any(None, [0; 3]);
        }
    }
}

impl ChannelEnd {
    /// Number of the other end.
    pub(super) fn peer_id(&self) -> u64 {
        self.peer().base.id()
    }

    /// The other end as a list of threads whose calls nobody can receive yet.
    pub(super) fn waiter(&self) -> Ref<dyn Waiter> {
        self.peer.clone().widen(|side| side as *mut dyn Waiter)
    }

    /// Calls to this end go to a port from now on.
    pub(super) fn bind(&self, core: &Ref<PortCore>, key: u64) {
        let binding = Binding {
            core: core.clone(),
            key,
        };
        let mut inbox = self.own().inbox.lock();
        let before = inbox.binding.replace(binding);
        let own = self.own();
        own.has_route.store(false, Ordering::Relaxed);
        own.port_key.store(key, Ordering::Relaxed);
        // Calls to any other port than the first go through the lock.
        let first = own.port.set(core);
        own.has_route.store(first, Ordering::Release);
        inbox.wake_unbound();
        drop(inbox);
        if let Some(before) = before {
            self.refuse_calls(&before.core);
        }
    }

    /// Calls to this end go to that port no longer.
    pub(super) fn unbind(&self, core: &Ref<PortCore>, key: u64) {
        let mut inbox = self.own().inbox.lock();
        let here = |binding: &mut Binding| binding.core.same(core) && binding.key == key;
        let before = inbox.binding.take_if(here);
        if before.is_some() {
            self.own().has_route.store(false, Ordering::Relaxed);
        }
        drop(inbox);
        if before.is_some() {
            self.refuse_calls(core);
        }
        drop(before);
    }

    /// Ends the calls to this end that nobody at a port has received.
    fn refuse_calls(&self, core: &PortCore) {
        loop {
            let irq = arch::irq_save();
            let next = core.lock().calls.pop_caller_of(self.own().base.id());
            arch::irq_restore(irq);
            let Some(caller) = next else { return };
            caller.complete_any(Some(Error::PeerClosed), [0; 3]);
        }
    }
}

impl Waiter for Side {
    fn cancel(&self, thread: &Thread) {
        self.inbox.lock().unbound.remove(thread);
    }
}

/// Messages of closed ends. Dropping them can close further ends; this turns the
/// recursion into a loop, so that nested channels cannot use up a kernel stack.
static UNREAD: SpinLock<Vec<VecDeque<Message>>> = SpinLock::new(Vec::new());
static DRAINING: AtomicBool = AtomicBool::new(false);

fn discard(messages: VecDeque<Message>) {
    if messages.is_empty() {
        return;
    }
    {
        let mut unread = UNREAD.lock();
        if unread.try_reserve(1).is_err() {
            // Kept for ever rather than dropped in a recursion without bound.
            core::mem::forget(messages);
            return;
        }
        unread.push(messages);
    }
    while !DRAINING.swap(true, Ordering::AcqRel) {
        loop {
            let next = UNREAD.lock().pop();
            let Some(messages) = next else { break };
            drop(messages);
        }
        DRAINING.store(false, Ordering::Release);
        if UNREAD.lock().is_empty() {
            return;
        }
    }
}

impl Stamped for ChannelEnd {
    const KIND: u64 = kind_stamp(ObjectKind::Channel);
}

impl KernelObject for ChannelEnd {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Channel
    }

    fn base(&self) -> &ObjectBase {
        &self.own().base
    }

    fn memory_bytes(&self) -> usize {
        size_of::<ChannelEnd>().saturating_add(size_of::<Side>())
    }

    /// Wakes the other end, whose next read beyond the last message says `PeerClosed`.
    fn on_last_handle(&self) {
        let own = self.own();
        let (messages, binding) = {
            let mut inbox = own.inbox.lock();
            own.closed.store(true, Ordering::Release);
            inbox.closed = true;
            own.has_route.store(false, Ordering::Relaxed);
            // Made again, their calls find the end closed.
            inbox.wake_unbound();
            let binding = inbox.binding.take();
            (core::mem::take(&mut inbox.messages), binding)
        };
        if let Some(binding) = &binding {
            self.refuse_calls(&binding.core);
        }
        let raise = Signals::PEER_CLOSED;
        self.peer().base.signals().update(Signals::WRITABLE, raise);
        discard(messages);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::Rights;

    fn message(bytes: &[u8]) -> Message {
        Message {
            bytes: bytes.to_vec(),
            handles: Vec::new(),
            charges: [None, None],
        }
    }

    #[test]
    fn messages_arrive_in_order_and_signals_follow() {
        let (a, b) = ChannelEnd::pair().unwrap();
        assert_eq!(b.read(10, 0).unwrap_err(), ReadError::Empty);
        a.send(message(b"one")).unwrap();
        a.send(message(b"two")).unwrap();
        assert!(b.base().signals().raised().contains(Signals::READABLE));
        assert_eq!(
            b.read(2, 0).unwrap_err(),
            ReadError::TooSmall {
                bytes: 3,
                handles: 0
            }
        );
        assert_eq!(b.read(3, 0).unwrap().bytes, b"one");
        assert_eq!(b.read(3, 0).unwrap().bytes, b"two");
        assert!(!b.base().signals().raised().contains(Signals::READABLE));
    }

    #[test]
    fn a_full_queue_pushes_back_until_it_is_read() {
        let (a, b) = ChannelEnd::pair().unwrap();
        for _ in 0..CHANNEL_QUEUE_MESSAGES_MAX {
            a.send(message(b"x")).unwrap();
        }
        assert!(!a.base().signals().raised().contains(Signals::WRITABLE));
        assert!(matches!(a.send(message(b"y")), Err(SendError::Full(_))));
        b.read(1, 0).unwrap();
        assert!(a.base().signals().raised().contains(Signals::WRITABLE));
        a.send(message(b"y")).unwrap();
    }

    #[test]
    fn what_was_sent_before_the_close_can_still_be_read() {
        let (a, b) = ChannelEnd::pair().unwrap();
        let (a_cap, b_cap) = (
            Capability::new(a.clone(), Rights::all()),
            Capability::new(b.clone(), Rights::all()),
        );
        a.send(message(b"last")).unwrap();
        drop(a_cap);
        assert!(b.base().signals().raised().contains(Signals::PEER_CLOSED));
        assert_eq!(b.read(4, 0).unwrap().bytes, b"last");
        assert_eq!(b.read(4, 0).unwrap_err(), ReadError::PeerClosed);
        drop(b_cap);
        assert!(matches!(
            a.send(message(b"x")),
            Err(SendError::PeerClosed(_))
        ));
    }

    #[test]
    fn deep_nesting_is_dropped_without_recursion() {
        let (mut outer, keep) = ChannelEnd::pair().unwrap();
        let mut cap = Capability::new(keep, Rights::all());
        for _ in 0..20_000 {
            let (near, far) = ChannelEnd::pair().unwrap();
            near.send(Message {
                bytes: Vec::new(),
                handles: alloc::vec![cap],
                charges: [None, None],
            })
            .unwrap();
            cap = Capability::new(far, Rights::all());
            outer = near;
        }
        drop(outer);
        drop(cap);
    }
}
