//! Programs that end by a fault, each by another one.

use viper::args::{Args, Template};
use viper::{Outcome, Program, Rc};

/// A program without arguments.
const fn program(name: &'static str, summary: &'static str, main: fn(&Args) -> Outcome) -> Program {
    Program {
        name,
        template: Template::parse(""),
        summary,
        help: "",
        main,
    }
}

/// `FaultNull`.
pub const NULL: Program = program("FaultNull", "Writes to address 0.", null);
/// `FaultExec`.
pub const EXEC: Program = program("FaultExec", "Jumps into data.", exec);
/// `FaultIllegal`.
pub const ILLEGAL: Program = program(
    "FaultIllegal",
    "Executes an undefined instruction.",
    illegal,
);
/// `FaultStack`.
pub const STACK: Program = program("FaultStack", "Calls itself for ever.", stack);

fn null(_: &Args) -> Outcome {
    rt::probe::write_null()
}

fn exec(_: &Args) -> Outcome {
    rt::probe::execute_data()
}

fn illegal(_: &Args) -> Outcome {
    rt::probe::execute_undefined()
}

fn stack(_: &Args) -> Outcome {
    Ok(Rc::new(deeper(1).to_le_bytes()[0]))
}

/// Uses up stack; the bound is never reached.
#[inline(never)]
fn deeper(depth: u64) -> u64 {
    let block = core::hint::black_box([depth; 64]);
    if depth == u64::MAX {
        return 0;
    }
    let below = deeper(depth.wrapping_add(1));
    // Used after the call, so that the call cannot become a loop.
    core::hint::black_box(&block)
        .iter()
        .fold(below, |sum, word| sum.wrapping_add(*word))
}
