//! A program to be started, and everything it is given.
//!
//! A new process has nothing but what is listed here: its three streams, the
//! assigns, the current directory, and grants. The default grants are reading the
//! wall clock, the statistics and random bytes, and a terminal that cannot be
//! reconfigured; everything beyond is added by [`Command::grant`].

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use abi::process::SpawnHandle;
use abi::startup::{EntryKind, Tag};
use abi::{Handle, Rights};
use rt::OwnedHandle;

use super::startup_blob::StartupBlob;
use super::{Child, Job};
use crate::assign::{self, Binding, Namespace};
use crate::words::{self, Word};
use crate::{env, fs};

/// Where a stream of a new process leads.
#[derive(Debug, Default)]
pub enum Stdio {
    /// Where the parent's leads.
    #[default]
    Inherit,
    /// Nowhere.
    Nil,
    /// To this file or other stream, which the new process takes over.
    Stream(OwnedHandle),
}

/// A handle given to a new process beside the usual ones.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// What it is for.
    pub tag: Tag,
    /// Which of the parent's handles.
    pub handle: Handle,
    /// The rights given; those the parent does not have are left out.
    pub rights: Rights,
}

/// A program to be started.
#[derive(Debug)]
pub struct Command {
    program: String,
    name: String,
    words: Vec<Word>,
    variables: Option<Vec<(String, String)>>,
    namespace: Option<Namespace>,
    streams: [Stdio; 3],
    descriptors: Vec<(u32, OwnedHandle)>,
    grants: Vec<Grant>,
    is_confined: bool,
    job: Handle,
}

/// Rights passed on with a stream.
const STREAM_RIGHTS: Rights = Rights::READ
    .union(Rights::WRITE)
    .union(Rights::WAIT)
    .union(Rights::INSPECT)
    .union(Rights::DUPLICATE)
    .union(Rights::TRANSFER);

/// What every process gets where its parent has it, and with which rights.
const USUAL: [(Tag, Rights); 4] = [
    (Tag::Terminal, STREAM_RIGHTS),
    (Tag::Clock, PASSED_ON.union(Rights::READ)),
    (Tag::System, PASSED_ON.union(Rights::INSPECT)),
    (Tag::Entropy, PASSED_ON.union(Rights::READ)),
];

/// Rights that let a process pass a handle on to its own children.
const PASSED_ON: Rights = Rights::DUPLICATE.union(Rights::TRANSFER);

/// The streams in the order of [`Command::streams`], with the right each needs.
const STREAM_TAGS: [Tag; 3] = [Tag::Stdin, Tag::Stdout, Tag::Stderr];

impl Command {
    /// The program in a file, such as `C:Dir`.
    pub fn new(program: &str) -> Command {
        let (_, name) = crate::path::split_last(program);
        Command {
            program: program.to_string(),
            name: name.to_string(),
            words: Vec::new(),
            variables: None,
            namespace: None,
            streams: [Stdio::Inherit, Stdio::Inherit, Stdio::Inherit],
            descriptors: Vec::new(),
            grants: Vec::new(),
            is_confined: false,
            job: Handle::NONE,
        }
    }

    /// The name it is started under.
    #[must_use]
    pub fn name(mut self, name: &str) -> Command {
        self.name = name.to_string();
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, text: &str) -> Command {
        self.words.push(Word {
            text: text.to_string(),
            quoted: false,
        });
        self
    }

    /// Adds arguments, with the knowledge of which were quoted.
    #[must_use]
    pub fn words(mut self, words: &[Word]) -> Command {
        self.words.extend_from_slice(words);
        self
    }

    /// Sets all variables; without it, it gets a copy of this process's.
    #[must_use]
    pub fn variables(mut self, variables: Vec<(String, String)>) -> Command {
        self.variables = Some(variables);
        self
    }

    /// Sets assigns and current directory; without it, it gets this process's.
    #[must_use]
    pub fn namespace(mut self, namespace: Namespace) -> Command {
        self.namespace = Some(namespace);
        self
    }

    /// Where it reads its input from.
    #[must_use]
    pub fn stdin(mut self, stream: Stdio) -> Command {
        self.streams[0] = stream;
        self
    }

    /// Where it writes its output to.
    #[must_use]
    pub fn stdout(mut self, stream: Stdio) -> Command {
        self.streams[1] = stream;
        self
    }

    /// Where it writes its complaints to.
    #[must_use]
    pub fn stderr(mut self, stream: Stdio) -> Command {
        self.streams[2] = stream;
        self
    }

    /// Gives it a stream under a descriptor's number: 0 to 2 are its input, its output and
    /// its complaints; see [`crate::descriptor::Table::stream`].
    #[must_use]
    pub fn descriptor(mut self, number: u32, stream: OwnedHandle) -> Command {
        let place = usize::try_from(number).ok();
        match place.and_then(|place| self.streams.get_mut(place)) {
            Some(place) => *place = Stdio::Stream(stream),
            None => self.descriptors.push((number, stream)),
        }
        self
    }

    /// Gives it one more handle; one with the same tag as a usual one replaces that.
    #[must_use]
    pub fn grant(mut self, grant: Grant) -> Command {
        self.grants.push(grant);
        self
    }

    /// Leaves out the usual grants (streams, assigns and [`Command::grant`] stay).
    #[must_use]
    pub fn confined(mut self) -> Command {
        self.is_confined = true;
        self
    }

    /// Starts it in this job; without it, it gets this process's.
    #[must_use]
    pub fn job(mut self, job: &Job) -> Command {
        self.job = job.handle();
        self
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// `NotFound`, `NotExecutable`, … with the path of the program.
    pub fn spawn(self) -> fs::Result<Child> {
        let _ = crate::io::flush_all();
        let file = fs::open_program(&self.program)?;
        self.spawn_file(&file)
    }

    /// Starts the program in an open file.
    ///
    /// # Errors
    ///
    /// `NotExecutable`, `LimitReached`, … with the path of the program.
    pub fn spawn_file(mut self, file: &OwnedHandle) -> fs::Result<Child> {
        self.pack()
            .and_then(|package| package.spawn(file, &self.name, self.job))
            .map_err(|cause| fs::Error::new(&self.program, cause))
    }

    /// Runs the program in this process, in place of the one that runs now, which keeps
    /// nothing; the name and the job stay.
    ///
    /// # Errors
    ///
    /// Always one, for it returns only then: `NotFound`, `NotExecutable`, `BadState` where
    /// this process has other threads, … with the path of the program.
    pub fn exec(mut self) -> fs::Error {
        let _ = crate::io::flush_all();
        let file = match fs::open_program(&self.program) {
            Ok(file) => file,
            Err(error) => return error,
        };
        let cause = match self.pack() {
            Ok(package) => package.exec(&file),
            Err(error) => error,
        };
        fs::Error::new(&self.program, cause)
    }

    /// All that the program is given.
    fn pack(&mut self) -> Result<Package, abi::Error> {
        let namespace = match self.namespace.take() {
            Some(namespace) => namespace,
            None => assign::with(|namespace| namespace.clone()),
        };
        let mut package = Package::default();
        self.put_words(&mut package)?;
        put_namespace(&mut package, &namespace)?;
        package.namespace = namespace;
        self.put_streams(&mut package)?;
        self.put_grants(&mut package)?;
        Ok(package)
    }

    /// Arguments and variables.
    fn put_words(&self, package: &mut Package) -> Result<(), abi::Error> {
        package.blob.push(EntryKind::Argument, &self.name)?;
        for word in &self.words {
            package.blob.push(EntryKind::Argument, &word.text)?;
        }
        package
            .blob
            .push(EntryKind::CommandLine, &words::join(&self.words))?;
        let variables = self.variables.clone().unwrap_or_else(env::vars);
        for (name, value) in variables {
            package
                .blob
                .push(EntryKind::Variable, &alloc::format!("{name}={value}"))?;
        }
        Ok(())
    }

    fn put_streams(&mut self, package: &mut Package) -> Result<(), abi::Error> {
        for (tag, stream) in STREAM_TAGS.iter().zip(&mut self.streams) {
            match core::mem::take(stream) {
                Stdio::Nil => {}
                Stdio::Stream(handle) => package.give(*tag, 0, handle)?,
                Stdio::Inherit => {
                    if let Some(own) = rt::startup::handle(*tag) {
                        package.share(*tag, own, STREAM_RIGHTS)?;
                    }
                }
            }
        }
        for (number, stream) in core::mem::take(&mut self.descriptors) {
            package.give(Tag::Descriptor, number, stream)?;
        }
        Ok(())
    }

    fn put_grants(&self, package: &mut Package) -> Result<(), abi::Error> {
        for grant in &self.grants {
            package.share(grant.tag, grant.handle, grant.rights)?;
        }
        let is_granted = |tag| {
            self.grants
                .iter()
                .any(|grant| grant.tag as u32 == tag as u32)
        };
        for (tag, rights) in USUAL {
            if self.is_confined || is_granted(tag) {
                continue;
            }
            if let Some(own) = rt::startup::handle(tag) {
                package.share(tag, own, rights)?;
            }
        }
        Ok(())
    }
}

/// Assigns and current directory.
fn put_namespace(package: &mut Package, namespace: &Namespace) -> Result<(), abi::Error> {
    for (index, assign) in (0u32..).zip(namespace.assigns()) {
        // The colon says that it is looked up each time; without handles it is deferred.
        let colon = match assign.binding {
            Binding::Path => ":",
            Binding::Bound | Binding::Deferred => "",
        };
        let entry = match assign.target.is_empty() {
            true => assign.name.clone(),
            false => alloc::format!("{}{colon}={}", assign.name, assign.target),
        };
        package.blob.push(EntryKind::Assign, &entry)?;
        for directory in &assign.directories {
            package.copy(Tag::Assign, index, directory.get(), Rights::all())?;
        }
    }
    let current = namespace.current();
    package
        .blob
        .push(EntryKind::CurrentDirectory, &current.path.to_string())?;
    match &current.directory {
        Some(directory) => package.copy(Tag::CurrentDirectory, 0, directory.get(), Rights::all()),
        None => Ok(()),
    }
}

/// What a new process is given, as the kernel takes it.
#[derive(Debug, Default)]
struct Package {
    blob: StartupBlob,
    rows: Vec<SpawnHandle>,
    /// Handles that leave this process when the new one starts, and are closed if it
    /// does not.
    moved: Vec<OwnedHandle>,
    /// Keeps the directories open until then.
    namespace: Namespace,
}

impl Package {
    /// Gives a copy, with those of `rights` that the handle has.
    fn copy(
        &mut self,
        tag: Tag,
        index: u32,
        handle: Handle,
        rights: Rights,
    ) -> Result<(), abi::Error> {
        let rights = rt::handle::info(handle)?.rights().intersection(rights);
        let rights = rights.bits();
        self.rows.push(SpawnHandle {
            handle,
            rights,
            tag: tag as u32,
            index,
            moved: 0,
        });
        Ok(())
    }

    /// Gives a copy of a handle that may be missing the right to be given away.
    fn share(&mut self, tag: Tag, handle: Handle, rights: Rights) -> Result<(), abi::Error> {
        let held = rt::handle::info(handle)?.rights();
        if !held.contains(PASSED_ON) {
            return Ok(());
        }
        self.copy(tag, 0, handle, rights)
    }

    /// Gives the handle itself.
    fn give(&mut self, tag: Tag, index: u32, handle: OwnedHandle) -> Result<(), abi::Error> {
        let rights = rt::handle::info(handle.get())?.rights().bits();
        let row = SpawnHandle {
            handle: handle.get(),
            rights,
            tag: tag as u32,
            index,
            moved: 1,
        };
        self.rows.push(row);
        self.moved.push(handle);
        Ok(())
    }

    /// Goes on as another program.
    fn exec(mut self, file: &OwnedHandle) -> abi::Error {
        let own = [
            (Tag::OwnProcess, super::own_process()),
            (Tag::OwnThread, super::own_thread()),
        ];
        for (tag, handle) in own {
            if let Err(error) = self.copy(tag, 0, handle, Rights::all()) {
                return error;
            }
        }
        // What is given as a copy of fewer rights becomes one: the program keeps handles as
        // they are.
        for row in self.rows.iter_mut().filter(|row| row.moved == 0) {
            match rt::handle::duplicate(row.handle, Rights::from_bits_retain(row.rights)) {
                Ok(copy) => {
                    (row.handle, row.moved) = (copy.get(), 1);
                    self.moved.push(copy);
                }
                Err(error) => return error,
            };
        }
        rt::process::exec(file.get(), self.blob.bytes(), &self.rows)
    }

    /// Starts the process.
    fn spawn(self, file: &OwnedHandle, name: &str, job: Handle) -> Result<Child, abi::Error> {
        let process = rt::process::spawn(file.get(), name, self.blob.bytes(), &self.rows, job)?;
        for handle in self.moved {
            // They belong to the new process now.
            let _ = handle.into_raw();
        }
        Ok(Child { process })
    }
}
