//! `Echo`: words to the output.

use alloc::string::String;

use viper::args::{Args, Many, Number, Switch, Template, Text};
use viper::fs::File;
use viper::io::Write;
use viper::{Failure, Outcome, Program, Rc, print};

const TEMPLATE: Template = Template::parse("STRING/M,NOLINE/S,FIRST/K/N,LEN/K/N,TO/K");
const STRING: Many = TEMPLATE.many("STRING");
const NOLINE: Switch = TEMPLATE.switch("NOLINE");
const FIRST: Number = TEMPLATE.number("FIRST");
const LEN: Number = TEMPLATE.number("LEN");
const TO: Text = TEMPLATE.text("TO");

/// The command `Echo`.
pub const PROGRAM: Program = Program {
    name: "Echo",
    template: TEMPLATE,
    summary: "Writes its arguments.",
    help: "NOLINE leaves out the line end. FIRST (from 1) and LEN choose some of the \
           characters; LEN alone chooses the last ones. TO writes into a file.",
    main,
};

fn main(args: &Args) -> Outcome {
    let text = args.get(STRING).join(" ");
    let mut text = choose(&text, args.get(FIRST), args.get(LEN))?;
    if !args.get(NOLINE) {
        text.push('\n');
    }
    match args.get(TO) {
        None => print!("{text}"),
        Some(path) => {
            let mut file = File::create(path)?;
            let result = file.write_all(text.as_bytes());
            result.map_err(|cause| file.error(cause))?;
        }
    }
    Ok(Rc::OK)
}

/// Some of the characters of a text.
fn choose(text: &str, first: Option<i64>, len: Option<i64>) -> Result<String, Failure> {
    let count = |name: &str, number: i64| {
        usize::try_from(number)
            .map_err(|_| Failure::new(alloc::format!("{name} {number} is negative")))
    };
    let total = text.chars().count();
    let len = len.map(|len| count("LEN", len)).transpose()?;
    let first = match (first, len) {
        (Some(first), _) => count("FIRST", first)?.saturating_sub(1),
        (None, Some(len)) => total.saturating_sub(len),
        (None, None) => 0,
    };
    Ok(text
        .chars()
        .skip(first)
        .take(len.unwrap_or(total))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_text() {
        for (first, len, chosen) in [
            (None, None, "viper"),
            (Some(2), None, "iper"),
            (Some(2), Some(2), "ip"),
            (None, Some(3), "per"),
            (Some(9), None, ""),
            (Some(0), Some(99), "viper"),
        ] {
            assert_eq!(choose("viper", first, len).unwrap(), chosen);
        }
        assert!(choose("viper", Some(-1), None).is_err());
    }
}
