//! The serial port at boot: the log, refusals, last words.

use core::fmt::{self, Write};

use log::LevelFilter;

use crate::arch;
use crate::console::terminal::Terminal;
use crate::console::{LogSink, SerialDevice, set_log_sink};
use crate::drivers::{self, IrqHandler, Machine, Pl011};
use crate::mm;
use crate::sync::{Once, Ref};

use super::options::{LogTarget, Options};
use super::panic::{PanicSink, set_panic_sink};

static SERIAL: Once<Ref<Pl011>> = Once::new();
static TERMINAL: Once<Ref<Terminal>> = Once::new();
static OPTIONS: Once<Options> = Once::new();

/// Finds the serial port and sends the log and the panic report where they belong.
pub(super) fn init(machine: &Machine<'_>, options: &Options) {
    if let Some(device) = machine.serial
        && let Ok(base) = mm::map_device(device.address, device.bytes)
        && let Some(port) = Pl011::new(base, device.bytes)
        && let Ok(port) = Ref::new(port)
    {
        SERIAL.call_once(|| port);
    }
    OPTIONS.call_once(|| *options);
    let level = if options.verbose {
        LevelFilter::Info
    } else {
        LevelFilter::Warn
    };
    let (write, level): (fn(&str), _) = match options.log {
        LogTarget::Serial => (write_serial, level),
        LogTarget::Semihosting => (arch::semihosting_write, level),
        LogTarget::None => (write_nowhere, LevelFilter::Off),
    };
    set_log_sink(LogSink { write, level });
    let panic_write = if options.semihosting {
        arch::semihosting_write
    } else {
        write_serial as fn(&str)
    };
    set_panic_sink(PanicSink {
        write: panic_write,
        exit: options.semihosting,
    });
}

fn write_nowhere(_text: &str) {}

fn write_serial(text: &str) {
    let Some(port) = SERIAL.get() else { return };
    for line in text.split_inclusive('\n') {
        match line.strip_suffix('\n') {
            Some(line) => {
                port.write_blocking(line.as_bytes());
                port.write_blocking(b"\r\n");
            }
            None => port.write_blocking(line.as_bytes()),
        }
    }
}

struct Everywhere;

impl Write for Everywhere {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write_serial(text);
        Ok(())
    }
}

/// Exit code of a machine that cannot start, where it has one: FAIL.
const REFUSED: u32 = 20;

/// Says why the system cannot start, and stops the machine.
///
/// With semihosting the serial port belongs to programs, so only the log says it.
pub(super) fn refuse(why: fmt::Arguments<'_>) -> ! {
    log::error!("cannot start: {why}");
    if OPTIONS.get().is_some_and(|options| options.semihosting) {
        arch::semihosting_exit(REFUSED)
    }
    let _ = writeln!(Everywhere, "ViperOS cannot start: {why}");
    arch::power_off()
}

/// Passes the port's interrupts on to the terminal.
struct TerminalIrq(Ref<Terminal>);

impl IrqHandler for TerminalIrq {
    fn handle(&self) {
        self.0.serve();
    }
}

/// The terminal on the serial port, interrupt driven.
pub(super) fn open_terminal(machine: &Machine<'_>, unattended: bool) -> Ref<Terminal> {
    let (Some(port), Some(device)) = (SERIAL.get(), machine.serial) else {
        refuse(format_args!("the machine has no serial port that is known"));
    };
    let serial: Ref<dyn SerialDevice> = port.clone().widen(|port| port as *mut dyn SerialDevice);
    let Ok(terminal) = Terminal::new(serial, unattended).and_then(Ref::new) else {
        refuse(format_args!("no memory for the terminal"));
    };
    if let Some(interrupt) = device.interrupt
        && let Ok(handler) = Ref::new(TerminalIrq(terminal.clone()))
    {
        let handler = handler.widen(|handler| handler as *mut dyn IrqHandler);
        drivers::register_irq(interrupt, handler);
        port.enable_receive_interrupt();
    }
    TERMINAL.call_once(|| terminal.clone());
    terminal
}

/// Waits until everything written has left.
pub(super) fn drain() {
    if let Some(terminal) = TERMINAL.get() {
        terminal.drain();
    }
}
