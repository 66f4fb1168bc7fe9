//! Assigns: the names under which a process reaches directories.
//!
//! An assign binds a name such as `WORK:` to directory handles. The table comes
//! with the start of the process and belongs to it alone; what is not in it cannot
//! be reached. A name may stand for several directories: looking up goes through
//! them in order, making new things happens in the first.
//!
//! An assign need not be bound to directories at once: a *deferred* one is bound when it is
//! first used, a *path* is looked up anew each time ([`Binding`]).
//!
//! The current directory is kept beside the table: its full path as text, and a
//! handle of its own, so that relative paths work even where its assign was not
//! given to the process.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::startup::{EntryKind, Tag};
use rt::OwnedHandle;

use crate::path::{FullPath, PathError};
use crate::sync::Mutex;

/// A directory handle that several users hold.
pub type Directory = Arc<OwnedHandle>;

/// One name and what it stands for.
#[derive(Clone, Debug)]
pub struct Assign {
    /// The name without its colon, as it was first written.
    pub name: String,
    /// What was assigned, as text; empty where that is not known.
    pub target: String,
    /// The directories, in the order they are searched; none while it is not bound.
    pub directories: Vec<Directory>,
    /// When `target` is looked up.
    pub binding: Binding,
}

/// When it is looked up what an assign stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    /// It was when the assign was made: it has its directories.
    #[default]
    Bound,
    /// When it is first used; it is bound from then on.
    Deferred,
    /// Each time that it is used.
    Path,
}

/// Assigns that lead to each other, at most.
const DEPTH_MAX: u32 = 16;

/// Where an added directory goes in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Before all others.
    First,
    /// After all others.
    Last,
}

/// The namespace of a process.
#[derive(Clone, Debug, Default)]
pub struct Namespace {
    assigns: Vec<Assign>,
    current: Option<Current>,
}

/// The current directory.
#[derive(Clone, Debug)]
pub struct Current {
    /// Its full path.
    pub path: FullPath,
    /// Its handle; `None` where none was given.
    pub directory: Option<Directory>,
}

/// Where a path leads: directories to try in order, and what to look up in them.
#[derive(Clone, Debug)]
pub struct Place {
    /// The directories.
    pub directories: Vec<Directory>,
    /// The path below each of them; empty for the directory itself.
    pub below: String,
    /// The full path as text.
    pub full: FullPath,
}

impl Namespace {
    /// All assigns, in the order of their names.
    pub fn assigns(&self) -> &[Assign] {
        &self.assigns
    }

    /// The assign with this name, whatever its case.
    pub fn find(&self, name: &str) -> Option<&Assign> {
        self.assigns
            .iter()
            .find(|assign| assign.name.eq_ignore_ascii_case(name))
    }

    /// Binds a name to one set of directories; an old binding goes.
    pub fn set(&mut self, name: &str, target: &str, directories: Vec<Directory>) {
        self.put(name, target, directories, Binding::Bound);
    }

    /// Lets a name stand for a full path that is looked up later; an old binding goes.
    pub fn set_later(&mut self, name: &str, target: &str, binding: Binding) {
        self.put(name, target, Vec::new(), binding);
    }

    fn put(&mut self, name: &str, target: &str, directories: Vec<Directory>, binding: Binding) {
        self.remove(name);
        let at = self
            .assigns
            .partition_point(|assign| assign.name.to_ascii_uppercase() < name.to_ascii_uppercase());
        let assign = Assign {
            name: name.to_string(),
            target: target.to_string(),
            directories,
            binding,
        };
        self.assigns.insert(at, assign);
    }

    /// Adds a directory to a name; makes the name where it is new.
    pub fn add(&mut self, name: &str, target: &str, directory: Directory, position: Position) {
        let found = self
            .assigns
            .iter_mut()
            .find(|old| old.name.eq_ignore_ascii_case(name));
        let Some(assign) = found else {
            return self.set(name, target, alloc::vec![directory]);
        };
        match position {
            Position::First => {
                assign.directories.insert(0, directory);
                assign.target = alloc::format!("{target} + {}", assign.target);
            }
            Position::Last => {
                assign.directories.push(directory);
                assign.target = alloc::format!("{} + {target}", assign.target);
            }
        }
    }

    /// Forgets a name; whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.assigns.len();
        self.assigns
            .retain(|assign| !assign.name.eq_ignore_ascii_case(name));
        before != self.assigns.len()
    }

    /// The current directory; the root of `SYS:` where none was ever set.
    pub fn current(&self) -> Current {
        self.current.clone().unwrap_or_else(|| Current {
            path: FullPath::root("SYS"),
            directory: None,
        })
    }

    /// Changes the current directory.
    pub fn set_current(&mut self, current: Current) {
        self.current = Some(current);
    }

    /// Finds where a path leads.
    ///
    /// # Errors
    ///
    /// `NotFound` for an unknown assign or a step above the root; `BadName`, `NameTooLong`.
    pub fn locate(&self, text: &str) -> Result<Place, abi::Error> {
        let current = self.current();
        let mut full = FullPath::resolve(text, &current.path).map_err(|error| match error {
            PathError::AboveRoot => abi::Error::NotFound,
            PathError::BadName => abi::Error::BadName,
            PathError::NameTooLong => abi::Error::NameTooLong,
        })?;
        // A relative path that stays below goes through the handle of the current
        // directory, which keeps working when the directory is renamed.
        if !text.contains(':')
            && let Some(directory) = current.directory
            && let Some(below) = full.relative_to(&current.path)
        {
            return Ok(Place {
                directories: alloc::vec![directory],
                below,
                full,
            });
        }
        let assign = self.find(&full.assign).ok_or(abi::Error::NotFound)?;
        full.assign.clone_from(&assign.name);
        let directories = assign.directories.clone();
        Ok(Place {
            directories,
            below: full.below(),
            full,
        })
    }
}

/// The namespace of this process; `None` until it is first used.
static NAMESPACE: Mutex<Option<Namespace>> = Mutex::new(None);

/// Works with the namespace of this process.
pub fn with<T>(work: impl FnOnce(&mut Namespace) -> T) -> T {
    work(NAMESPACE.lock().get_or_insert_with(from_startup))
}

/// Finds where a path leads in the namespace of this process; looks up an assign that is
/// not bound, and binds a deferred one.
///
/// # Errors
///
/// As [`Namespace::locate`]; `TooManyLinks` where assigns lead to each other for ever.
pub fn locate(text: &str) -> Result<Place, abi::Error> {
    locate_within(text, DEPTH_MAX)
}

fn locate_within(text: &str, depth: u32) -> Result<Place, abi::Error> {
    let (mut place, unbound) = with(|namespace| {
        let place = namespace.locate(text)?;
        let assign = namespace.find(&place.full.assign);
        let unbound = assign
            .filter(|assign| place.directories.is_empty() && assign.binding != Binding::Bound)
            .map(|assign| (assign.name.clone(), assign.target.clone(), assign.binding));
        Ok::<_, abi::Error>((place, unbound))
    })?;
    let Some((name, target, binding)) = unbound else {
        return Ok(place);
    };
    let depth = depth.checked_sub(1).ok_or(abi::Error::TooManyLinks)?;
    // Without the lock: the target may lie in another assign of this kind.
    let directory = Arc::new(open(&locate_within(&target, depth)?)?);
    if binding == Binding::Deferred {
        with(|namespace| namespace.set(&name, &target, alloc::vec![Arc::clone(&directory)]));
    }
    place.directories = alloc::vec![directory];
    Ok(place)
}

/// Opens the directory that a path leads to.
fn open(place: &Place) -> Result<OwnedHandle, abi::Error> {
    let mut result = Err(abi::Error::NotFound);
    for directory in &place.directories {
        result = crate::fs::open_below(directory.get(), &place.below);
        if !matches!(result, Err(abi::Error::NotFound)) {
            break;
        }
    }
    result
}

/// Reads the namespace the parent handed over.
fn from_startup() -> Namespace {
    let mut namespace = Namespace::default();
    let Some(startup) = rt::startup::get() else {
        return namespace;
    };
    for (index, text) in (0u32..).zip(startup.texts(EntryKind::Assign)) {
        let (name, target) = text.split_once('=').unwrap_or((text, ""));
        let directories: Vec<_> = startup
            .handles()
            .iter()
            .filter(|row| row.tag == Tag::Assign as u32 && row.index == index)
            .map(|row| Arc::new(OwnedHandle::new(row.handle)))
            .collect();
        match name.strip_suffix(':') {
            Some(name) => namespace.set_later(name, target, Binding::Path),
            None if directories.is_empty() && !target.is_empty() => {
                namespace.set_later(name, target, Binding::Deferred);
            }
            None => namespace.set(name, target, directories),
        }
    }
    if let Some(text) = startup.texts(EntryKind::CurrentDirectory).next()
        && let Ok(path) = FullPath::resolve(text, &FullPath::root("SYS"))
    {
        let handle = startup.handle(Tag::CurrentDirectory);
        let directory = handle.map(|handle| Arc::new(OwnedHandle::new(handle)));
        namespace.set_current(Current { path, directory });
    }
    namespace
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use abi::Handle;

    fn directory(number: u64) -> Directory {
        Arc::new(OwnedHandle::new(Handle(number)))
    }

    fn numbers(place: &Place) -> Vec<u64> {
        place
            .directories
            .iter()
            .map(|directory| directory.get().0)
            .collect()
    }

    fn sample() -> Namespace {
        let mut namespace = Namespace::default();
        namespace.set("SYS", "", alloc::vec![directory(1)]);
        namespace.set("WORK", "", alloc::vec![directory(2)]);
        namespace.set("C", "SYS:C", alloc::vec![directory(3)]);
        namespace
    }

    #[test]
    fn names_match_in_any_case_and_show_as_first_written() {
        let place = sample().locate("work:a").unwrap();
        assert_eq!(
            (numbers(&place), place.below.as_str()),
            (alloc::vec![2], "a")
        );
        assert_eq!(place.full.to_string(), "WORK:a");
        assert_eq!(sample().locate("NONE:a").unwrap_err(), abi::Error::NotFound);
    }

    #[test]
    fn directories_are_searched_in_order() {
        let mut namespace = sample();
        namespace.add("C", "WORK:bin", directory(4), Position::Last);
        namespace.add("c", "WORK:new", directory(5), Position::First);
        assert_eq!(numbers(&namespace.locate("C:Dir").unwrap()), [5, 3, 4]);
        assert_eq!(
            namespace.find("C").unwrap().target,
            "WORK:new + SYS:C + WORK:bin"
        );
        assert!(namespace.remove("c"));
        assert!(!namespace.remove("c"));
    }

    #[test]
    fn what_is_not_bound_has_no_directories_until_it_is_used() {
        let mut namespace = sample();
        namespace.set_later("L", "SYS:L", Binding::Deferred);
        let place = namespace.locate("l:a").unwrap();
        assert!(place.directories.is_empty());
        assert_eq!(
            (place.below.as_str(), place.full.assign.as_str()),
            ("a", "L")
        );
        namespace.set("L", "SYS:L", alloc::vec![directory(8)]);
        assert_eq!(namespace.find("L").unwrap().binding, Binding::Bound);
        assert_eq!(numbers(&namespace.locate("L:a").unwrap()), [8]);
    }

    #[test]
    fn the_current_directory_is_reached_through_its_own_handle() {
        let mut namespace = sample();
        let path = FullPath {
            assign: "WORK".into(),
            names: ["notes".into()].into(),
        };
        namespace.set_current(Current {
            path,
            directory: Some(directory(9)),
        });
        let inside = namespace.locate("today").unwrap();
        assert_eq!(
            (numbers(&inside), inside.below.as_str()),
            (alloc::vec![9], "today")
        );
        let outside = namespace.locate("/today").unwrap();
        assert_eq!(
            (numbers(&outside), outside.below.as_str()),
            (alloc::vec![2], "today")
        );
        assert_eq!(namespace.locate("//").unwrap_err(), abi::Error::NotFound);
    }
}
