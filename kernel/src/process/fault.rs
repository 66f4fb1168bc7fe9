//! Faults of programs.

use abi::process::FaultKind;
use abi::upcall::UpcallKinds;

use crate::arch::{self, Access, FaultCause, UserFault};
use crate::limits::USER_STACK_GUARD_BYTES;
use crate::mm::FaultError;
use crate::sched;

use super::object::{Exit, current_process};
use super::oom::make_room;

/// Serves a fault: brings a page in, loads the vector registers, or ends the program.
pub fn handle_user_fault(fault: &UserFault) {
    let kind = match fault.cause {
        FaultCause::VectorUnit => {
            sched::current().load_vector_state();
            return;
        }
        FaultCause::Idle => {
            sched::current().frame().skip_instruction();
            arch::raise_pending(arch::PENDING_RESCHEDULE | arch::PENDING_YIELD);
            return;
        }
        FaultCause::Page(access) => {
            // Bringing a page in can sleep; the program's registers are all in its frame.
            arch::irq_enable();
            let process = current_process();
            let mut mended = process.space().fault(fault.address, access);
            while mended == Err(FaultError::NoMemory) && make_room(&process) {
                mended = process.space().fault(fault.address, access);
            }
            drop(process);
            arch::irq_disable();
            match mended {
                Ok(()) => return,
                Err(FaultError::Io) => FaultKind::Io,
                Err(FaultError::NoMemory | FaultError::LimitReached) => FaultKind::NoMemory,
                Err(FaultError::Denied) if is_stack_guard(fault.address) => {
                    FaultKind::StackOverflow
                }
                Err(FaultError::Denied) => match access {
                    Access::Read => FaultKind::Read,
                    Access::Write => FaultKind::Write,
                    Access::Execute => FaultKind::Execute,
                },
            }
        }
        FaultCause::Alignment => FaultKind::Alignment,
        FaultCause::Illegal => FaultKind::Illegal,
        FaultCause::Debug => FaultKind::Debug,
    };
    arch::irq_enable();
    let process = current_process();
    // One value for every address outside user space: what lies there is not told.
    let shown = |address: u64| if address < abi::USER_END { address } else { 0 };
    // Only faults of an address have one of their own.
    let address = match fault.cause {
        FaultCause::Page(_) | FaultCause::Alignment => fault.address,
        _ => fault.pc,
    };
    let (address, pc) = (shown(address), shown(fault.pc));
    if process.deliver(&sched::current(), UpcallKinds::FAULT, kind, address) {
        arch::irq_disable();
        return;
    }
    log::info!(
        "{}: {} at {address:#x}, pc {pc:#x}",
        process.name(),
        kind.text()
    );
    process.end(Exit::Fault { kind, address, pc });
    drop(process);
    arch::irq_disable();
}

fn is_stack_guard(address: u64) -> bool {
    let low = current_process().space().layout().stack_low();
    (low.saturating_sub(USER_STACK_GUARD_BYTES)..low).contains(&address)
}
