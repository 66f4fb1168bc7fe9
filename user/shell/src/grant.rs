//! Which programs get more than the usual handles.
//!
//! A program is given what it needs and no more. The few commands that need the
//! power switch or the kernel log are listed here; they get it only when they come
//! from `C:`, so a program of the same name elsewhere does not.

use alloc::vec::Vec;

use abi::Rights;
use abi::startup::Tag;
use viper::process::Grant;

/// Rights that let a program pass a handle on.
const PASSED_ON: Rights = Rights::DUPLICATE.union(Rights::TRANSFER);
/// Full use of the terminal, with its modes.
const TERMINAL: (Tag, Rights) = (Tag::Terminal, Rights::all());
/// The power switch, to use and not to pass on.
const POWER: (Tag, Rights) = (Tag::Power, Rights::MANAGE);

/// The statistics, and the right to trace what the scheduler does.
const TRACE: Rights = Rights::INSPECT.union(Rights::READ).union(Rights::MANAGE);

/// What each program gets beside the usual.
const GRANTS: &[(&str, &[(Tag, Rights)])] = &[
    ("Shutdown", &[POWER]),
    ("Reboot", &[POWER]),
    ("Top", &[TERMINAL]),
    ("Trace", &[(Tag::System, TRACE)]),
    (
        "Shell",
        &[
            TERMINAL,
            (Tag::System, PASSED_ON.union(TRACE)),
            (Tag::Power, PASSED_ON.union(Rights::MANAGE)),
            (Tag::Log, PASSED_ON.union(Rights::READ).union(Rights::WRITE)),
        ],
    ),
    (
        "SelfTest",
        &[
            (Tag::Log, PASSED_ON.union(Rights::READ).union(Rights::WRITE)),
            (Tag::System, PASSED_ON.union(TRACE)),
        ],
    ),
];

/// What the program `name` from `C:` gets beside the usual.
pub fn for_program(name: &str) -> Vec<Grant> {
    let Some((_, rows)) = GRANTS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
    else {
        return Vec::new();
    };
    let held = |tag| rt::startup::handle(tag);
    rows.iter()
        .filter_map(|(tag, rights)| {
            Some(Grant {
                tag: *tag,
                handle: held(*tag)?,
                rights: *rights,
            })
        })
        .collect()
}
