//! `Assign`: names for directories.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use abi::fs::OpenFlags;
use viper::args::{Args, Many, Switch, Template, Text};
use viper::assign::{self, Directory, Position};
use viper::{Failure, Rc, fs, println};

use super::{Builtin, Ending, done};
use crate::session::Session;

const TEMPLATE: Template =
    Template::parse("NAME,TARGET/M,LIST/S,EXISTS/S,DISMOUNT/S,ADD/S,PREPEND/S,REMOVE/S");
const NAME: Text = TEMPLATE.text("NAME");
const TARGET: Many = TEMPLATE.many("TARGET");
const LIST: Switch = TEMPLATE.switch("LIST");
const EXISTS: Switch = TEMPLATE.switch("EXISTS");
const DISMOUNT: Switch = TEMPLATE.switch("DISMOUNT");
const ADD: Switch = TEMPLATE.switch("ADD");
const PREPEND: Switch = TEMPLATE.switch("PREPEND");
const REMOVE: Switch = TEMPLATE.switch("REMOVE");

/// The command `Assign`.
pub const ASSIGN: Builtin = Builtin {
    name: "Assign",
    template: TEMPLATE,
    summary: "Gives a directory a name of its own, or lists such names.",
    keeps_last: false,
    main,
};

fn main(_: &mut Session, args: &Args) -> Ending {
    let Some(text) = args.get(NAME) else {
        list(None);
        return done();
    };
    let name = text
        .strip_suffix(':')
        .filter(|name| !name.is_empty() && !name.contains([':', '/']));
    let name = name.ok_or_else(|| {
        Failure::new(alloc::format!(
            "{text} is no assign name: it must end with a colon"
        ))
    })?;
    let targets = args.get(TARGET);
    if args.get(EXISTS) {
        let is_known = assign::with(|namespace| namespace.find(name).is_some());
        let rc = if is_known { Rc::OK } else { Rc::WARN };
        list(Some(name));
        return Ok(ControlFlow::Continue(rc));
    }
    if args.get(REMOVE) && !targets.is_empty() {
        return remove_targets(name, targets);
    }
    if args.get(LIST) && targets.is_empty() {
        list(Some(name));
        return done();
    }
    if targets.is_empty() || args.get(DISMOUNT) || args.get(REMOVE) {
        let was_known = assign::with(|namespace| namespace.remove(name));
        return match was_known {
            true => done(),
            false => Err(fs::Error::new(text, abi::Error::NotFound).into()),
        };
    }
    let position = match (args.get(ADD), args.get(PREPEND)) {
        (_, true) => Some(Position::First),
        (true, false) => Some(Position::Last),
        (false, false) => None,
    };
    bind(name, targets, position)
}

/// Binds a name to directories, or adds them where a position says so.
fn bind(name: &str, targets: &[String], position: Option<Position>) -> Ending {
    let mut opened: Vec<(Directory, String)> = Vec::new();
    for target in targets {
        let (directory, full) = fs::open_directory(target)?;
        opened.push((Arc::new(directory), full.to_string()));
    }
    if position == Some(Position::First) {
        // Each goes to the front, so the last one goes first.
        opened.reverse();
    }
    assign::with(|namespace| {
        if position.is_none() {
            namespace.remove(name);
        }
        for (directory, full) in opened {
            namespace.add(name, &full, directory, position.unwrap_or(Position::Last));
        }
    });
    done()
}

/// Takes directories out of a name that stands for several.
fn remove_targets(name: &str, targets: &[String]) -> Ending {
    for target in targets {
        let (directory, _) = fs::open_directory(target)?;
        let gone = identity(&Arc::new(directory));
        let old = assign::with(|namespace| namespace.find(name).cloned());
        let missing = || fs::Error::new(&alloc::format!("{name}:"), abi::Error::NotFound);
        let old = old.ok_or_else(missing)?;
        let texts: Vec<&str> = old.target.split(" + ").collect();
        let kept = old
            .directories
            .iter()
            .enumerate()
            .filter(|(_, d)| identity(d) != gone);
        let (kept, texts): (Vec<_>, Vec<_>) = kept
            .map(|(index, d)| (Arc::clone(d), texts.get(index).copied().unwrap_or("?")))
            .unzip();
        assign::with(|namespace| match kept.is_empty() {
            true => drop(namespace.remove(name)),
            false => namespace.set(name, &texts.join(" + "), kept),
        });
    }
    done()
}

/// What tells one directory from another.
fn identity(directory: &Directory) -> Option<(u64, u64)> {
    let stat = rt::directory::stat(directory.get(), b"", OpenFlags::empty()).ok()?;
    Some((stat.volume, stat.node))
}

/// Lists all assigns, or one.
fn list(only: Option<&str>) {
    let all = assign::with(|namespace| namespace.assigns().to_vec());
    for assign in all {
        if only.is_some_and(|name| !name.eq_ignore_ascii_case(&assign.name)) {
            continue;
        }
        let name = alloc::format!("{}:", assign.name);
        match (assign.target.as_str(), assign.directories.len()) {
            ("", 1) => println!("{name:<10} a directory of its own"),
            ("", count) => println!("{name:<10} {count} directories"),
            (target, _) => println!("{name:<10} {target}"),
        }
    }
}
