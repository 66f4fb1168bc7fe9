//! Processes: starting programs with exactly what they need, and their end.

mod command;
mod fork;
mod job;
mod startup_blob;
mod status;

use abi::Signals;
use abi::process::ProcessInfo;
use abi::startup::Tag;
use rt::OwnedHandle;

pub use command::{Command, Grant, Stdio};
pub use fork::{Fork, fork, own_process, own_thread};
pub use job::Job;
pub use status::{ExitStatus, Fault, encode_exit};

use crate::io::Result;
use crate::program::Rc;

/// A started process.
#[derive(Debug)]
pub struct Child {
    process: OwnedHandle,
}

impl Child {
    /// The handle of the process object.
    pub fn handle(&self) -> &OwnedHandle {
        &self.process
    }

    /// What the kernel knows about it now.
    ///
    /// # Errors
    ///
    /// `AccessDenied`, if the handle lost its right to ask.
    pub fn info(&self) -> Result<ProcessInfo> {
        rt::process::info(self.process.get())
    }

    /// How it ended; `None` while it runs.
    ///
    /// # Errors
    ///
    /// As [`Child::info`].
    pub fn try_wait(&self) -> Result<Option<ExitStatus>> {
        Ok(ExitStatus::from_info(&self.info()?))
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// As [`Child::info`].
    pub fn wait(&self) -> Result<ExitStatus> {
        rt::handle::wait(self.process.get(), Signals::TERMINATED, abi::NEVER)?;
        self.try_wait()?.ok_or(abi::Error::BadState)
    }

    /// Ends it.
    ///
    /// # Errors
    ///
    /// `AccessDenied`, if the handle lost its right to do so.
    pub fn kill(&self, rc: Rc) -> Result<()> {
        rt::process::kill(self.process.get(), encode_exit(rc, None))
    }
}

/// Ends this process after passing on what is held back.
pub fn exit(rc: Rc) -> ! {
    let _ = crate::io::flush_all();
    rt::process::exit(encode_exit(rc, None))
}

/// Number of this process.
pub fn id() -> u64 {
    let own = rt::startup::handle(Tag::OwnProcess);
    own.and_then(|own| rt::process::info(own).ok())
        .map_or(0, |info| info.id)
}
