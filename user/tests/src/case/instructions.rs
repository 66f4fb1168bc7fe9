//! What a program can do with bare instructions: nothing that is not its own.

use abi::process::FaultKind;
use abi::startup::Tag;
use abi::{Signals, Syscall};

use super::{Case, Verdict, heartbeat};
use crate::hostile::run::{self, End};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "instructions::kernel_addresses_all_look_the_same",
        run: kernel_addresses,
    },
    Case {
        name: "instructions::privileged_ones_are_illegal",
        run: privileged,
    },
    Case {
        name: "instructions::allowed_ones_work",
        run: allowed,
    },
    Case {
        name: "instructions::waiting_for_interrupts_stops_nobody",
        run: waiting,
    },
    Case {
        name: "instructions::frames_beyond_the_guard_fault",
        run: guard,
    },
    Case {
        name: "instructions::bug_001_breakpoints_end_the_program",
        run: breakpoints,
    },
    Case {
        name: "instructions::bug_018_calls_with_a_bad_stack_pointer",
        run: stack_at_call,
    },
    Case {
        name: "instructions::bug_019_faults_with_a_bad_stack_pointer",
        run: stack_at_fault,
    },
    Case {
        name: "instructions::bug_025_floating_point_control_is_kept",
        run: control_registers,
    },
];

/// Instructions by their encoding (ARM ARM C6.2).
mod code {
    /// `ldr x0, [x1]`.
    pub const LOAD: u32 = 0xf940_0020;
    /// `str x0, [x1]`.
    pub const STORE: u32 = 0xf900_0020;
    /// `br x1`.
    pub const BRANCH: u32 = 0xd61f_0020;
    /// `ldr x0, [sp]`.
    pub const LOAD_STACK: u32 = 0xf940_03e0;
    /// `str x0, [sp]`.
    pub const STORE_STACK: u32 = 0xf900_03e0;
    /// `svc #0`.
    pub const CALL: u32 = 0xd400_0001;
    /// `movz x0, #7`.
    pub const SEVEN: u32 = 0xd280_00e0;
    /// `sub sp, sp, x1`.
    pub const DOWN: u32 = 0xcb21_63ff;
    /// `wfi`.
    pub const WAIT: u32 = 0xd503_207f;
    /// `wfe`.
    pub const WAIT_EVENT: u32 = 0xd503_205f;
    /// `b -4`, back to the instruction before.
    pub const BACK: u32 = 0x17ff_ffff;
    /// `brk #0`.
    pub const BREAK: u32 = 0xd420_0000;
    /// `udf #0`.
    pub const UNDEFINED: u32 = 0;
}

/// Where the kernel, its memory and its devices are, and where nothing is.
const KERNEL: [u64; 12] = [
    0xffff_8000_0000_0000,
    0xffff_8000_0800_0000,
    0xffff_8000_0900_0000,
    0xffff_8000_0a00_0000,
    0xffff_8000_4000_0000,
    0xffff_8000_4020_0000,
    0xffff_ffff_8000_0000,
    0xffff_ffff_8008_0000,
    0xffff_c000_0000_0000,
    0xffff_ffff_ffff_f000,
    0x0001_0000_0000_0000,
    0x00ff_0000_0000_1000,
];

fn kernel_addresses() -> Verdict {
    let word = 7u64;
    let own = core::ptr::from_ref(&word) as u64;
    // The control: the same instructions, an address of the program.
    check_eq!(run::code(&[code::LOAD], &[0, own], 0)?, End::Exited(7));
    check_eq!(run::code(&[code::STORE], &[3, own], 0)?, End::Exited(3));
    for address in KERNEL {
        let with = |instruction| run::code(&[instruction], &[0, address], 0);
        check_eq!(with(code::LOAD)?, End::Faulted(FaultKind::Read, 0, 0));
        check_eq!(with(code::STORE)?, End::Faulted(FaultKind::Write, 0, 0));
        let End::Faulted(kind, at, _) = with(code::BRANCH)? else {
            return Err(alloc::format!("a jump to {address:#x} worked"));
        };
        check_eq!((kind, at), (FaultKind::Execute, 0));
    }
    Ok(())
}

/// Instructions that belong to the kernel, a hypervisor, firmware or a debugger.
const PRIVILEGED: [(&str, u32); 30] = [
    ("mrs midr_el1", 0xd538_0000),
    ("mrs currentel", 0xd538_4240),
    ("mrs sctlr_el1", 0xd538_1000),
    ("mrs ttbr0_el1", 0xd538_2000),
    ("mrs ttbr1_el1", 0xd538_2020),
    ("mrs esr_el1", 0xd538_5200),
    ("mrs tpidr_el1", 0xd538_d080),
    ("mrs vbar_el1", 0xd538_c000),
    ("mrs spsr_el1", 0xd538_4000),
    ("mrs mdscr_el1", 0xd530_0240),
    ("mrs daif", 0xd53b_4220),
    ("msr vbar_el1", 0xd518_c000),
    ("msr ttbr0_el1", 0xd518_2000),
    ("msr sctlr_el1", 0xd518_1000),
    ("msr tpidr_el1", 0xd518_d080),
    ("msr daifset, #15", 0xd503_4fdf),
    ("msr daifclr, #15", 0xd503_4fff),
    ("msr spsel, #1", 0xd500_41bf),
    ("msr tpidrro_el0", 0xd51b_d060),
    ("eret", 0xd69f_03e0),
    ("hvc #0", 0xd400_0002),
    ("smc #0", 0xd400_0003),
    ("hlt #0xf000", 0xd45e_0000),
    ("tlbi vmalle1", 0xd508_871f),
    ("dc isw, x0", 0xd508_7640),
    ("ic iallu", 0xd508_751f),
    ("at s1e1r, x0", 0xd508_7800),
    ("msr cntv_ctl_el0", 0xd51b_e320),
    ("msr cntp_ctl_el0", 0xd51b_e220),
    ("mrs pmcr_el0", 0xd53b_9c00),
];

fn privileged() -> Verdict {
    let mut wrong = alloc::vec::Vec::new();
    for (name, instruction) in PRIVILEGED {
        let end = run::code(&[instruction, code::SEVEN], &[], 0)?;
        if !matches!(end, End::Faulted(FaultKind::Illegal, _, 0)) {
            wrong.push((name, end));
        }
    }
    check_eq!(wrong, alloc::vec::Vec::new());
    Ok(())
}

/// The control: what a program may do, by the same way.
fn allowed() -> Verdict {
    for (name, instruction) in [
        ("nop", 0xd503_201f),
        ("yield", 0xd503_203f),
        ("mrs cntvct_el0", 0xd53b_e040),
        ("mrs cntfrq_el0", 0xd53b_e000),
        ("mrs tpidr_el0", 0xd53b_d040),
        ("msr tpidr_el0", 0xd51b_d040),
        ("mrs fpcr", 0xd53b_4400),
        ("mrs ctr_el0", 0xd53b_0020),
        ("mrs dczid_el0", 0xd53b_00e0),
        ("fmov d0, #1.0", 0x1e6e_1000),
        ("isb", 0xd503_3fdf),
    ] {
        let end = run::code(&[instruction, code::SEVEN], &[], 0)?;
        if end != End::Exited(7) {
            return Err(alloc::format!("{name}: {end:?}"));
        }
    }
    Ok(())
}

fn waiting() -> Verdict {
    let interval = heartbeat::undisturbed_interval()?;
    for instruction in [code::WAIT, code::WAIT_EVENT] {
        let loops = need!(rt::hostile::Code::new(&[instruction, code::BACK]));
        let mut copies = alloc::vec::Vec::new();
        for _ in 0..4 {
            copies.push(need!(loops.run(&rt::hostile::Entry::default())));
        }
        let rate = need!(heartbeat::on_time(interval));
        for copy in &copies {
            // They go on for ever.
            let ended = rt::handle::wait(copy.get(), Signals::TERMINATED, abi::NOW);
            check_eq!(ended.err(), Some(abi::Error::TimedOut));
            need!(rt::process::kill(copy.get(), 0));
        }
        rate.expect(80)?;
    }
    Ok(())
}

fn guard() -> Verdict {
    let grow = |bytes: u64| run::code(&[code::DOWN, code::STORE_STACK], &[5, bytes], 0);
    check_eq!(grow(4096)?, End::Exited(5));
    // The stack has 8 MiB; a frame of nearly 1 MiB more ends in its guard.
    for bytes in [(8 << 20) + 4096, (8 << 20) + (900 << 10)] {
        let End::Faulted(kind, ..) = grow(bytes)? else {
            return Err(alloc::format!("{bytes:#x} below the stack is writable"));
        };
        check_eq!(kind, FaultKind::StackOverflow);
    }
    Ok(())
}

/// Source: asterinas #2921, a debug exception on the way into the kernel was a panic.
fn breakpoints() -> Verdict {
    let end = run::code(&[code::BREAK, code::SEVEN], &[], 0)?;
    check!(matches!(end, End::Faulted(FaultKind::Debug, _, 0)));
    // With the bit for single steps set in the flags, as far as a program can: not at all.
    let status_with_step = 0xd51b_4200; // msr nzcv, x0
    let end = run::code(
        &[status_with_step, code::CALL, code::SEVEN],
        &[1 << 21, 0, 0, 0, 0, 0, 0, 0, Syscall::Null as u64],
        0,
    )?;
    check_eq!(end, End::Exited(7));
    Ok(())
}

/// Values that are no stack pointer.
const BAD_STACKS: [u64; 7] = [
    8,
    0x1234_5678_9000,
    abi::USER_END - 16,
    0x00ff_0000_0000_1000,
    0xffff_8000_0900_0000,
    0xffff_ffff_8000_0000,
    0xffff_ffff_ffff_fff0,
];

/// Source: hubris #1134 and #1928, a stack overflow at a call was blamed on another task.
fn stack_at_call() -> Verdict {
    let own = rt::startup::handle(Tag::OwnProcess).ok_or("no handle to this process")?;
    for stack in BAD_STACKS.into_iter().chain([0, 0x7fff_0001]) {
        // The kernel has a stack of its own: the call works, and the program goes on.
        let registers = [0, 0, 0, 0, 0, 0, 0, 0, Syscall::ThreadYield as u64];
        let end = run::code(&[code::CALL, code::SEVEN], &registers, stack)?;
        check_eq!((stack, end), (stack, End::Exited(7)));
        check_eq!(need!(rt::process::info(own)).fault_kind, 0);
    }
    Ok(())
}

/// Source: tock #1257, the kernel read the stack of a task for its report.
fn stack_at_fault() -> Verdict {
    for stack in BAD_STACKS {
        let end = run::code(&[code::UNDEFINED], &[], stack)?;
        check!(matches!(end, End::Faulted(FaultKind::Illegal, _, 0)));
        let end = run::code(&[code::LOAD_STACK], &[], stack)?;
        check!(matches!(
            end,
            End::Faulted(FaultKind::Read | FaultKind::Alignment, _, 0)
        ));
    }
    Ok(())
}

/// Source: redox fda343e1, saving the control register wrote beyond its place.
fn control_registers() -> Verdict {
    const SET: u32 = 0xd51b_4400; // msr fpcr, x0
    const GET: u32 = 0xd53b_4400; // mrs x0, fpcr
    const ZERO: u32 = 0xd280_0000; // movz x0, #0
    for mode in [
        0x0040_0000u64,
        0x0080_0000,
        0x00c0_0000,
        0x0100_0000,
        0x0200_0000,
    ] {
        // A lap of yields to the other copies, between two looks at the register.
        let program = [
            SET,
            ZERO,
            code::CALL,
            code::CALL,
            code::CALL,
            code::CALL,
            GET,
        ];
        let registers = [mode, 0, 0, 0, 0, 0, 0, 0, Syscall::ThreadYield as u64];
        // A call leaves zero in x8, which is the null call.
        check_eq!(
            run::code(&program, &registers, 0)?,
            End::Exited(mode as i32)
        );
        // Nobody else sees it.
        check_eq!(run::code(&[GET], &[], 0)?, End::Exited(0));
    }
    Ok(())
}
