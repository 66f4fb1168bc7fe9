//! Program files at which other loaders stopped.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use abi::Error;
use abi::job::JobResource;
use rt::hostile::Dice;
use viper::Rc;
use viper::process::{Command, Job, Stdio};

use super::super::files::{get, path, put};
use super::super::{Case, Verdict};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "bugs::bug_022_programs_at_kernel_addresses",
        run: kernel_addresses,
    },
    Case {
        name: "bugs::bug_026_segments_without_a_size",
        run: no_size,
    },
    Case {
        name: "bugs::bug_027_segments_too_large",
        run: too_large,
    },
    Case {
        name: "bugs::bug_028_segments_without_a_place_in_the_file",
        run: no_place,
    },
    Case {
        name: "bugs::bug_029_enormous_alignment",
        run: alignment,
    },
    Case {
        name: "bugs::bug_030_offsets_that_do_not_fit_addresses",
        run: offsets,
    },
    Case {
        name: "bugs::bug_031_headers_of_another_form",
        run: headers,
    },
    Case {
        name: "bugs::bug_034_a_gigabyte_of_zeros",
        run: zeros,
    },
];

const CHILD: &str = "SYS:Tests/Child";
/// `p_type` of a segment that is loaded, and of the name of an interpreter.
const LOAD: u32 = 1;
const INTERPRETER: u32 = 3;
/// Fields of a program header (ELF-64, figure 6).
const OFFSET: usize = 8;
const VADDR: usize = 16;
const FILE_SIZE: usize = 32;
const MEMORY_SIZE: usize = 40;
const ALIGN: usize = 48;
/// Bytes of a program header.
const HEADER_BYTES: usize = 56;

/// What a program file led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Refused(Error),
    Ran(Rc),
}

/// Tries to run a file, below limits.
fn attempt(bytes: &[u8]) -> Result<Came, String> {
    let name = path("mutant");
    need!(put(&name, bytes));
    let job = need!(Job::new());
    need!(job.set_limit(JobResource::Pages, 4000));
    let command = Command::new(&name)
        .arg("7")
        .job(&job)
        .stdout(Stdio::Nil)
        .stderr(Stdio::Nil);
    let came = match command.spawn() {
        Err(error) => Came::Refused(error.cause),
        Ok(child) => Came::Ran(need!(child.wait()).rc()),
    };
    // Nothing of it is left.
    let gone = || Ok(need!(job.info()).running == 0);
    super::super::accounts::eventually("half of a process is left", gone)?;
    Ok(came)
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

/// Where the program headers of a type begin.
fn headers_of(bytes: &[u8], wanted: u32) -> Vec<usize> {
    let start = word(bytes, 32).and_then(|start| usize::try_from(start).ok());
    let count = bytes.get(56).copied().map_or(0, usize::from);
    let start = start.unwrap_or(0);
    (0..count)
        .map(|index| start.saturating_add(index.saturating_mul(HEADER_BYTES)))
        .filter(|at| {
            let kind = bytes.get(*at..at.saturating_add(4));
            kind == Some(&wanted.to_le_bytes()[..])
        })
        .collect()
}

/// The file with words of its program headers changed.
fn changed(bytes: &[u8], changes: &[(usize, u64)]) -> Result<Vec<u8>, String> {
    let mut bytes = bytes.to_vec();
    for (at, value) in changes {
        let end = at.checked_add(8).ok_or("too far")?;
        let place = bytes.get_mut(*at..end).ok_or("the file is too short")?;
        place.copy_from_slice(&value.to_le_bytes());
    }
    Ok(bytes)
}

/// Changes one field of each loaded segment, one after the other. Each must be refused, or
/// where `may_run` says so run to some end.
fn each_segment(field: usize, values: &[u64], may_run: bool) -> Verdict {
    let whole = need!(get(CHILD));
    let segments = headers_of(&whole, LOAD);
    check!(segments.len() >= 2);
    // The control: unchanged, the file runs.
    check_eq!(attempt(&whole)?, Came::Ran(Rc::new(7)));
    for segment in segments {
        for value in values {
            let came = attempt(&changed(&whole, &[(segment + field, *value)])?)?;
            let fits = match came {
                Came::Refused(error) => {
                    let memory = [Error::NoMemory, Error::LimitReached];
                    error == Error::NotExecutable || memory.contains(&error)
                }
                Came::Ran(_) => may_run,
            };
            if !fits {
                return Err(format!("field {field} = {value:#x}: {came:?}"));
            }
        }
    }
    Ok(())
}

/// Source: redox kernel #79.
fn kernel_addresses() -> Verdict {
    let addresses = [
        0xffff_8000_0000_0000,
        0xffff_ffff_8000_0000,
        u64::MAX - 4095,
        abi::USER_END,
        abi::USER_END - 4096,
        0x00ff_0000_0000_0000,
    ];
    each_segment(VADDR, &addresses, false)
}

/// Source: tock #817, a size of zero was divided by.
fn no_size() -> Verdict {
    // Segments of nothing at all are left out, and then the program faults.
    each_segment(MEMORY_SIZE, &[0], true)?;
    each_segment(FILE_SIZE, &[0], true)
}

/// Source: tock #864.
fn too_large() -> Verdict {
    let sizes = [1 << 47, 1 << 63, u64::MAX, u64::MAX - 4095];
    each_segment(MEMORY_SIZE, &sizes, false)?;
    each_segment(FILE_SIZE, &sizes, false)
}

/// Source: asterinas #1656.
fn no_place() -> Verdict {
    let whole = need!(get(CHILD));
    for segment in headers_of(&whole, LOAD) {
        let nowhere = changed(&whole, &[(segment + OFFSET, 0), (segment + FILE_SIZE, 0)])?;
        // Refused, or it faults where the contents should have been: either is an end.
        let came = attempt(&nowhere)?;
        check!(came != Came::Ran(Rc::new(7)) || word(&whole, segment + FILE_SIZE) == Some(0));
    }
    each_segment(
        OFFSET,
        &[u64::MAX, 1 << 63, u64::MAX - 4095, 1 << 40],
        false,
    )
}

/// Source: asterinas #2797.
fn alignment() -> Verdict {
    each_segment(ALIGN, &[1 << 63, u64::MAX, 1 << 40, 3, 0], true)
}

/// Source: tgoskits #1737, #1736.
fn offsets() -> Verdict {
    let whole = need!(get(CHILD));
    for segment in headers_of(&whole, LOAD) {
        for field in [OFFSET, VADDR] {
            let value = word(&whole, segment + field).ok_or("too short")?;
            let came = attempt(&changed(&whole, &[(segment + field, value ^ 8)])?)?;
            check_eq!(came, Came::Refused(Error::NotExecutable));
        }
    }
    // A program with the name of an interpreter, however long and wherever.
    let first = headers_of(&whole, 4)
        .into_iter()
        .chain(headers_of(&whole, 0x6474_e551))
        .next();
    let Some(spare) = first else {
        return Ok(());
    };
    for (offset, size) in [(0, 0), (0, u64::MAX), (u64::MAX, 8), (1 << 40, 4096)] {
        let kind = u64::from(INTERPRETER) | (4 << 32);
        let changes = [
            (spare, kind),
            (spare + OFFSET, offset),
            (spare + FILE_SIZE, size),
        ];
        let came = attempt(&changed(&whole, &changes)?)?;
        check!(matches!(
            came,
            Came::Refused(Error::NotExecutable) | Came::Ran(_)
        ));
    }
    Ok(())
}

/// Mutants of one run.
const MUTANTS: u64 = 150;

/// Source: asterinas #2777, a header was asserted instead of checked.
fn headers() -> Verdict {
    let whole = need!(get(CHILD));
    let headers = 64 + HEADER_BYTES * headers_of(&whole, LOAD).len() * 2;
    let mut refused = 0u64;
    for seed in 0..MUTANTS {
        let mut dice = Dice::new(seed);
        let mut bytes = whole.clone();
        for _ in 0..=dice.below(3) {
            let at = usize::try_from(dice.below(headers as u64)).unwrap_or(0);
            let value = [0, 1, 0x7f, 0x80, 0xff, dice.roll() as u8];
            let value = value.get(dice.below(6) as usize).copied().unwrap_or(0);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        match attempt(&bytes).map_err(|wrong| format!("seed {seed}: {wrong}"))? {
            Came::Refused(Error::NotExecutable | Error::NoMemory | Error::LimitReached) => {
                refused += 1;
            }
            Came::Refused(error) => return Err(format!("seed {seed}: {error:?}")),
            Came::Ran(_) => {}
        }
    }
    check!(refused > MUTANTS / 4 && refused < MUTANTS);
    Ok(())
}

/// Source: asterinas #666, zeros were taken from the kernel's heap.
fn zeros() -> Verdict {
    let whole = need!(get(CHILD));
    let segments = headers_of(&whole, LOAD);
    let last = segments.last().copied().ok_or("no segment")?;
    let before = super::super::system::programs_memory()?;
    let came = attempt(&changed(&whole, &[(last + MEMORY_SIZE, 1 << 30)])?)?;
    // Pages are taken as they are touched, so it runs; or it is too much for its limits.
    check!(matches!(
        came,
        Came::Ran(_) | Came::Refused(Error::NoMemory | Error::LimitReached)
    ));
    super::super::processes::settles(before)
}
