//! Threads and processes coming and going.

use alloc::boxed::Box;

use abi::Signals;
use abi::process::SpawnHandle;
use abi::startup::Tag;
use rt::memory::Mapping;
use rt::process::Side;
use viper::io::Write;
use viper::{Failure, fs};

use super::Cost;
use super::clock::Clock;
use super::memory::{READ_WRITE, touch};
use super::tiny_program;

/// Where the smallest program is put.
const PROGRAM: &str = "T:bench-exit";

/// A thread that returns at once, joined.
pub fn thread_create_join(clock: &Clock) -> Result<Cost, Failure> {
    clock.measure(1000, |count| {
        for _ in 0..count {
            rt::thread::spawn(rt::thread::STACK_BYTES, Box::new(|| ()))?.join()?;
        }
        Ok(())
    })
}

/// Puts the smallest program into a file.
fn tiny() -> Result<rt::OwnedHandle, Failure> {
    let mut file = fs::File::create(PROGRAM)?;
    file.write_all(&tiny_program::image())
        .map_err(|cause| file.error(cause))?;
    drop(file);
    Ok(fs::open_program(PROGRAM)?)
}

/// The smallest program, with one handle and no assigns, waited for.
pub fn spawn_wait(clock: &Clock) -> Result<Cost, Failure> {
    let program = tiny()?;
    let event = rt::event::create()?;
    let rights = rt::handle::info(event.get())?.rights;
    let handles = [SpawnHandle {
        handle: event.get(),
        rights,
        tag: Tag::User as u32,
        index: 0,
        moved: 0,
    }];
    clock.measure(1000, |count| {
        for _ in 0..count {
            let process =
                rt::process::spawn(program.get(), "exit", &[], &handles, abi::Handle::NONE)?;
            rt::handle::wait(process.get(), Signals::TERMINATED, abi::NEVER)?;
        }
        Ok(())
    })
}

/// Bytes of the program that is cloned, beside its code.
const CLONED_BYTES: usize = 900 << 10;

/// A copy of this process, with all of [`CLONED_BYTES`] touched, that exits at once.
pub fn fork_exit_wait(clock: &Clock) -> Result<Cost, Failure> {
    let mut image = Mapping::anonymous(CLONED_BYTES, READ_WRITE)?;
    touch(&mut image)?;
    clock.measure(1000, |count| {
        for _ in 0..count {
            match rt::process::clone()? {
                Side::Copy { .. } => rt::process::exit(0),
                Side::Original(copy) => {
                    rt::handle::wait(copy.get(), Signals::TERMINATED, abi::NEVER)?;
                }
            }
        }
        Ok(())
    })
}

/// A copy of this process that runs the smallest program in place.
pub fn fork_exec_wait(clock: &Clock) -> Result<Cost, Failure> {
    let program = tiny()?;
    let mut image = Mapping::anonymous(CLONED_BYTES, READ_WRITE)?;
    touch(&mut image)?;
    clock.measure(1000, |count| {
        for _ in 0..count {
            match rt::process::clone()? {
                Side::Copy { .. } => {
                    // Returns only where it fails.
                    let _ = rt::process::exec(program.get(), &[], &[]);
                    rt::process::exit(1)
                }
                Side::Original(copy) => {
                    rt::handle::wait(copy.get(), Signals::TERMINATED, abi::NEVER)?;
                    if rt::process::info(copy.get())?.exit_code != 0 {
                        return Err(Failure::new("the program was not run"));
                    }
                }
            }
        }
        Ok(())
    })
}
