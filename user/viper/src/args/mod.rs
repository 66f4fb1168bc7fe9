//! Argument templates in the manner of AmigaDOS, checked when a program is built.
//!
//! A template such as `"FROM/A/M,TO/K,ALL/S"` lists the arguments of a command.
//! [`Template::parse`] is a `const fn`: a malformed template does not compile. A
//! typed key ([`Switch`], [`Text`], …), also made at build time, picks an argument
//! out of what was read:
//!
//! ```
//! use viper::args::{Switch, Template, Text};
//! const TEMPLATE: Template = Template::parse("DIR,ALL/S");
//! const DIR: Text = TEMPLATE.text("DIR");
//! const ALL: Switch = TEMPLATE.switch("ALL");
//! let args = TEMPLATE.read(&viper::words::split("WORK: all").unwrap()).unwrap();
//! assert_eq!((args.get(DIR), args.get(ALL)), (Some("WORK:"), true));
//! ```

mod key;
mod read;
mod template;

pub use key::{Key, Many, Number, Required, Switch, Text};
pub use read::{Args, ArgsError};
pub use template::{ITEMS_MAX, Template};
