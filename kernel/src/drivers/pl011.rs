//! PL011 serial port (ARM DDI 0183) behind `SerialDevice`.
#![forbid(unsafe_code)]

use arm_pl011_uart::{Interrupts, PL011Registers, Uart};

use crate::console::SerialDevice;
use crate::sync::SpinLock;

use super::mmio;

/// The serial port.
pub struct Pl011 {
    uart: SpinLock<Uart<'static>>,
}

impl core::fmt::Debug for Pl011 {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str("Pl011")
    }
}

impl Pl011 {
    /// The port with these registers, which firmware has set up.
    pub fn new(base: u64, bytes: u64) -> Option<Pl011> {
        let registers = mmio::typed::<PL011Registers>(base, bytes)?;
        Some(Pl011 {
            uart: SpinLock::new(Uart::new(registers)),
        })
    }

    /// Lets received bytes interrupt.
    pub fn enable_receive_interrupt(&self) {
        let mut uart = self.uart.lock();
        uart.clear_interrupts(Interrupts::all());
        uart.set_interrupt_masks(Interrupts::RXI | Interrupts::RTI);
    }
}

impl SerialDevice for Pl011 {
    fn write(&self, bytes: &[u8]) -> usize {
        let mut uart = self.uart.lock();
        let mut written = 0usize;
        for byte in bytes {
            if uart.is_tx_fifo_full() {
                break;
            }
            uart.write_word(*byte);
            written = written.saturating_add(1);
        }
        written
    }

    fn read(&self, bytes: &mut [u8]) -> usize {
        let mut uart = self.uart.lock();
        uart.clear_interrupts(Interrupts::RXI | Interrupts::RTI);
        let mut count = 0usize;
        for place in bytes {
            match uart.read_word() {
                Ok(Some(byte)) => *place = byte,
                Ok(None) => break,
                // Line errors spoil the byte, not the stream.
                Err(_) => *place = b'?',
            }
            count = count.saturating_add(1);
        }
        count
    }

    fn want_write_interrupt(&self, wanted: bool) {
        let mut uart = self.uart.lock();
        let mut mask = Interrupts::RXI | Interrupts::RTI;
        mask.set(Interrupts::TXI, wanted);
        uart.set_interrupt_masks(mask);
    }

    fn write_blocking(&self, bytes: &[u8]) {
        let Some(mut uart) = self.uart.try_lock() else {
            return;
        };
        for byte in bytes {
            while uart.is_tx_fifo_full() {
                crate::arch::spin_hint();
            }
            uart.write_word(*byte);
        }
    }
}
