//! `Cd` and `Path`: where the shell is, and where it looks for programs.

use alloc::string::ToString;

use viper::args::{Args, Many, Switch, Template, Text};
use viper::{Failure, env, fs, println};

use super::{Builtin, Ending, done};
use crate::session::Session;

const CD_TEMPLATE: Template = Template::parse("DIR");
const DIR: Text = CD_TEMPLATE.text("DIR");

/// The command `Cd`.
pub const CD: Builtin = Builtin {
    name: "Cd",
    template: CD_TEMPLATE,
    summary: "Changes the current directory, or shows it.",
    keeps_last: false,
    main: cd,
};

fn cd(_: &mut Session, args: &Args) -> Ending {
    match args.get(DIR) {
        Some(path) => env::set_current_dir(path)?,
        None => println!("{}", env::current_dir()),
    }
    done()
}

const PATH_TEMPLATE: Template = Template::parse("PATH/M,ADD/S,SHOW/S,RESET/S,REMOVE/S");
const PATHS: Many = PATH_TEMPLATE.many("PATH");
const SHOW: Switch = PATH_TEMPLATE.switch("SHOW");
const RESET: Switch = PATH_TEMPLATE.switch("RESET");
const REMOVE: Switch = PATH_TEMPLATE.switch("REMOVE");
const ADD: Switch = PATH_TEMPLATE.switch("ADD");

/// The command `Path`.
pub const PATH: Builtin = Builtin {
    name: "Path",
    template: PATH_TEMPLATE,
    summary: "Sets or shows where programs are looked for.",
    keeps_last: false,
    main: path,
};

fn path(session: &mut Session, args: &Args) -> Ending {
    let paths = args.get(PATHS);
    if args.get(REMOVE) && (args.get(ADD) || args.get(RESET)) {
        return Err(Failure::new(
            "REMOVE does not go together with ADD or RESET",
        ));
    }
    if args.get(RESET) {
        session.search_path.clear();
    }
    for path in paths {
        if args.get(REMOVE) {
            let full = fs::full_path(path)?.to_string();
            session
                .search_path
                .retain(|known| !known.eq_ignore_ascii_case(&full));
            continue;
        }
        let (_, full) = fs::open_directory(path)?;
        let full = full.to_string();
        if !session
            .search_path
            .iter()
            .any(|known| known.eq_ignore_ascii_case(&full))
        {
            session.search_path.push(full);
        }
    }
    if args.get(SHOW) || (paths.is_empty() && !args.get(RESET)) {
        println!("Current directory");
        session
            .search_path
            .iter()
            .for_each(|path| println!("{path}"));
        println!("C:");
    }
    done()
}
