//! The serial port at boot: the log, refusals, last words.

use core::fmt::{self, Write};

use log::LevelFilter;

use crate::arch;
use crate::console::{LogSink, SerialDevice, set_log_sink};
use crate::drivers::{Machine, Pl011};
use crate::mm;
use crate::panic::{PanicSink, set_panic_sink};
use crate::sync::{Once, Ref};

use super::options::{LogTarget, Options};

static SERIAL: Once<Ref<Pl011>> = Once::new();
static OPTIONS: Once<Options> = Once::new();

/// The serial port, where there is one.
pub(super) fn port() -> Option<&'static Ref<Pl011>> {
    SERIAL.get()
}

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
    let level = if options.verbose { LevelFilter::Info } else { LevelFilter::Warn };
    let (write, level): (fn(&str), _) = match options.log {
        LogTarget::Serial => (write_serial, level),
        LogTarget::Semihosting => (arch::semihosting_write, level),
        LogTarget::None => (write_nowhere, LevelFilter::Off),
    };
    set_log_sink(LogSink { write, level });
    let panic_write =
        if options.semihosting { arch::semihosting_write } else { write_serial as fn(&str) };
    set_panic_sink(PanicSink { write: panic_write, exit: options.semihosting });
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
