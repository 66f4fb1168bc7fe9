//! `Help`: every command, or one in detail.

use alloc::string::String;
use alloc::vec::Vec;

use shell::builtin::{self, BUILTINS};
use viper::args::{Args, Template, Text};
use viper::{Failure, Outcome, Program, Rc, println};

use crate::catalogue::{ELSEWHERE, PROGRAMS};
use crate::selection;

const TEMPLATE: Template = Template::parse("COMMAND");
const COMMAND: Text = TEMPLATE.text("COMMAND");

/// The command `Help`.
pub const PROGRAM: Program = Program {
    name: "Help",
    template: TEMPLATE,
    summary: "Lists the commands, or explains one.",
    help: "In a template, /A marks what is required, /K what needs its name in front, /S a \
           switch, /N a number, /M any number of words, /F the rest of the line.",
    main,
};

/// Columns of text.
const WIDTH: usize = 76;

fn main(args: &Args) -> Outcome {
    match args.get(COMMAND) {
        None => list(),
        Some(name) => return explain(name),
    }
    Ok(Rc::OK)
}

fn list() {
    let mut rows: Vec<(&str, &str)> = Vec::new();
    rows.extend(
        PROGRAMS
            .iter()
            .map(|program| (program.name, program.summary)),
    );
    rows.extend(
        BUILTINS
            .iter()
            .map(|builtin| (builtin.name, builtin.summary)),
    );
    rows.extend(ELSEWHERE);
    selection::sort(&mut rows, |(name, _)| name);
    for (name, summary) in rows {
        println!("{name:<10} {summary}");
    }
    println!();
    println!("Help NAME explains a command. Separate commands by ; and send output to a file");
    println!("with >FILE. Paths: WORK:notes/today, / is the directory above, Tab completes.");
}

fn explain(name: &str) -> Outcome {
    let found = PROGRAMS
        .iter()
        .find(|program| program.name.eq_ignore_ascii_case(name));
    if let Some(program) = found {
        println!("{} {}", program.name, program.template);
        println!("{}", program.summary);
        if !program.help.is_empty() {
            wrap(program.help)
                .iter()
                .for_each(|line| println!("{line}"));
        }
        return Ok(Rc::OK);
    }
    if let Some(builtin) = builtin::find(name) {
        println!("{} {}", builtin.name, builtin.template);
        println!("{}", builtin.summary);
        return Ok(Rc::OK);
    }
    let elsewhere = ELSEWHERE
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    match elsewhere {
        Some((name, summary)) => {
            println!("{name}: {summary}");
            Ok(Rc::OK)
        }
        None => Err(Failure::new(alloc::format!(
            "there is no command {name}; Help lists them"
        ))),
    }
}

/// Breaks a text into lines.
fn wrap(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len().saturating_add(word.len()) < WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_no_longer_than_the_width() {
        let lines = wrap(&"word ".repeat(100));
        assert!(lines.len() > 1 && lines.iter().all(|line| line.len() <= WIDTH));
        assert_eq!(lines.concat().matches("word").count(), 100);
    }
}
