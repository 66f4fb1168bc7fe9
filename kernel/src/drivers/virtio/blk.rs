//! VirtIO block device (VirtIO 1.2, section 5.2) behind `BlockDevice`.
//!
//! Requests own their buffers, so the device never writes to memory that was freed: a
//! buffer is handed back when the used ring has returned it. The interrupt drains the
//! ring; whoever waits for a request sleeps until then.

use alloc::boxed::Box;
use alloc::vec::Vec;

use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::mmio::MmioTransport;
use virtio_drivers::transport::{InterruptStatus, Transport};

use crate::block::{BlockDevice, Completion, Error, Limits, Request, TRANSFER_BYTES_MAX, Ticket};
use crate::drivers::irq::IrqHandler;
use crate::limits::{BLOCK_POLL_NS, BLOCK_POLLS_MAX};
use crate::sync::{SpinLock, WaitQueue, try_box};
use crate::time::now_ns;

use super::hal::KernelHal;
use super::transport::{VirtioError, open};

/// Descriptors of the request queue; a request takes three.
const QUEUE_SIZE: usize = 64;
const QUEUE_DEPTH: usize = QUEUE_SIZE / 3;
const REQUEST_QUEUE: u16 = 0;

/// Device features (5.2.3).
const FEATURE_READ_ONLY: u64 = 1 << 5;
const FEATURE_FLUSH: u64 = 1 << 9;
const FEATURE_VERSION_1: u64 = 1 << 32;

/// Request types (5.2.6).
const TYPE_IN: u32 = 0;
const TYPE_OUT: u32 = 1;
const TYPE_FLUSH: u32 = 4;

/// Answers of the device.
const STATUS_OK: u8 = 0;
const STATUS_UNSUPPORTED: u8 = 2;
/// What the driver leaves there, so that a device that writes nothing is found out.
const STATUS_NONE: u8 = 0xff;

bitflags::bitflags! {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Features: u64 {
        const READ_ONLY = FEATURE_READ_ONLY;
        const FLUSH = FEATURE_FLUSH;
        const VERSION_1 = FEATURE_VERSION_1;
    }
}

/// Request header, little endian.
#[repr(C)]
#[derive(zerocopy::IntoBytes, zerocopy::Immutable)]
struct Header {
    kind: u32,
    reserved: u32,
    sector: u64,
}

/// What a request has beside its buffer. There is one for each request that the queue has
/// room for, so sending allocates nothing.
struct Envelope {
    header: Header,
    status: [u8; 1],
}

impl Envelope {
    const fn new() -> Envelope {
        Envelope {
            header: Header {
                kind: 0,
                reserved: 0,
                sector: 0,
            },
            status: [STATUS_NONE],
        }
    }
}

/// A request the device works on. Everything it may touch is owned here.
struct InFlight {
    number: u64,
    envelope: Box<Envelope>,
    buffer: Vec<u8>,
}

struct State {
    transport: MmioTransport<'static>,
    /// On the heap, like what follows: kernel stacks are small.
    queue: Box<VirtQueue<KernelHal, QUEUE_SIZE>>,
    /// Frames of requests that are not under way.
    #[expect(clippy::vec_box, reason = "the device knows where each is")]
    envelopes: Vec<Box<Envelope>>,
    /// By the queue's token.
    in_flight: Vec<Option<InFlight>>,
    done: Vec<(u64, Result<Completion, Error>)>,
    next_number: u64,
    /// The device broke the rules; nothing is sent to it any more.
    broken: bool,
}

/// A disk.
pub struct VirtioBlk {
    state: SpinLock<State>,
    waiters: WaitQueue,
    sectors: u64,
    read_only: bool,
    flush: bool,
}

impl core::fmt::Debug for VirtioBlk {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "VirtioBlk({} sectors)", self.sectors)
    }
}

/// Kept apart: the queue passes over the stack on its way to the heap.
#[inline(never)]
fn new_queue(
    transport: &mut MmioTransport<'static>,
) -> Result<Box<VirtQueue<KernelHal, QUEUE_SIZE>>, VirtioError> {
    let queue = VirtQueue::new(transport, REQUEST_QUEUE, false, false)?;
    try_box(queue).map_err(|_| VirtioError("there is no memory for its queue"))
}

impl VirtioBlk {
    /// Negotiates features and sets up the queue of the disk whose registers are at `base`.
    ///
    /// # Errors
    /// [`VirtioError`] where the device fails or there is no memory.
    pub fn new(base: u64, bytes: u64) -> Result<VirtioBlk, VirtioError> {
        let mut transport = open(base, bytes).ok_or(VirtioError("its slot is empty"))?;
        let features = transport.begin_init(Features::all());
        let queue = new_queue(&mut transport)?;
        transport.finish_init();
        // Capacity in sectors is the first field of the configuration space (5.2.4).
        // Memory-mapped transports read 32 bits at a time (4.2.2.2).
        let sectors = transport.read_consistent(|| {
            let low = transport.read_config_space::<u32>(0)?;
            let high = transport.read_config_space::<u32>(4)?;
            Ok((u64::from(high) << 32) | u64::from(low))
        })?;
        let (mut done, mut in_flight) = (Vec::new(), Vec::new());
        in_flight
            .try_reserve_exact(QUEUE_SIZE)
            .map_err(|_| VirtioError("there is no memory for it"))?;
        in_flight.resize_with(QUEUE_SIZE, || None);
        done.try_reserve(QUEUE_SIZE)
            .map_err(|_| VirtioError("there is no memory for it"))?;
        let mut envelopes = Vec::new();
        for _ in 0..QUEUE_DEPTH {
            let envelope = try_box(Envelope::new());
            let room = envelopes.try_reserve(1);
            let (Ok(envelope), Ok(())) = (envelope, room) else {
                return Err(VirtioError("there is no memory for it"));
            };
            envelopes.push(envelope);
        }
        Ok(VirtioBlk {
            state: SpinLock::new(State {
                transport,
                queue,
                envelopes,
                in_flight,
                done,
                next_number: 1,
                broken: false,
            }),
            waiters: WaitQueue::new(),
            sectors,
            read_only: features.contains(Features::READ_ONLY),
            flush: features.contains(Features::FLUSH),
        })
    }

    /// Waits until `ready` has a result. A lost interrupt is not a lost request: now and
    /// then the ring is looked at without one.
    fn patiently<R>(
        &self,
        mut ready: impl FnMut() -> Option<Result<R, Error>>,
    ) -> Result<R, Error> {
        for _ in 0..BLOCK_POLLS_MAX {
            let deadline = now_ns().saturating_add(BLOCK_POLL_NS);
            if let Some(result) = self.waiters.wait_until(deadline, &mut ready) {
                return result;
            }
            self.state.lock().drain();
        }
        Err(Error::Gone)
    }

    fn try_submit(&self, request: &mut Option<Request>) -> Option<Result<Ticket, Error>> {
        let mut state = self.state.lock();
        if state.broken {
            return Some(Err(Error::Gone));
        }
        if state.done.try_reserve(QUEUE_SIZE).is_err() {
            return Some(Err(Error::Failed));
        }
        if state.queue.available_desc() < 3 {
            return None;
        }
        let (kind, sector, buffer) = match request.take()? {
            Request::Read { sector, buffer } => (TYPE_IN, sector, buffer),
            Request::Write { sector, buffer } => (TYPE_OUT, sector, buffer),
            Request::Flush => (TYPE_FLUSH, 0, Vec::new()),
            Request::Discard { .. } => return Some(Err(Error::Unsupported)),
        };
        let number = state.next_number;
        state.next_number = number.wrapping_add(1);
        if kind == TYPE_FLUSH && !self.flush {
            // A device without this feature has no volatile cache (5.2.6.2).
            state.done.push((number, Ok(Completion::default())));
            return Some(Ok(Ticket::new(number)));
        }
        Some(state.send(number, kind, sector, buffer))
    }
}

impl State {
    fn send(
        &mut self,
        number: u64,
        kind: u32,
        sector: u64,
        buffer: Vec<u8>,
    ) -> Result<Ticket, Error> {
        let mut envelope = self.envelopes.pop().ok_or(Error::Failed)?;
        *envelope = Envelope::new();
        envelope.header.kind = kind.to_le();
        envelope.header.sector = sector.to_le();
        let mut entry = InFlight {
            number,
            envelope,
            buffer,
        };
        let token = entry.with_buffers(kind, |inputs, outputs| {
            // SAFETY: all three buffers are on the heap and owned by `entry`, which goes
            // into `in_flight` until `pop_used` returns its token.
            unsafe { self.queue.add(inputs, outputs) }
        });
        let Ok(token) = token else {
            self.envelopes.push(entry.envelope);
            return Err(Error::Failed);
        };
        match self.in_flight.get_mut(usize::from(token)) {
            Some(place) => *place = Some(entry),
            None => {
                core::mem::forget(entry);
                return Err(Error::Failed);
            }
        }
        if self.queue.should_notify() {
            self.transport.notify(REQUEST_QUEUE);
        }
        Ok(Ticket::new(number))
    }

    /// Takes everything out of the used ring.
    fn drain(&mut self) {
        while let Some(token) = self.queue.peek_used() {
            let entry = self
                .in_flight
                .get_mut(usize::from(token))
                .and_then(Option::take);
            let Some(mut entry) = entry else {
                self.fail("it returned a request that was never sent");
                return;
            };
            let kind = u32::from_le(entry.envelope.header.kind);
            let popped = entry.with_buffers(kind, |inputs, outputs| {
                // SAFETY: these are the buffers that were added under this token.
                unsafe { self.queue.pop_used(token, inputs, outputs) }
            });
            let expected = if kind == TYPE_IN {
                entry.buffer.len().saturating_add(1)
            } else {
                1
            };
            let [status] = entry.envelope.status;
            self.envelopes.push(entry.envelope);
            let result = match (popped, status) {
                (Ok(written), STATUS_OK) if kind != TYPE_IN || written as usize >= expected => {
                    Ok(Completion {
                        buffer: entry.buffer,
                    })
                }
                (Ok(_), STATUS_UNSUPPORTED) => Err(Error::Unsupported),
                _ => Err(Error::Failed),
            };
            // Room was reserved when the request was sent.
            self.done.push((entry.number, result));
        }
    }

    fn fail(&mut self, why: &str) {
        log::error!("disk: {why}; it is not used any more");
        self.broken = true;
    }
}

impl InFlight {
    /// Calls `work` with the buffers in the order of the specification: header, data, status.
    fn with_buffers<R>(
        &mut self,
        kind: u32,
        work: impl for<'a> FnOnce(&'a [&'a [u8]], &'a mut [&'a mut [u8]]) -> R,
    ) -> R {
        use zerocopy::IntoBytes;
        let envelope = &mut *self.envelope;
        let header = envelope.header.as_bytes();
        let status = &mut envelope.status[..];
        match kind {
            TYPE_IN => work(&[header], &mut [&mut self.buffer, status]),
            TYPE_OUT => work(&[header, &self.buffer], &mut [status]),
            _ => work(&[header], &mut [status]),
        }
    }
}

impl BlockDevice for VirtioBlk {
    fn submit(&self, request: Request) -> Result<Ticket, Error> {
        self.validate(&request)?;
        let mut request = Some(request);
        self.patiently(|| self.try_submit(&mut request))
    }

    fn wait(&self, ticket: Ticket) -> Result<Completion, Error> {
        let number = ticket.number();
        self.patiently(|| {
            let mut state = self.state.lock();
            let index = state.done.iter().position(|(of, _)| *of == number);
            match index {
                Some(index) => Some(state.done.swap_remove(index).1),
                None if state.broken => Some(Err(Error::Gone)),
                None => None,
            }
        })
    }

    fn capacity(&self) -> u64 {
        self.sectors
    }

    fn limits(&self) -> Limits {
        Limits {
            transfer_bytes_max: TRANSFER_BYTES_MAX,
            queue_depth: QUEUE_DEPTH,
            discard: false,
            read_only: self.read_only,
        }
    }
}

impl IrqHandler for VirtioBlk {
    fn handle(&self) {
        {
            let mut state = self.state.lock();
            // Acknowledged before the ring is drained: what completes later interrupts again.
            let status = state.transport.ack_interrupt();
            if status.contains(InterruptStatus::QUEUE_INTERRUPT) {
                state.drain();
            }
        }
        self.waiters.wake_all();
    }
}
