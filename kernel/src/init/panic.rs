//! The last words of the kernel: one bounded report, then the machine stops.
//!
//! Nothing here allocates or waits for a lock that may be held. A panic inside the
//! report stops at once.
#![forbid(unsafe_code)]

use core::fmt::{self, Write};
use core::panic::PanicInfo;

use abi::trace::TraceEvent;

use crate::arch::{self, PanicFrame};
use crate::console;
use crate::limits::CPUS_MAX;
use crate::sync::Once;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::trace;

/// Events of each CPU that are shown.
const TRACE_EVENTS: u64 = 8;

/// Exit code of a machine whose kernel panicked.
const EXIT_CODE: u32 = 101;

/// Where the report goes, and whether the machine ends with an exit code.
#[derive(Clone, Copy, Debug)]
pub struct PanicSink {
    /// Writes text without waiting for locks.
    pub write: fn(&str),
    /// Ends the machine with [`EXIT_CODE`]; else it halts.
    pub exit: bool,
}

static SINK: Once<PanicSink> = Once::new();
static REPORTING: AtomicU32 = AtomicU32::new(0);

/// Chooses where the report goes.
pub fn set_panic_sink(sink: PanicSink) {
    SINK.call_once(|| sink);
}

struct Report;

impl Write for Report {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        console::write_emergency(text);
        if let Some(sink) = SINK.get() {
            (sink.write)(text);
        }
        Ok(())
    }
}

/// The report of a Rust panic.
pub fn report(info: &PanicInfo<'_>) -> ! {
    begin();
    let mut out = Report;
    let _ = write!(
        out,
        "\nKERNEL PANIC on CPU {}: {}\n",
        arch::cpu_id(),
        info.message()
    );
    if let Some(place) = info.location() {
        let _ = writeln!(out, "  at {}:{}", place.file(), place.line());
    }
    write_backtrace(&mut out, 0);
    write_trace(&mut out);
    end()
}

/// The report of an exception in the kernel.
pub fn report_fault(frame: &PanicFrame) -> ! {
    begin();
    let mut out = Report;
    let _ = write!(
        out,
        "\nKERNEL PANIC on CPU {}: {}\n",
        arch::cpu_id(),
        frame.what
    );
    let _ = writeln!(
        out,
        "  esr {:#x}  far {:#x}  elr {:#x}  sp {:#x}  spsr {:#x}",
        frame.syndrome, frame.address, frame.pc, frame.sp, frame.status
    );
    for (row, values) in (0..).step_by(4).zip(frame.registers.chunks(4)) {
        for (register, value) in (row..).zip(values) {
            let _ = write!(out, "  x{register:<2} {value:016x}");
        }
        let _ = writeln!(out);
    }
    write_address(&mut out, frame.pc);
    let [.., frame_pointer, _link] = frame.registers;
    write_backtrace(&mut out, frame_pointer);
    write_trace(&mut out);
    end()
}

/// Whether some CPU reports its last words: the others stop.
pub fn is_reporting() -> bool {
    REPORTING.load(Ordering::Acquire) != 0
}

fn begin() {
    arch::irq_disable();
    match REPORTING.fetch_add(1, Ordering::AcqRel) {
        0 => {}
        _ => arch::halt_forever(),
    }
    let me = arch::cpu_id();
    (0..CPUS_MAX)
        .filter(|cpu| *cpu != me)
        .for_each(arch::send_ipi);
}

fn end() -> ! {
    let exit = SINK.get().is_some_and(|sink| sink.exit);
    if exit {
        arch::semihosting_exit(EXIT_CODE)
    } else {
        arch::halt_forever()
    }
}

fn write_backtrace(out: &mut Report, start: u64) {
    let _ = writeln!(out, "  backtrace:");
    arch::backtrace(start, &mut |pc| {
        write_address(&mut Report, pc.wrapping_sub(4))
    });
}

/// The last events of each CPU, while a trace is on.
fn write_trace(out: &mut Report) {
    if !trace::is_on() {
        return;
    }
    for cpu in 0..CPUS_MAX {
        let mut is_first = true;
        trace::read_last(cpu, TRACE_EVENTS, |record| {
            if core::mem::take(&mut is_first) {
                let _ = writeln!(out, "  trace of CPU {cpu}:");
            }
            let event = TraceEvent::from_code(record.event).map_or("?", TraceEvent::name);
            let (thread, argument) = (record.thread, record.argument);
            let (us, ns) = (record.time_ns / 1000, record.time_ns % 1000);
            let _ = writeln!(out, "    {us}.{ns:03} us {event} {thread} {argument}");
        });
    }
}

/// One line of a backtrace: the address, and its distance into the image for symbol tools.
fn write_address(out: &mut Report, pc: u64) {
    match super::symbols::find(pc) {
        Some((name, offset)) => {
            let _ = writeln!(out, "    {pc:#x} {name}+{offset:#x}");
        }
        None => {
            let _ = writeln!(out, "    {pc:#x}");
        }
    }
}
