//! Variables: setting, listing, forgetting.

use viper::args::{Args, Required, Template, Text};
use viper::{Failure, env, println};

use super::{Builtin, Ending, done};
use crate::session::Session;

const SET_TEMPLATE: Template = Template::parse("NAME,STRING/F");
const NAME: Text = SET_TEMPLATE.text("NAME");
const STRING: Text = SET_TEMPLATE.text("STRING");

/// The command `Set`.
pub const SET: Builtin = Builtin {
    name: "Set",
    template: SET_TEMPLATE,
    summary: "Sets a variable, or shows variables.",
    keeps_last: false,
    main: set,
};

fn set(_: &mut Session, args: &Args) -> Ending {
    let Some(name) = args.get(NAME) else {
        let mut all = env::vars();
        all.sort();
        all.iter()
            .for_each(|(name, value)| println!("{name:<16} {value}"));
        return done();
    };
    if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return Err(Failure::new(alloc::format!(
            "{name} is no variable name: letters, digits and _ only"
        )));
    }
    match args.get(STRING) {
        Some(value) => env::set_var(name, value),
        None => match env::var(name) {
            Some(value) => println!("{value}"),
            None => return Err(no_variable(name)),
        },
    }
    done()
}

const UNSET_TEMPLATE: Template = Template::parse("NAME/A");
const UNSET_NAME: Required = UNSET_TEMPLATE.required("NAME");

/// The command `Unset`.
pub const UNSET: Builtin = Builtin {
    name: "Unset",
    template: UNSET_TEMPLATE,
    summary: "Forgets a variable.",
    keeps_last: false,
    main: unset,
};

fn unset(_: &mut Session, args: &Args) -> Ending {
    let name = args.get(UNSET_NAME);
    match env::remove_var(name) {
        true => done(),
        false => Err(no_variable(name)),
    }
}

fn no_variable(name: &str) -> Failure {
    Failure::new(alloc::format!("there is no variable {name}"))
}
