//! The project's one command: build, run, test, debug, measure, check.
//!
//! [`arguments`] says what can be asked; each command has a module of its own.
//! Everything that runs for a machine goes the same way: [`toolchain`] finds
//! compilers and QEMU, [`build`] makes the binaries, [`image`] the kernel image
//! and the disk, [`qemu`] the machine.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

mod arguments;
mod bench;
mod build;
mod check;
mod clean;
mod command;
mod debug;
mod docs;
mod doctor;
mod image;
mod qemu;
mod repro;
mod run;
mod scenario;
mod test;
mod toolchain;
mod workspace;

use arguments::{Arguments, Task};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match perform(arguments.task) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Does what was asked; the value is the exit code.
fn perform(task: Task) -> anyhow::Result<u8> {
    match task {
        Task::Run(options) => run::run(&options),
        Task::Test(options) => test::test(&options),
        Task::Repro(options) => repro::repro(&options),
        Task::Debug(options) => debug::debug(&options),
        Task::Bench(options) => bench::bench(&options),
        Task::Check(options) => check::check(&options),
        Task::Docs => docs::write_all(),
        Task::Image(options) => image::image(&options),
        Task::Doctor => doctor::doctor(),
        Task::Clean => clean::clean(),
    }
}
