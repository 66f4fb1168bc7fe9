//! All that a program gets where somebody chose it: `Run WITH …`.
//!
//! Behind `WITH` stand, in any order, before the command:
//!
//! - `NAME:=path`, a directory under a name of its own; `NAME:`, what the name stands for
//!   here; `READONLY` behind either: nothing can be changed through it;
//! - `LIMIT what=number`, such as `LIMIT pages=500`: a limit for the program and all it starts;
//! - `CLOCK`, `RANDOM`, `STATISTICS`: the right to ask for these.
//!
//! The program has its three streams, too, and nothing else: no other assign, no variable,
//! no terminal to control. Its current directory is the first one named.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::Rights;
use abi::job::JobResource;
use abi::startup::Tag;
use rt::OwnedHandle;
use viper::assign::{Current, Directory, Namespace};
use viper::path::FullPath;
use viper::process::{Child, Command, Grant, Job};
use viper::words::Word;
use viper::{Failure, fs};

/// A directory that the program gets.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Chosen {
    /// Its name there, without the colon.
    name: String,
    /// The path here.
    path: String,
    is_read_only: bool,
}

/// What a program gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confinement {
    directories: Vec<Chosen>,
    limits: Vec<(JobResource, u64)>,
    grants: Vec<(&'static str, u32)>,
}

/// What can be limited, by name.
const RESOURCES: [(&str, JobResource); 6] = [
    ("PAGES", JobResource::Pages),
    ("HANDLES", JobResource::Handles),
    ("THREADS", JobResource::Threads),
    ("PROCESSES", JobResource::Processes),
    ("KERNELBYTES", JobResource::KernelBytes),
    ("CPUSHARE", JobResource::CpuShare),
];

/// What can be granted, by name, with the right to use it.
const GRANTS: [(&str, Tag, Rights); 3] = [
    ("CLOCK", Tag::Clock, Rights::READ),
    ("RANDOM", Tag::Entropy, Rights::READ),
    ("STATISTICS", Tag::System, Rights::INSPECT),
];

impl Confinement {
    /// Reads what stands behind `WITH`; also how many words that is, the command follows.
    ///
    /// # Errors
    ///
    /// A sentence about a word that is wrong.
    pub fn read(words: &[Word]) -> Result<(Confinement, usize), Failure> {
        let mut all = Confinement::default();
        let mut rest = words.iter().enumerate();
        while let Some((index, word)) = rest.next() {
            let text = word.text.as_str();
            if word.quoted {
                return Ok((all, index));
            } else if let Some(chosen) = Chosen::read(text) {
                all.directories.push(chosen);
            } else if text.eq_ignore_ascii_case("READONLY") {
                let last = all.directories.last_mut();
                last.ok_or_else(|| Failure::new("READONLY stands behind the name it is for"))?
                    .is_read_only = true;
            } else if text.eq_ignore_ascii_case("LIMIT") {
                let limit = rest.next().map_or("", |(_, word)| word.text.as_str());
                all.limits.push(read_limit(limit)?);
            } else if let Some((name, tag, _)) = find_grant(text) {
                all.grants.push((name, tag as u32));
            } else {
                return Ok((all, index));
            }
        }
        Ok((all, words.len()))
    }

    /// Starts a program with this and its streams.
    ///
    /// # Errors
    ///
    /// Those of opening the directories and of starting, with the path.
    pub fn start(&self, command: Command, file: &OwnedHandle) -> fs::Result<Child> {
        let mut command = command
            .confined()
            .variables(Vec::new())
            .namespace(self.namespace()?);
        for (_, tag, rights) in GRANTS {
            let is_chosen = self.grants.iter().any(|(_, chosen)| *chosen == tag as u32);
            if let Some(handle) = rt::startup::handle(tag).filter(|_| is_chosen) {
                let grant = Grant {
                    tag,
                    handle,
                    rights,
                };
                command = command.grant(grant);
            }
        }
        let job = self.job().map_err(|cause| fs::Error::new("LIMIT", cause))?;
        if let Some(job) = &job {
            command = command.job(job);
        }
        command.spawn_file(file)
    }

    /// A job with the limits, where there are any.
    fn job(&self) -> viper::io::Result<Option<Job>> {
        if self.limits.is_empty() {
            return Ok(None);
        }
        let job = Job::new()?;
        for (resource, limit) in &self.limits {
            job.set_limit(*resource, *limit)?;
        }
        Ok(Some(job))
    }

    fn namespace(&self) -> fs::Result<Namespace> {
        let mut namespace = Namespace::default();
        for chosen in &self.directories {
            let directory: Directory = Arc::new(chosen.open()?);
            namespace.set(&chosen.name, "", alloc::vec![Arc::clone(&directory)]);
            if namespace.assigns().len() == 1 {
                namespace.set_current(Current {
                    path: FullPath::root(&chosen.name),
                    directory: Some(directory),
                });
            }
        }
        Ok(namespace)
    }
}

impl Chosen {
    /// Reads `NAME:=path` or `NAME:`.
    fn read(text: &str) -> Option<Chosen> {
        let (name, path) = match text.split_once(":=") {
            Some((name, path)) if !path.is_empty() => (name, path.to_string()),
            Some(_) => return None,
            None => {
                let name = text.strip_suffix(':')?;
                (name, text.to_string())
            }
        };
        let is_name = !name.is_empty() && !name.contains([':', '/']);
        is_name.then(|| Chosen {
            name: name.to_string(),
            path,
            is_read_only: false,
        })
    }

    /// The directory, with the rights it is given with.
    fn open(&self) -> fs::Result<OwnedHandle> {
        let (directory, _) = fs::open_directory(&self.path)?;
        if !self.is_read_only {
            return Ok(directory);
        }
        let narrow = || {
            let rights = rt::handle::info(directory.get())?.rights();
            let less = rights.intersection(Rights::DIRECTORY_READ_ONLY);
            rt::handle::duplicate(directory.get(), less)
        };
        narrow().map_err(|cause| fs::Error::new(&self.path, cause))
    }
}

fn find_grant(text: &str) -> Option<(&'static str, Tag, Rights)> {
    GRANTS
        .into_iter()
        .find(|(name, ..)| name.eq_ignore_ascii_case(text))
}

/// Reads `what=number`.
fn read_limit(text: &str) -> Result<(JobResource, u64), Failure> {
    let wrong = || {
        let names: Vec<_> = RESOURCES.iter().map(|(name, _)| *name).collect();
        Failure::new(format!(
            "LIMIT is followed by NAME=NUMBER and not by \"{text}\"; names are {}",
            names.join(", ")
        ))
    };
    let (name, number) = text.split_once('=').ok_or_else(wrong)?;
    let known = RESOURCES
        .into_iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    let (_, resource) = known.ok_or_else(wrong)?;
    Ok((resource, number.parse().map_err(|_| wrong())?))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    fn read(text: &str) -> Result<(Confinement, usize), String> {
        let words: Vec<_> = text.split(' ').map(Word::plain).collect();
        Confinement::read(&words).map_err(|failure| failure.text)
    }

    #[test]
    fn items_end_where_the_command_begins() {
        let (all, count) =
            read("DATA:=WORK:photos READONLY T: LIMIT pages=50 clock Viewer x:").unwrap();
        assert_eq!(count, 6);
        let chosen = |name: &str, path: &str, is_read_only| Chosen {
            name: name.into(),
            path: path.into(),
            is_read_only,
        };
        let wanted = [
            chosen("DATA", "WORK:photos", true),
            chosen("T", "T:", false),
        ];
        assert_eq!(all.directories, wanted);
        assert_eq!(all.limits, [(JobResource::Pages, 50)]);
        assert_eq!(all.grants, [("CLOCK", Tag::Clock as u32)]);
        assert_eq!(read("Dir DATA:").unwrap(), (Confinement::default(), 0));
        // A path is a command.
        assert_eq!(read("SYS:C/Dir").unwrap().1, 0);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for text in [
            "READONLY Dir",
            "LIMIT",
            "LIMIT apples=3 Dir",
            "LIMIT pages=x Dir",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
