//! Typed keys: picking an argument out of what was read.

use alloc::string::String;

use super::read::Args;
use super::template::{Kind, Template};

/// Something that picks an argument.
pub trait Key {
    /// The type of its value.
    type Value<'a>;

    /// The value in `args`.
    fn of(self, args: &Args) -> Self::Value<'_>;
}

/// Defines one kind of key, and the function of [`Template`] that makes it.
macro_rules! key {
    (
        $(#[doc = $doc:literal])+
        $name:ident, $function:ident, $(#[doc = $function_doc:literal])+ $fits:expr, $refusal:literal
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug)]
        pub struct $name(usize);

        impl Template {
            $(#[doc = $function_doc])+
            ///
            /// # Panics
            ///
            /// (As a build error.) Where there is none, or it is of another kind.
            pub const fn $function(&self, name: &str) -> $name {
                let index = self.index(name);
                let item = self.item(index);
                let (kind, required, number) = (item.kind, item.required, item.number);
                let fits: bool = $fits(kind, required, number);
                assert!(fits, $refusal);
                $name(index)
            }
        }
    };
}

const fn is_switch(kind: Kind, _: bool, _: bool) -> bool {
    matches!(kind, Kind::Switch | Kind::Toggle)
}

const fn is_text(kind: Kind, required: bool, number: bool) -> bool {
    matches!(kind, Kind::One | Kind::Rest) && !required && !number
}

const fn is_required(kind: Kind, required: bool, number: bool) -> bool {
    matches!(kind, Kind::One | Kind::Rest) && required && !number
}

const fn is_number(kind: Kind, _: bool, number: bool) -> bool {
    matches!(kind, Kind::One) && number
}

const fn is_many(kind: Kind, _: bool, _: bool) -> bool {
    matches!(kind, Kind::Many)
}

key!(
    /// An argument that is there or not (`/S`), or on or off (`/T`).
    Switch, switch,
    /// Key of the `/S` or `/T` argument with this name.
    is_switch, "the argument is no /S or /T"
);
key!(
    /// An argument that is one text, if it is there.
    Text, text,
    /// Key of the one-word or `/F` argument with this name, that is not `/A`.
    is_text, "the argument is no optional text"
);
key!(
    /// An argument that is one text and always there (`/A`).
    Required, required,
    /// Key of the one-word `/A` argument with this name.
    is_required, "the argument is no required text"
);
key!(
    /// An argument that is a whole number, if it is there (`/N`).
    Number, number,
    /// Key of the `/N` argument with this name.
    is_number, "the argument is no number"
);
key!(
    /// An argument that is any number of texts (`/M`).
    Many, many,
    /// Key of the `/M` argument with this name.
    is_many, "the argument is no /M"
);

impl Key for Switch {
    type Value<'a> = bool;

    fn of(self, args: &Args) -> bool {
        args.is_on(self.0)
    }
}

impl Key for Text {
    type Value<'a> = Option<&'a str>;

    fn of(self, args: &Args) -> Option<&str> {
        args.texts(self.0).first().map(String::as_str)
    }
}

impl Key for Required {
    type Value<'a> = &'a str;

    fn of(self, args: &Args) -> &str {
        // Reading has made sure that it is there.
        args.texts(self.0).first().map_or("", String::as_str)
    }
}

impl Key for Number {
    type Value<'a> = Option<i64>;

    fn of(self, args: &Args) -> Option<i64> {
        // Reading has made sure that it is a number.
        args.texts(self.0).first()?.parse().ok()
    }
}

impl Key for Many {
    type Value<'a> = &'a [String];

    fn of(self, args: &Args) -> &[String] {
        args.texts(self.0)
    }
}
