//! A disk that remembers every write and flush in order.

use std::cell::RefCell;
use std::rc::Rc;

use kernel::block::{BlockDevice, Completion, Error, Limits, MemoryDisk, Request, Ticket};

/// What reached the device.
#[derive(Clone, Debug)]
pub enum Event {
    Write {
        sector: u64,
        bytes: Vec<u8>,
    },
    /// A flush; one that is not honoured orders nothing, as a planted fault.
    Flush {
        honoured: bool,
    },
}

/// A memory disk with a log, shared with the test.
pub struct Recorder {
    disk: MemoryDisk,
    log: Rc<RefCell<Vec<Event>>>,
    lost_flush: Option<u64>,
    flushes: RefCell<u64>,
}

impl Recorder {
    /// Records on this disk. Of each two flushes the one with number `lost_flush` (0
    /// or 1) is dropped.
    pub fn new(disk: MemoryDisk, lost_flush: Option<u64>) -> (Recorder, Rc<RefCell<Vec<Event>>>) {
        let log = Rc::new(RefCell::new(Vec::new()));
        let recorder = Recorder {
            disk,
            log: log.clone(),
            lost_flush,
            flushes: RefCell::new(0),
        };
        (recorder, log)
    }
}

impl BlockDevice for Recorder {
    fn submit(&self, request: Request) -> Result<Ticket, Error> {
        match &request {
            Request::Write { sector, buffer } => {
                let event = Event::Write {
                    sector: *sector,
                    bytes: buffer.clone(),
                };
                self.log.borrow_mut().push(event);
            }
            Request::Flush => {
                let number = *self.flushes.borrow();
                *self.flushes.borrow_mut() += 1;
                let honoured = self.lost_flush != Some(number % 2);
                self.log.borrow_mut().push(Event::Flush { honoured });
            }
            _ => {}
        }
        self.disk.submit(request)
    }

    fn wait(&self, ticket: Ticket) -> Result<Completion, Error> {
        self.disk.wait(ticket)
    }

    fn capacity(&self) -> u64 {
        self.disk.capacity()
    }

    fn limits(&self) -> Limits {
        self.disk.limits()
    }
}
