//! `Assign`: names for directories.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use abi::fs::OpenFlags;
use viper::args::{Args, Many, Switch, Template, Text};
use viper::assign::{self, Assign, Binding, Directory, Position};
use viper::path::FullPath;
use viper::{Failure, Rc, fs, println};

use super::{Builtin, Ending, done};
use crate::session::Session;

const TEMPLATE: Template = Template::parse(
    "NAME,TARGET/M,LIST/S,EXISTS/S,DISMOUNT/S,DEFER/S,PATH/S,ADD/S,PREPEND/S,REMOVE/S,\
         VOLS/S,DIRS/S,DEVICES/S",
);
const NAME: Text = TEMPLATE.text("NAME");
const TARGET: Many = TEMPLATE.many("TARGET");
const LIST: Switch = TEMPLATE.switch("LIST");
const EXISTS: Switch = TEMPLATE.switch("EXISTS");
const DISMOUNT: Switch = TEMPLATE.switch("DISMOUNT");
const ADD: Switch = TEMPLATE.switch("ADD");
const PREPEND: Switch = TEMPLATE.switch("PREPEND");
const REMOVE: Switch = TEMPLATE.switch("REMOVE");
const DEFER: Switch = TEMPLATE.switch("DEFER");
const PATH: Switch = TEMPLATE.switch("PATH");
const VOLS: Switch = TEMPLATE.switch("VOLS");
const DIRS: Switch = TEMPLATE.switch("DIRS");
const DEVICES: Switch = TEMPLATE.switch("DEVICES");

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
        list_chosen(args);
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
        list(name);
        return Ok(ControlFlow::Continue(rc));
    }
    if args.get(REMOVE) && !targets.is_empty() {
        return remove_targets(name, targets);
    }
    if args.get(LIST) && targets.is_empty() {
        list(name);
        return done();
    }
    if targets.is_empty() || args.get(DISMOUNT) || args.get(REMOVE) {
        let was_known = assign::with(|namespace| namespace.remove(name));
        return match was_known {
            true => done(),
            false => Err(fs::Error::new(text, abi::Error::NotFound).into()),
        };
    }
    if args.get(DEFER) || args.get(PATH) {
        return bind_later(name, targets, args.get(PATH));
    }
    let position = match (args.get(ADD), args.get(PREPEND)) {
        (_, true) => Some(Position::First),
        (true, false) => Some(Position::Last),
        (false, false) => None,
    };
    bind(name, targets, position)
}

/// Lets a name stand for a path that need not exist yet.
fn bind_later(name: &str, targets: &[String], is_path: bool) -> Ending {
    let [target] = targets else {
        return Err(Failure::new("DEFER and PATH take one directory"));
    };
    // Full, so that it means the same wherever one is by then.
    let current = assign::with(|namespace| namespace.current().path);
    let full = FullPath::resolve(target, &current);
    let full = full.map_err(|_| fs::Error::new(target, abi::Error::BadName))?;
    let binding = match is_path {
        true => Binding::Path,
        false => Binding::Deferred,
    };
    assign::with(|namespace| namespace.set_later(name, &full.to_string(), binding));
    done()
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
    if position.is_some() {
        // A name that is not bound yet is bound before another directory joins it.
        bind_now(name)?;
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

/// Binds a name that is deferred or a path, if it is one.
fn bind_now(name: &str) -> Result<(), fs::Error> {
    let old = assign::with(|namespace| namespace.find(name).cloned());
    let Some(old) = old.filter(|old| old.binding != Binding::Bound) else {
        return Ok(());
    };
    let (directory, _) = fs::open_directory(&alloc::format!("{name}:"))?;
    let directories = alloc::vec![Arc::new(directory)];
    assign::with(|namespace| namespace.set(name, &old.target, directories));
    Ok(())
}

/// Takes directories out of a name that stands for several.
fn remove_targets(name: &str, targets: &[String]) -> Ending {
    bind_now(name)?;
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

/// Lists what the switches choose: volumes, names for directories, devices; all without any.
fn list_chosen(args: &Args) {
    let chosen = [args.get(VOLS), args.get(DIRS), args.get(DEVICES)];
    let [volumes, directories, devices] = match chosen {
        [false, false, false] => [true, true, false],
        some => some,
    };
    let all = assign::with(|namespace| namespace.assigns().to_vec());
    for assign in &all {
        let is_volume = assign.target.is_empty();
        if (is_volume && volumes) || (!is_volume && directories) {
            show(assign);
        }
    }
    if devices {
        println!("NIL:       takes everything and gives nothing");
    }
}

/// Lists one assign.
fn list(name: &str) {
    let found = assign::with(|namespace| namespace.find(name).cloned());
    if let Some(assign) = found {
        show(&assign);
    }
}

/// One line of the list: `<…>` is deferred, `[…]` looked up each time.
fn show(assign: &Assign) {
    let name = alloc::format!("{}:", assign.name);
    let target = assign.target.as_str();
    match (assign.binding, target, assign.directories.len()) {
        (Binding::Deferred, ..) => println!("{name:<10} <{target}>"),
        (Binding::Path, ..) => println!("{name:<10} [{target}]"),
        (Binding::Bound, "", 1) => println!("{name:<10} a directory of its own"),
        (Binding::Bound, "", count) => println!("{name:<10} {count} directories"),
        (Binding::Bound, ..) => println!("{name:<10} {target}"),
    }
}
