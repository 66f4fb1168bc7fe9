//! The values that are tried, by what an argument is.

use alloc::vec::Vec;

use abi::syscall::ArgKind;
use abi::{USER_END, USER_START};
use rt::probe::BadAddress;

use super::kit::Kit;
use super::place::PlaceKind;

/// One value, with a name for a person.
pub type Value = (&'static str, u64);

/// Numbers at which checks go wrong.
const NUMBERS: &[Value] = &[
    ("0", 0),
    ("1", 1),
    ("2", 2),
    ("3", 3),
    ("8", 8),
    ("4095", 4095),
    ("4096", 4096),
    ("i32::MAX", i32::MAX as u64),
    ("1<<31", 1 << 31),
    ("u32::MAX", u32::MAX as u64),
    ("1<<32", 1 << 32),
    ("1<<40", 1 << 40),
    ("1<<62", 1 << 62),
    ("i64::MAX", i64::MAX as u64),
    ("i64::MIN", 1 << 63),
    ("MAX-4095", u64::MAX - 4095),
    ("MAX-7", u64::MAX - 7),
    ("MAX", u64::MAX),
];

/// Sets of bits.
const FLAGS: &[Value] = &[
    ("none", 0),
    ("bit 0", 1),
    ("bit 1", 2),
    ("bits 0, 1", 3),
    ("bit 2", 4),
    ("bit 3", 8),
    ("bit 4", 16),
    ("bit 5", 32),
    ("bits 0-4", 31),
    ("bits 0-13", 0x3fff),
    ("bit 14", 1 << 14),
    ("bit 24", 1 << 24),
    ("bits 24-31", 0xff << 24),
    ("bit 31", 1 << 31),
    ("all 32", u32::MAX as u64),
    ("bit 32", 1 << 32),
    ("bit 63", 1 << 63),
    ("all 64", u64::MAX),
];

/// Points in time that have passed: waiting for them is no waiting.
const PAST: &[Value] = &[("now", abi::NOW), ("1 ns", 1), ("1 us", 1000)];
/// Points in time that are far away.
const FUTURE: &[Value] = &[
    ("1<<62", 1 << 62),
    ("i64::MAX", i64::MAX as u64),
    ("i64::MIN", 1 << 63),
    ("MAX-1", u64::MAX - 1),
    ("never", abi::NEVER),
];

/// Addresses outside of what a program has.
const ABROAD: &[Value] = &[
    ("null", 0),
    ("1", 1),
    ("below the first", USER_START - 8),
    ("the first", USER_START),
    ("last of user space", USER_END - 1),
    ("end of user space", USER_END),
    ("beyond user space", USER_END + 8),
    ("not canonical", 0x00ff_0000_0000_1000),
    ("top byte set", 0x0100_0000_0001_0000),
    ("last below the kernel", 0xfffe_ffff_ffff_fff8),
    ("kernel's memory", 0xffff_8000_4000_0000),
    ("serial port", 0xffff_8000_0900_0000),
    ("interrupt controller", 0xffff_8000_0800_0000),
    ("kernel image", 0xffff_ffff_8000_0000),
    ("MAX-7", u64::MAX - 7),
    ("MAX", u64::MAX),
];

/// Addresses of the program, by the place that is good for an argument.
fn at_home(kit: &Kit, slot: u64) -> [Value; 8] {
    let end = kit.arena().end();
    [
        ("good", slot),
        ("misaligned", slot.wrapping_add(1)),
        ("another record", kit.arena().slot(5)),
        ("last byte", end.wrapping_sub(1)),
        ("last word", end.wrapping_sub(8)),
        ("across the end", end.wrapping_sub(20)),
        ("not mapped", end),
        ("code", BadAddress::ReadOnly.value()),
    ]
}

/// What is tried at a place. `alone` says that all others have good values, and the
/// values that wait are then among them. The number of values and their names are the
/// same for every kit.
pub fn of(kit: &Kit, register: usize, kind: PlaceKind, alone: bool) -> Vec<Value> {
    let home = at_home(kit, kit.arena().slot(register));
    let mut values = Vec::new();
    match kind {
        PlaceKind::Arg(ArgKind::Handle) => {
            values.extend(kit.handles());
            values.extend([("none", 0), ("1", 1), ("MAX", u64::MAX)]);
        }
        PlaceKind::Arg(ArgKind::In | ArgKind::Out) => {
            values.extend(home);
            values.extend_from_slice(ABROAD);
        }
        PlaceKind::Arg(ArgKind::Length | ArgKind::Count) => values.extend_from_slice(NUMBERS),
        PlaceKind::Arg(ArgKind::Flags) => values.extend_from_slice(FLAGS),
        PlaceKind::Arg(ArgKind::Deadline) => {
            values.extend_from_slice(PAST);
            if alone {
                values.extend_from_slice(FUTURE);
            }
        }
        PlaceKind::Arg(ArgKind::Value) => {
            values.extend_from_slice(NUMBERS);
            values.extend(home.into_iter().take(1));
            values.extend([
                ("page", kit.spare()),
                ("arena", kit.arena().slot(0) & !0xfff),
                ("kernel image", 0xffff_ffff_8000_0000),
            ]);
        }
        PlaceKind::Word => {
            values.extend_from_slice(NUMBERS);
            values.extend(home);
            values.extend_from_slice(ABROAD);
            values.extend(kit.handles());
        }
    }
    values
}
