//! Upcalls for faults and breaks.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use abi::process::FaultKind;
use abi::startup::Tag;
use abi::upcall::{UpcallKinds, UpcallRecord};
use abi::{Error, Rights, Signals};
use rt::probe;
use rt::upcall::Upcalls;
use viper::thread;

use super::{Case, Verdict};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "upcalls::a_fault_can_be_gone_on_from",
        run: faults,
    },
    Case {
        name: "upcalls::a_record_gives_no_more_than_a_program_has",
        run: sanitised,
    },
    Case {
        name: "upcalls::a_break_interrupts_running_and_waiting",
        run: breaks,
    },
    Case {
        name: "upcalls::rights_and_states",
        run: rights,
    },
];

/// What the last upcall was about.
static SEEN: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];
/// What the handler makes of the status.
static STATUS: AtomicU64 = AtomicU64::new(KEEP);
const KEEP: u64 = 1;
/// What the handler puts into `x2`; 0: nothing.
static VALUE: AtomicU64 = AtomicU64::new(0);

/// Notes what happened; goes on behind the instruction that faulted.
fn handler(record: &mut UpcallRecord) {
    let seen = [
        u64::from(record.kind),
        u64::from(record.fault),
        record.value,
    ];
    for (place, value) in SEEN.iter().zip(seen) {
        place.store(value, Ordering::SeqCst);
    }
    if record.kind == UpcallKinds::FAULT.bits() {
        record.pc = record.pc.wrapping_add(4);
        let value = VALUE.load(Ordering::SeqCst);
        if value != 0 {
            record.registers[2] = value;
        }
    }
    let status = STATUS.load(Ordering::SeqCst);
    if status != KEEP {
        record.status = status;
    }
}

fn seen() -> [u64; 3] {
    [0, 1, 2].map(|index: usize| {
        SEEN.get(index)
            .map_or(0, |place| place.load(Ordering::SeqCst))
    })
}

const FAULT: u64 = UpcallKinds::FAULT.bits() as u64;
const BREAK: u64 = UpcallKinds::BREAK.bits() as u64;

fn faults() -> Verdict {
    let upcalls = need!(Upcalls::new(UpcallKinds::FAULT, handler));
    let word = 0x5eed_u64;
    let address = core::ptr::from_ref(&word) as u64;
    check_eq!(probe::load_or(address, 7), 0x5eed);
    for round in 1..=3u64 {
        check_eq!(probe::load_or(8 * round, 7), 7);
        check_eq!(seen(), [FAULT, FaultKind::Read as u64, 8 * round]);
    }
    // Where the kernel's memory begins is not told.
    check_eq!(probe::load_or(0xffff_8000_0000_0000, 9), 9);
    check_eq!(seen(), [FAULT, FaultKind::Read as u64, 0]);
    VALUE.store(0x1234, Ordering::SeqCst);
    check_eq!(probe::load_or(16, 7), 0x1234);
    VALUE.store(0, Ordering::SeqCst);
    drop(upcalls);
    Ok(())
}

fn sanitised() -> Verdict {
    let _upcalls = need!(Upcalls::new(UpcallKinds::FAULT, handler));
    // The control: what a program may set is set.
    for flags in [0, 0xf000_0000, 0x5000_0000u64] {
        check_eq!(probe::flags_over_fault(flags), flags);
        STATUS.store(!flags & 0xf000_0000, Ordering::SeqCst);
        check_eq!(probe::flags_over_fault(flags), !flags & 0xf000_0000);
        STATUS.store(KEEP, Ordering::SeqCst);
    }
    // Kernel mode with everything masked, AArch32, an illegal state, single steps.
    for evil in [0x3c5, 0x3c4, 0x10, 0x1f, 1 << 20, 1 << 21, 0x0fff_f3ff] {
        STATUS.store(evil | 0x6000_0000, Ordering::SeqCst);
        let flags = probe::flags_over_fault(0);
        STATUS.store(KEEP, Ordering::SeqCst);
        check_eq!(flags, 0x6000_0000);
        // Still an ordinary program: calls work, and the kernel's memory is out of reach.
        need!(rt::time::now());
        check_eq!(probe::load_or(0xffff_0000_4008_0000, 3), 3);
    }
    for pc in [2, abi::USER_END, 0xffff_0000_4008_0000, u64::MAX] {
        let record = UpcallRecord {
            pc,
            ..UpcallRecord::default()
        };
        check_eq!(probe::return_with(&record), Err(Error::InvalidArgument));
    }
    Ok(())
}

fn breaks() -> Verdict {
    let own = rt::startup::handle(Tag::OwnProcess).ok_or("no handle to this process")?;
    let upcalls = need!(Upcalls::new(UpcallKinds::BREAK, handler));
    // One that sends it to itself takes it on the way back.
    need!(rt::upcall::interrupt(own, 17));
    check_eq!(seen(), [BREAK, 0, 17]);
    // One that waits is woken.
    let event = need!(rt::event::create());
    let sender = need!(thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        rt::upcall::interrupt(own, 18)
    }));
    let waited = rt::event::wait(event.get(), Signals::USER_0, abi::NEVER);
    check_eq!(waited, Err(Error::Cancelled));
    check_eq!(seen(), [BREAK, 0, 18]);
    check_eq!(sender.join().ok(), Some(Ok(())));
    // One that computes is interrupted, and goes on as if nothing had been.
    let stop = Arc::new(AtomicU64::new(0));
    let shared = Arc::clone(&stop);
    let sender = need!(thread::spawn(move || {
        for code in 100..150 {
            let _ = rt::upcall::interrupt(own, code);
            thread::sleep(Duration::from_millis(1));
        }
        shared.store(1, Ordering::SeqCst);
    }));
    let pattern: [u64; probe::VECTOR_WORDS] = core::array::from_fn(|word| word as u64 * 0x0101);
    let mut rounds = 0u64;
    while stop.load(Ordering::SeqCst) == 0 {
        check_eq!(probe::vectors_over_yields(&pattern, 10), pattern);
        rounds = rounds.saturating_add(1);
    }
    need!(sender.join());
    check!(rounds > 0);
    check_eq!(seen(), [BREAK, 0, 149]);
    drop(upcalls);
    Ok(())
}

fn rights() -> Verdict {
    let own = rt::startup::handle(Tag::OwnProcess).ok_or("no handle to this process")?;
    // Nobody takes it.
    check_eq!(rt::upcall::interrupt(own, 1), Err(Error::BadState));
    let _upcalls = need!(Upcalls::new(UpcallKinds::BREAK, handler));
    let has = need!(rt::handle::info(own)).rights();
    let weak = need!(rt::handle::duplicate(own, has.difference(Rights::SIGNAL)));
    let strong = need!(rt::handle::duplicate(own, has));
    check_eq!(
        rt::upcall::interrupt(weak.get(), 2),
        Err(Error::AccessDenied)
    );
    need!(rt::upcall::interrupt(strong.get(), 3));
    check_eq!(seen(), [BREAK, 0, 3]);
    Ok(())
}
