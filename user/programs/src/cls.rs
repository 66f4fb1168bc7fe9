//! `Cls`: an empty screen.

use viper::args::{Args, Template};
use viper::{Outcome, Program, Rc, print};

/// The command `Cls`.
pub const PROGRAM: Program = Program {
    name: "Cls",
    template: Template::parse(""),
    summary: "Clears the screen.",
    help: "",
    main,
};

fn main(_: &Args) -> Outcome {
    // Cursor to the first row, then erase everything (ECMA-48, CUP and ED).
    print!("\x1b[H\x1b[2J");
    Ok(Rc::OK)
}
