//! Who makes a call, and what comes of it.

use abi::{Error, Handle, Rights};
use zerocopy::{FromBytes, IntoBytes};

use crate::arch::{self, PENDING_BLOCKED};
use crate::cap::{Capability, Derivation, HandleTable, KernelObject};
use crate::mm::{UserReader, UserWriter};
use crate::process::{Process, process_of};
use crate::sched::{self, Thread};
use crate::sync::epoch::Masked;
use crate::sync::{Borrowed, Ref, Stamped};

use super::error::table_error;

/// The caller of a call that is not short.
pub(super) struct Context<'a> {
    pub(super) process: Borrowed<'a, Process>,
    pub(super) thread: &'a Borrowed<'a, Thread>,
}

/// The caller of a short call.
#[derive(Clone, Copy)]
pub(super) struct Short<'a> {
    masked: Masked<'a>,
}

impl<'a> Short<'a> {
    #[inline(always)]
    pub(super) fn new(masked: Masked<'a>) -> Self {
        Short { masked }
    }

    /// The calling thread.
    #[inline(always)]
    pub(super) fn thread(self) -> Borrowed<'a, Thread> {
        sched::current()
    }

    /// The object of a handle in `table`, the caller's, as a `T`, with `rights`.
    #[inline(always)]
    pub(super) fn borrow<T: Stamped>(
        self,
        table: &'a HandleTable,
        handle: u64,
        rights: Rights,
    ) -> Result<Borrowed<'a, T>, Error> {
        Ok(table.borrow(self.masked, Handle(handle), rights)?)
    }

    /// The thread waits; somebody else writes the results.
    #[inline(always)]
    pub(super) fn blocked(self) -> Result<u64, Error> {
        arch::raise_pending(PENDING_BLOCKED);
        Ok(0)
    }
}

/// What a handler returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is done, with these values.
    Done([u64; 3]),
    /// It failed; the values mean something only where the call says so.
    Failed(Error, [u64; 3]),
    /// The thread waits; somebody else writes the results.
    Blocked,
    /// The thread goes on with the registers it was given, and nothing comes back.
    Replaced,
}

impl Outcome {
    pub(super) const OK: Outcome = Outcome::Done([0; 3]);

    /// Done with one value.
    pub(super) const fn value(value: u64) -> Outcome {
        Outcome::Done([value, 0, 0])
    }

    /// Done with two values.
    pub(super) const fn values(first: u64, second: u64) -> Outcome {
        Outcome::Done([first, second, 0])
    }
}

impl From<Error> for Outcome {
    fn from(error: Error) -> Self {
        Outcome::Failed(error, [0; 3])
    }
}

impl From<Result<Outcome, Error>> for Outcome {
    fn from(result: Result<Outcome, Error>) -> Self {
        result.unwrap_or_else(Outcome::from)
    }
}

impl<'a> Context<'a> {
    pub(super) fn of(thread: &'a Borrowed<'a, Thread>) -> Self {
        Context {
            process: process_of(thread),
            thread,
        }
    }

    pub(super) fn set_values(&self, values: [u64; 3]) {
        for (register, value) in (1..).zip(values) {
            self.thread.frame().set_register(register, value);
        }
    }

    /// The object of a handle as a `T`, with `rights`.
    pub(super) fn get<T: KernelObject>(
        &self,
        handle: u64,
        rights: Rights,
    ) -> Result<Ref<T>, Error> {
        Ok(self.process.handles().get(Handle(handle), rights)?)
    }

    /// As [`Context::get`], without the table's lock, for kinds that have one type.
    pub(super) fn get_unlocked<T: Stamped>(
        &self,
        handle: u64,
        rights: Rights,
    ) -> Result<Ref<T>, Error> {
        let irq = arch::irq_save();
        let found = Masked::with(|masked| {
            let table = self.process.handles();
            let found = table.borrow::<T>(masked, Handle(handle), rights);
            found.map(|object| object.to_ref())
        });
        arch::irq_restore(irq);
        Ok(found?)
    }

    /// As [`Context::get`], with all rights of the handle.
    pub(super) fn get_with_rights<T: KernelObject>(
        &self,
        handle: u64,
        rights: Rights,
    ) -> Result<(Ref<T>, Rights), Error> {
        Ok(self
            .process
            .handles()
            .get_with_rights(Handle(handle), rights)?)
    }

    /// The place among copies of a handle's capability.
    pub(super) fn derivation(&self, handle: u64) -> Result<Option<Ref<Derivation>>, Error> {
        let found = |capability: &Capability| capability.derivation().cloned();
        Ok(self.process.handles().with(Handle(handle), found)?)
    }

    /// As [`Context::add`], for what was reached through the handle `through`: it goes when
    /// that one is taken back.
    pub(super) fn add_through<T: KernelObject>(
        &self,
        object: Ref<T>,
        rights: Rights,
        through: u64,
    ) -> Result<u64, Error> {
        object
            .base()
            .charge_to(self.process.account(), object.memory_bytes())?;
        let derivation = self.derivation(through)?;
        self.add_capability(Capability::reached_through(object, rights, derivation))
    }

    /// Gives the caller a handle to a new object, which is charged to it.
    pub(super) fn add<T: KernelObject>(
        &self,
        object: Ref<T>,
        rights: Rights,
    ) -> Result<u64, Error> {
        object
            .base()
            .charge_to(self.process.account(), object.memory_bytes())?;
        self.add_capability(Capability::new(object, rights))
    }

    pub(super) fn add_capability(&self, capability: Capability) -> Result<u64, Error> {
        match self.process.handles().add(capability) {
            Ok(handle) => Ok(handle.0),
            Err(error) => Err(table_error(&error)),
        }
    }

    /// Bytes the caller alleges to have.
    pub(super) fn reader(&self, address: u64, len: u64) -> Result<UserReader<'_>, Error> {
        let len = usize::try_from(len).map_err(|_| Error::Fault)?;
        Ok(UserReader::new(self.process.space(), address, len))
    }

    /// Room the caller alleges to have.
    pub(super) fn writer(&self, address: u64, len: u64) -> Result<UserWriter<'_>, Error> {
        let len = usize::try_from(len).map_err(|_| Error::Fault)?;
        Ok(UserWriter::new(self.process.space(), address, len))
    }

    /// Reads a record from the caller's memory.
    pub(super) fn read_record<T: FromBytes + IntoBytes>(&self, address: u64) -> Result<T, Error> {
        let mut record = T::new_zeroed();
        let bytes = record.as_mut_bytes();
        UserReader::new(self.process.space(), address, bytes.len()).copy_to(0, bytes)?;
        Ok(record)
    }

    /// Writes a record to the caller's memory.
    pub(super) fn write_record<T: IntoBytes + zerocopy::Immutable>(
        &self,
        address: u64,
        record: &T,
    ) -> Result<(), Error> {
        let bytes = record.as_bytes();
        Ok(UserWriter::new(self.process.space(), address, bytes.len()).copy_from(0, bytes)?)
    }
}
