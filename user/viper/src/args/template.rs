//! Templates: which arguments a command takes.

use core::fmt;

/// Most arguments in a template.
pub const ITEMS_MAX: usize = 20;

/// How one argument is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Where its names (`NAME=ALIAS`) begin in the text of the template.
    start: usize,
    /// Where they end.
    end: usize,
    /// `/A`: it must be there.
    pub required: bool,
    /// `/K`: only with its name in front.
    pub keyword: bool,
    /// `/N`: a whole number.
    pub number: bool,
    /// What its value is.
    pub kind: Kind,
}

/// What the value of an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One word.
    One,
    /// `/S`: there or not.
    Switch,
    /// `/T`: ON or OFF.
    Toggle,
    /// `/M`: any number of words.
    Many,
    /// `/F`: the rest of the line.
    Rest,
}

/// A parsed template.
#[derive(Clone, Copy)]
pub struct Template {
    text: &'static str,
    items: [Item; ITEMS_MAX],
    count: usize,
}

impl fmt::Display for Template {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.text)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Template({:?})", self.text)
    }
}

impl Template {
    /// Parses a template when the program is built.
    ///
    /// # Panics
    ///
    /// (As a build error.) On an unknown or contradictory flag, on more than
    /// [`ITEMS_MAX`] items, and on a second `/M`.
    #[expect(
        clippy::indexing_slicing,
        reason = "runs at build time only, where a bad index is a build error"
    )]
    pub const fn parse(text: &'static str) -> Template {
        const EMPTY: Item = Item {
            start: 0,
            end: 0,
            required: false,
            keyword: false,
            number: false,
            kind: Kind::One,
        };
        let bytes = text.as_bytes();
        let mut template = Template {
            text,
            items: [EMPTY; ITEMS_MAX],
            count: 0,
        };
        let mut at = 0;
        let mut has_many = false;
        while at < bytes.len() {
            assert!(
                template.count < ITEMS_MAX,
                "too many arguments in a template"
            );
            let (item, next) = parse_item(bytes, at);
            if let Kind::Many = item.kind {
                assert!(!has_many, "a template may have only one /M");
                has_many = true;
            }
            template.items[template.count] = item;
            template.count += 1;
            at = next + 1;
        }
        template
    }

    /// The arguments in their order.
    pub(super) fn items(&self) -> &[Item] {
        self.items.get(..self.count).unwrap_or(&[])
    }

    /// The names of an argument: its own and its aliases.
    pub(super) fn names(&self, item: &Item) -> impl Iterator<Item = &'static str> + use<> {
        self.text.get(item.start..item.end).unwrap_or("").split('=')
    }

    /// The argument that `word` names, in any case.
    pub(super) fn find(&self, word: &str) -> Option<usize> {
        if word.is_empty() {
            return None;
        }
        self.items()
            .iter()
            .position(|item| self.names(item).any(|name| name.eq_ignore_ascii_case(word)))
    }

    /// All names of arguments, for completion.
    pub fn keywords(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.items().iter().flat_map(|item| self.names(item))
    }

    /// Number of the argument with this name, for keys.
    #[expect(
        clippy::indexing_slicing,
        reason = "runs at build time only, where a bad index is a build error"
    )]
    pub(super) const fn index(&self, name: &str) -> usize {
        let bytes = self.text.as_bytes();
        let wanted = name.as_bytes();
        let mut index = 0;
        while index < self.count {
            let item = self.items[index];
            let mut start = item.start;
            while start < item.end {
                let mut end = start;
                while end < item.end && bytes[end] != b'=' {
                    end += 1;
                }
                if same(bytes, start, end, wanted) {
                    return index;
                }
                start = end + 1;
            }
            index += 1;
        }
        panic!("the template has no argument of this name")
    }

    /// The argument with this number, for keys.
    #[expect(
        clippy::indexing_slicing,
        reason = "runs at build time only, where a bad index is a build error"
    )]
    pub(super) const fn item(&self, index: usize) -> Item {
        self.items[index]
    }
}

/// Parses one item from `start` on; it and the position of the comma after it.
#[expect(
    clippy::indexing_slicing,
    reason = "runs at build time only, where a bad index is a build error"
)]
const fn parse_item(bytes: &[u8], start: usize) -> (Item, usize) {
    let mut end = start;
    while end < bytes.len() && bytes[end] != b'/' && bytes[end] != b',' {
        end += 1;
    }
    let mut item = Item {
        start,
        end,
        required: false,
        keyword: false,
        number: false,
        kind: Kind::One,
    };
    let mut at = end;
    while at < bytes.len() && bytes[at] != b',' {
        assert!(bytes[at] == b'/', "a flag in a template begins with /");
        assert!(at + 1 < bytes.len(), "a template ends with /");
        match bytes[at + 1] {
            b'A' => item.required = true,
            b'K' => item.keyword = true,
            b'N' => item.number = true,
            b'S' => item.kind = only(item.kind, Kind::Switch),
            b'T' => item.kind = only(item.kind, Kind::Toggle),
            b'M' => item.kind = only(item.kind, Kind::Many),
            b'F' => item.kind = only(item.kind, Kind::Rest),
            _ => panic!("unknown flag in a template"),
        }
        at += 2;
    }
    (item, at)
}

/// Takes a kind where none was given before.
const fn only(before: Kind, kind: Kind) -> Kind {
    assert!(
        matches!(before, Kind::One),
        "two of /S /T /M /F exclude each other"
    );
    kind
}

/// Whether `bytes[start..end]` is `wanted`.
#[expect(
    clippy::indexing_slicing,
    reason = "runs at build time only, where a bad index is a build error"
)]
const fn same(bytes: &[u8], start: usize, end: usize, wanted: &[u8]) -> bool {
    if end - start != wanted.len() {
        return false;
    }
    let mut at = 0;
    while at < wanted.len() {
        if bytes[start + at] != wanted[at] {
            return false;
        }
        at += 1;
    }
    true
}
