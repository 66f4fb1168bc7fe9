//! The program `Writer`: files that must outlive a power cut.
//!
//! It writes `FOLDER/1`, `FOLDER/2`, … and prints a number once the file of that
//! number is durable. Whoever cuts the power remembers the last number seen; with
//! `VERIFY` every file up to it must be there and right.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use viper::args::{Args, Number, Required, Template};
use viper::fs::{self, File};
use viper::io::{Read, Write};
use viper::program::Tally;
use viper::{Failure, Outcome, Program, Rc, println};

const TEMPLATE: Template = Template::parse("FOLDER/A,FROM/K/N,COUNT/K/N,VERIFY/K/N");
const FOLDER: Required = TEMPLATE.required("FOLDER");
const FROM: Number = TEMPLATE.number("FROM");
const COUNT: Number = TEMPLATE.number("COUNT");
const VERIFY: Number = TEMPLATE.number("VERIFY");

/// The program `Writer`.
pub const PROGRAM: Program = Program {
    name: "Writer",
    template: TEMPLATE,
    summary: "Writes durable files, or verifies them.",
    help: "Writes numbered files from FROM (or 1) on, COUNT of them or without end, and prints \
           each number once its file is durable. VERIFY checks the files from 1 to a number.",
    main,
};

fn main(args: &Args) -> Outcome {
    let folder = args.get(FOLDER);
    let number = |key| -> Result<Option<u64>, Failure> {
        let value: Option<i64> = args.get(key);
        let refusal = |_| Failure::new("a number is negative");
        value.map(u64::try_from).transpose().map_err(refusal)
    };
    if let Some(last) = number(VERIFY)? {
        return verify(folder, last);
    }
    let first = number(FROM)?.unwrap_or(1);
    let last = number(COUNT)?.map_or(u64::MAX, |count| {
        first.saturating_add(count).saturating_sub(1)
    });
    for number in first..=last {
        write(folder, number)?;
        println!("{number}");
    }
    Ok(Rc::OK)
}

/// Writes one file and makes it durable.
fn write(folder: &str, number: u64) -> fs::Result<()> {
    let path = format!("{folder}/{number}");
    let mut file = File::create(&path)?;
    file.write_all(&contents(number))
        .map_err(|cause| file.error(cause))?;
    file.sync_all()
}

/// Checks the files from 1 to `last`.
fn verify(folder: &str, last: u64) -> Outcome {
    let mut tally = Tally::new(PROGRAM.name);
    let mut found: u64 = 0;
    for number in 1..=last {
        match tally.check(check(&format!("{folder}/{number}"), number)) {
            Some(()) => found = found.saturating_add(1),
            None => continue,
        }
    }
    println!("verified {found}");
    tally.outcome()
}

/// Checks one file.
fn check(path: &str, number: u64) -> Result<(), Failure> {
    let mut file = File::open(path)?;
    let bytes = file.read_to_end().map_err(|cause| file.error(cause))?;
    match bytes == contents(number) {
        true => Ok(()),
        false => Err(Failure::new(format!("{path} has wrong contents"))),
    }
}

/// What is in the file with this number: its number in words, then bytes that depend
/// on it, of a length that depends on it.
fn contents(number: u64) -> Vec<u8> {
    let mut bytes = String::into_bytes(format!("file {number}\n"));
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for _ in 0..state % 1500 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_contents_of_its_own() {
        assert_eq!(contents(7), contents(7));
        assert_ne!(contents(7), contents(8));
        assert!(contents(1).starts_with(b"file 1\n"));
    }
}
