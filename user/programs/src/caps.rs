//! `Caps`: what a program started from this shell is allowed.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use abi::handle::HandleInfo;
use abi::startup::Tag;
use abi::{Handle, ObjectKind, Rights};
use viper::args::{Args, Switch, Template};
use viper::{Failure, Outcome, Program, Rc, assign, println};

const TEMPLATE: Template = Template::parse("HANDLES/S,TREE/S");
const HANDLES: Switch = TEMPLATE.switch("HANDLES");
const TREE: Switch = TEMPLATE.switch("TREE");

/// The command `Caps`.
pub const PROGRAM: Program = Program {
    name: "Caps",
    template: TEMPLATE,
    summary: "Shows what programs may reach, and with which rights.",
    help: "A program reaches only what it was given. Caps shows what it was given itself, which \
           is what every ordinary command gets from this shell. HANDLES shows the bare handles, TREE \
           which are copies, and of which place among copies: whoever holds that one, or one \
           above it, can take them back.",
    main,
};

/// Handles a program may be given, with what they are for.
const TAGS: [(Tag, &str); 10] = [
    (Tag::OwnProcess, "itself"),
    (Tag::Stdin, "input"),
    (Tag::Stdout, "output"),
    (Tag::Stderr, "errors"),
    (Tag::Terminal, "terminal"),
    (Tag::Clock, "clock"),
    (Tag::System, "statistics"),
    (Tag::Entropy, "random bytes"),
    (Tag::Log, "kernel log"),
    (Tag::Power, "power switch"),
];

fn main(args: &Args) -> Outcome {
    if args.get(HANDLES) {
        return list_handles();
    }
    if args.get(TREE) {
        return show_tree();
    }
    for (tag, name) in TAGS {
        match rt::startup::handle(tag) {
            Some(handle) => line(name, handle),
            None => println!("{name:<14} not given"),
        }
    }
    let assigns = assign::with(|namespace| namespace.assigns().to_vec());
    for assign in assigns {
        for directory in &assign.directories {
            line(&alloc::format!("{}:", assign.name), directory.get());
        }
    }
    Ok(Rc::OK)
}

fn line(name: &str, handle: Handle) {
    match rt::handle::info(handle) {
        Ok(info) => println!("{name:<14} {}", rights(info.rights())),
        Err(error) => println!("{name:<14} {error}"),
    }
}

/// The words for a set of rights.
fn rights(rights: Rights) -> String {
    let mut words = String::new();
    for (name, _) in rights.iter_names() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(&name.to_lowercase());
    }
    words
}

/// Every handle of this process.
fn own_handles() -> Result<Vec<HandleInfo>, Failure> {
    let own = rt::startup::handle(Tag::OwnProcess).ok_or_else(|| Failure::not_given("itself"))?;
    let mut rows = vec![HandleInfo::default(); 64];
    loop {
        let total = rt::handle::list(own, &mut rows)?;
        if total <= rows.len() {
            rows.truncate(total);
            return Ok(rows);
        }
        rows.resize(total.saturating_add(16), HandleInfo::default());
    }
}

/// Shows which handles are copies of which, as far as both are here.
fn show_tree() -> Outcome {
    let mut rows = own_handles()?;
    rows.sort_by_key(|row| (row.parent, row.derivation));
    for row in rows {
        let kind = ObjectKind::from_code(row.kind).map_or("?", ObjectKind::name);
        let place = match (row.derivation, row.parent) {
            (0, _) => String::from("never copied"),
            (own, 0) => alloc::format!("place {own}"),
            (own, parent) => alloc::format!("place {own}, copy of {parent}"),
        };
        println!(
            "{kind:<10} #{:<5} {place:<26} {}",
            row.object,
            rights(row.rights())
        );
    }
    Ok(Rc::OK)
}

/// Lists every handle of this process.
fn list_handles() -> Outcome {
    for row in own_handles()? {
        let kind = ObjectKind::from_code(row.kind).map_or("?", ObjectKind::name);
        println!(
            "{:#018x} {kind:<10} #{:<5} {}",
            row.handle.0,
            row.object,
            rights(row.rights())
        );
    }
    Ok(Rc::OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_words() {
        assert_eq!(rights(Rights::READ | Rights::LOOKUP), "read lookup");
        assert_eq!(rights(Rights::empty()), "");
    }
}
