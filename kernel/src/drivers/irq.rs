//! Which driver an interrupt belongs to.
#![forbid(unsafe_code)]

use crate::arch;
use crate::sync::{Ref, SpinLock};

use super::Interrupt;

/// Most drivers with an interrupt.
const HANDLERS_MAX: usize = 40;

/// A driver that is interrupted.
pub trait IrqHandler: Send + Sync {
    /// Serves the device; runs with interrupts masked.
    fn handle(&self);
}

/// A driver and the number of its interrupt.
type Entry = (u32, Ref<dyn IrqHandler>);

static HANDLERS: SpinLock<[Option<Entry>; HANDLERS_MAX]> =
    SpinLock::new([const { None }; HANDLERS_MAX]);

/// Lets a driver hear its interrupt. Returns false where there is no more room.
pub fn register_irq(interrupt: Interrupt, handler: Ref<dyn IrqHandler>) -> bool {
    {
        let mut handlers = HANDLERS.lock();
        let Some(place) = handlers.iter_mut().find(|place| place.is_none()) else {
            return false;
        };
        *place = Some((interrupt.number, handler));
    }
    arch::enable_line(interrupt.number, interrupt.edge);
    true
}

/// Serves an interrupt of a device.
pub fn handle_irq(number: u32) {
    let handler = HANDLERS
        .lock()
        .iter()
        .flatten()
        .find(|(of, _)| *of == number)
        .map(|(_, handler)| handler.clone());
    if let Some(handler) = handler {
        handler.handle();
    }
}
