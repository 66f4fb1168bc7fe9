//! Checks a ViperFS image.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use kernel::fs::viperfs::check::{CheckOptions, Report, check};
use tools::ImageFile;

/// Exit code for a volume with errors, as that of other checkers.
const ERRORS_LEFT: u8 = 4;
/// Exit code for a check that could not run.
const COULD_NOT_RUN: u8 = 8;

/// Checks a ViperFS volume without changing it. Exit codes: 0 clean, 4 errors, 8 could
/// not run.
#[derive(Parser, Debug)]
#[command(name = "fsck-viperfs", version)]
struct Arguments {
    /// The image file
    image: PathBuf,
    /// Read all file data, too, and verify its checksums
    #[arg(long)]
    data: bool,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            let code = if error.use_stderr() { COULD_NOT_RUN } else { 0 };
            return ExitCode::from(code);
        }
    };
    let image = arguments.image.display();
    match run(&arguments) {
        Ok(report) if report.is_clean() => {
            println!("{image}: clean, {report}");
            ExitCode::SUCCESS
        }
        Ok(report) => {
            println!("{report}");
            println!(
                "{image}: {} problems",
                report.problems.len() as u64 + report.more
            );
            ExitCode::from(ERRORS_LEFT)
        }
        Err(error) => {
            eprintln!("fsck-viperfs: {error:#}");
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let file = ImageFile::open(&arguments.image)?;
    let report = check(
        &file,
        &CheckOptions {
            data: arguments.data,
        },
    );
    report.with_context(|| format!("cannot check {}", arguments.image.display()))
}
