//! `Type`: the contents of files.

use alloc::format;
use alloc::string::String;
use core::fmt::Write as _;

use viper::args::{Args, Many, Switch, Template, Text};
use viper::fs::{self, File};
use viper::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use viper::program::Tally;
use viper::{Failure, Outcome, Program};

use crate::selection;

const TEMPLATE: Template = Template::parse("FROM/A/M,TO/K,HEX/S,NUMBER/S");
const FROM: Many = TEMPLATE.many("FROM");
const TO: Text = TEMPLATE.text("TO");
const HEX: Switch = TEMPLATE.switch("HEX");
const NUMBER: Switch = TEMPLATE.switch("NUMBER");

/// The command `Type`.
pub const PROGRAM: Program = Program {
    name: "Type",
    template: TEMPLATE,
    summary: "Shows the contents of files.",
    help: "HEX shows bytes as numbers and characters, NUMBER puts a number in front of each \
           line, TO writes into a file.",
    main,
};

/// How contents are shown.
#[derive(Clone, Copy)]
enum Form {
    Plain,
    Hex,
    Numbered,
}

fn main(args: &Args) -> Outcome {
    let form = match (args.get(HEX), args.get(NUMBER)) {
        (true, true) => return Err(Failure::new("HEX and NUMBER do not go together")),
        (true, false) => Form::Hex,
        (false, true) => Form::Numbered,
        (false, false) => Form::Plain,
    };
    let mut tally = Tally::new(PROGRAM.name);
    let paths = selection::expand_all(args.get(FROM), &mut tally);
    match args.get(TO) {
        None => show_all(&paths, form, &mut io::stdout(), None, &mut tally),
        Some(path) => {
            let target = File::create(path)?;
            let mut out = BufWriter::new(target);
            show_all(&paths, form, &mut out, Some(path), &mut tally);
            tally.check(out.flush().map_err(|cause| fs::Error::new(path, cause)));
        }
    }
    tally.outcome()
}

/// Shows files one after the other.
fn show_all(
    paths: &[String],
    form: Form,
    out: &mut impl Write,
    to: Option<&str>,
    tally: &mut Tally,
) {
    for path in paths {
        let result = File::open(path).and_then(|mut file| {
            show(&mut file, form, out).map_err(|error| match (error, to) {
                (Side::Write(cause), Some(to)) => fs::Error::new(to, cause),
                (Side::Write(cause), None) => fs::Error::new("output", cause),
                (Side::Read(cause), _) => fs::Error::new(path, cause),
            })
        });
        tally.check(result);
    }
}

/// Which side of a copy failed.
enum Side {
    Read(abi::Error),
    Write(abi::Error),
}

fn show(file: &mut impl Read, form: Form, out: &mut impl Write) -> Result<(), Side> {
    match form {
        Form::Plain => plain(file, out),
        Form::Hex => hex(file, out),
        Form::Numbered => numbered(file, out),
    }
}

fn plain(file: &mut impl Read, out: &mut impl Write) -> Result<(), Side> {
    let mut block = [0; 4096];
    loop {
        let count = file.read(&mut block).map_err(Side::Read)?;
        if count == 0 {
            return Ok(());
        }
        out.write_all(block.get(..count).unwrap_or(&[]))
            .map_err(Side::Write)?;
    }
}

fn numbered(file: &mut impl Read, out: &mut impl Write) -> Result<(), Side> {
    let mut reader = BufReader::new(ByRef(file));
    let mut number: u64 = 1;
    loop {
        let line = reader.read_line().map_err(Side::Read)?;
        if line.is_empty() {
            return Ok(());
        }
        let end = if line.ends_with('\n') { "" } else { "\n" };
        write!(out, "{number:>5} {line}{end}").map_err(Side::Write)?;
        number = number.saturating_add(1);
    }
}

fn hex(file: &mut impl Read, out: &mut impl Write) -> Result<(), Side> {
    let mut reader = BufReader::new(ByRef(file));
    let mut offset: u64 = 0;
    loop {
        let mut row = [0; 16];
        let mut filled = 0;
        while filled < row.len() {
            let room = row.get_mut(filled..).unwrap_or(&mut []);
            match reader.read(room).map_err(Side::Read)? {
                0 => break,
                count => filled = filled.saturating_add(count),
            }
        }
        let bytes = row.get(..filled).unwrap_or(&[]);
        if bytes.is_empty() {
            return Ok(());
        }
        out.write_all(hex_row(offset, bytes).as_bytes())
            .map_err(Side::Write)?;
        offset = offset.saturating_add(filled as u64);
    }
}

/// One row of bytes: offset, numbers, characters.
fn hex_row(offset: u64, bytes: &[u8]) -> String {
    let mut numbers = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        let gap = if index % 4 == 0 { " " } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(numbers, "{gap}{byte:02x}");
    }
    let shown = |byte: &u8| match byte {
        0x20..=0x7e => char::from(*byte),
        _ => '.',
    };
    let text: String = bytes.iter().map(shown).collect();
    format!("{offset:08x}:{numbers:<37} {text}\n")
}

/// Reads from something borrowed.
struct ByRef<'a, R>(&'a mut R);

impl<R: Read> Read for ByRef<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use alloc::vec::Vec;

    fn shown(bytes: &[u8], form: Form) -> String {
        let mut out = Vec::new();
        assert!(show(&mut &bytes[..], form, &mut out).is_ok());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn three_forms() {
        assert_eq!(shown(b"a\nb", Form::Plain), "a\nb");
        assert_eq!(shown(b"a\nb", Form::Numbered), "    1 a\n    2 b\n");
        let row = "00000000: 61620a                               ab.\n";
        assert_eq!(shown(b"ab\n", Form::Hex), row);
        assert_eq!(shown(&[0; 17], Form::Hex).lines().count(), 2);
        assert_eq!(shown(b"", Form::Hex), "");
    }
}
