//! The program `Soak`, which starts and ends many processes and looks what is left.

use alloc::string::String;
use core::time::Duration;

use abi::startup::Tag;
use abi::system::{MemoryInfo, Topic};
use viper::args::{Args, Number, Template};
use viper::process::{Command, Job, Stdio};
use viper::time::Instant;
use viper::{Failure, Outcome, Program, Rc, println, thread};

const TEMPLATE: Template = Template::parse("COUNT/N");
const COUNT: Number = TEMPLATE.number("COUNT");

/// The program `Soak`.
pub const PROGRAM: Program = Program {
    name: "Soak",
    template: TEMPLATE,
    summary: "Starts and ends COUNT processes, and looks whether anything is left of them.",
    help: "COUNT is 1,000,000 where it is not given.",
    main,
};

/// Processes before the first look, which fill caches that stay.
const WARM_UP: u64 = 200;
/// Bytes that caches may hold more or less of at the second look: far less than one byte
/// for each process of a long run.
const SLACK: u64 = 256 * 1024;

fn main(args: &Args) -> Outcome {
    let count = args.get(COUNT).unwrap_or(1_000_000);
    let count = u64::try_from(count).map_err(|_| Failure::new("COUNT is negative"))?;
    let start = Instant::now();
    soak(count).map_err(|wrong| Failure::new(&wrong))?;
    println!("{count} processes in {} s", start.elapsed().as_secs());
    Ok(Rc::OK)
}

/// Starts and ends `count` processes, one after the other.
///
/// # Errors
///
/// What was left of them, in words.
pub fn soak(count: u64) -> Result<(), String> {
    let job = Job::new().map_err(|error| alloc::format!("no job: {error}"))?;
    run(&job, WARM_UP)?;
    let before = free()?;
    run(&job, count)?;
    let start = Instant::now();
    // The last ones may still be on their way out on another CPU.
    loop {
        let used = job.info().map_err(|error| alloc::format!("{error}"))?.used;
        let left = used.iter().take(6).sum::<u64>();
        let after = free()?;
        if left == 0 && before.abs_diff(after) <= SLACK {
            return Ok(());
        }
        if start.elapsed() > Duration::from_secs(5) {
            return Err(alloc::format!(
                "{before} bytes free before {count} processes, {after} after; charged {used:?}"
            ));
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn run(job: &Job, count: u64) -> Result<(), String> {
    let words = |error: viper::fs::Error| alloc::format!("{error}");
    let program = viper::fs::open_program("SYS:Tests/Child").map_err(words)?;
    for number in 0..count {
        let child = Command::new("Child")
            .arg("3")
            .job(job)
            .stdout(Stdio::Nil)
            .stderr(Stdio::Nil)
            .spawn_file(&program)
            .map_err(|error| alloc::format!("process {number}: {error}"))?;
        let status = child.wait().map_err(|error| alloc::format!("{error}"))?;
        if status.rc() != Rc::new(3) {
            return Err(alloc::format!("process {number}: {status:?}"));
        }
    }
    Ok(())
}

/// Bytes of memory that are free.
fn free() -> Result<u64, String> {
    let system = rt::startup::handle(Tag::System).ok_or("no handle to the statistics")?;
    let mut info = MemoryInfo::default();
    rt::system::info(system, Topic::Memory, core::slice::from_mut(&mut info))
        .map_err(|error| alloc::format!("{error}"))?;
    Ok(info.free)
}
