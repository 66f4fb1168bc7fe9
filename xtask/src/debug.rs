//! The command `debug`: GDB on a machine that is stopped at reset.
//!
//! `--check` lets GDB run a script that must stop at the kernel's first Rust
//! function and at the first instruction of the first program, each seen by its
//! name, so it also shows that both sets of symbols fit what runs. At the prompt
//! it asks the commands that know the kernel (`debug/viperos.py`), which read its
//! structures by name and so have to fit it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::arguments::DebugOptions;
use crate::build::system::{self, System};
use crate::command;
use crate::qemu::machine::{Console, Disk, Machine, Writes};
use crate::qemu::process::Qemu;
use crate::toolchain::{debugger, emulator};
use crate::workspace;

/// The kernel's first Rust function.
const KERNEL_STOP: &str = "kernel_entry";

/// What the check's script says when it is at a breakpoint, before the name.
const AT_KERNEL: &str = "check: kernel stop at";
const AT_PROGRAM: &str = "check: program stop at";
const AT_PROMPT: &str = "check: prompt stop at";

/// Kernel function in which the shell waits at its prompt.
const PROMPT_STOP: &str = "terminal_idle_mark";

/// GDB commands that know the kernel.
const COMMANDS: &str = include_str!("debug/viperos.py");

/// What these commands must say at the prompt, and what it shows.
const ANSWERS: [(&str, &str); 6] = [
    ("Shell", "the shell among the processes"),
    ("runs on CPU", "a thread that runs"),
    ("waits in a system call", "a thread that waits"),
    ("Terminal", "a handle of the shell"),
    (
        "read-only, accessed, no user code",
        "a page of the kernel's code",
    ),
    ("is at physical", "a physical address"),
];

/// Longest time of a check, on a slow and busy host.
const LIMIT: Duration = Duration::from_secs(120);

/// Boots stopped and starts GDB; with `--check` the exit code tells whether the
/// breakpoints were hit and the commands answered.
pub fn debug(options: &DebugOptions) -> anyhow::Result<u8> {
    let emulator = emulator::resolve()?;
    let gdb = debugger::resolve()?;
    let system = system::build(options.machine.profile)?;
    let port = if options.port == 0 {
        free_port()?
    } else {
        options.port
    };
    let console = console_socket();
    let mut machine = Machine::new(
        &options.machine,
        system.kernel_image.clone(),
        Console::Socket(console.clone()),
    );
    machine.gdb = Some(format!("tcp:127.0.0.1:{port}"));
    machine.boot_arguments.push("noaslr".to_owned());
    let image = system.default_disk(false)?;
    let writes = if options.check {
        Writes::Discarded
    } else {
        Writes::Kept
    };
    machine.disk = Some(Disk { image, writes });
    let streams = [Stdio::null(), Stdio::null(), Stdio::inherit()];
    let _qemu = Qemu::start(&emulator, &machine, streams)?;
    wait_for_port(port)?;
    if options.check {
        return check(&gdb, &system, port);
    }
    eprintln!("debug: the machine is stopped at reset; `continue` lets it run");
    eprintln!(
        "debug: its console: socat -,raw,echo=0,escape=0x1d UNIX-CONNECT:{}",
        console.display()
    );
    eprintln!("debug: `program NAME` loads the symbols of another program than init");
    let script = workspace::output().join("debug.gdb");
    workspace::write(&script, prelude(&system, port)? + &helpers(&system))?;
    let status = command::program(&gdb)
        .arg("-q")
        .arg("-x")
        .arg(&script)
        .status()?;
    Ok(u8::from(!status.success()))
}

fn console_socket() -> PathBuf {
    workspace::output().join("console.sock")
}

/// A port nobody listens on at the moment.
fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// Waits until QEMU listens. Looking for the port in the kernel's table leaves
/// the connection to GDB; the stub takes only one.
fn wait_for_port(port: u16) -> anyhow::Result<()> {
    let end = Instant::now() + Duration::from_secs(10);
    while TcpListener::bind(("127.0.0.1", port)).is_ok() {
        if Instant::now() >= end {
            bail!("QEMU does not listen on 127.0.0.1:{port}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// GDB commands that connect with all symbols.
fn prelude(system: &System, port: u16) -> anyhow::Result<String> {
    let init = system.program("init").context("there is no program init")?;
    let commands = workspace::output().join("viperos.py");
    workspace::write(&commands, COMMANDS)?;
    let (kernel, init_offset) = (
        system.kernel_elf.display(),
        system::load_offset(&init.file)?,
    );
    Ok(format!(
        "set pagination off\n\
         set confirm off\n\
         set architecture aarch64\n\
         file {kernel}\n\
         add-symbol-file {} -o {init_offset:#x}\n\
         target remote 127.0.0.1:{port}\n\
         source {}\n",
        init.file.display(),
        commands.display()
    ))
}

/// GDB commands for people.
fn helpers(system: &System) -> String {
    let mut names = String::new();
    for program in &system.programs {
        let Ok(offset) = system::load_offset(&program.file) else {
            continue;
        };
        names.push_str(&format!(
            "  if $_streq(\"$arg0\", \"{}\")\n    add-symbol-file {} -o {offset:#x}\n  end\n",
            program.binary,
            program.file.display()
        ));
    }
    format!(
        "define program\n{names}end\n\
         document program\nLoads the symbols of a program: program NAME.\nend\n\
         define translate\n  monitor gva2gpa $arg0\nend\n\
         document translate\nPhysical address of a virtual one in the page tables in use.\nend\n\
         define cpus\n  info threads\nend\n\
         document cpus\nWhere each CPU is.\nend\n"
    )
}

/// GDB commands of the check.
fn check_script(system: &System, port: u16) -> anyhow::Result<String> {
    // `printf` with a text would ask the machine for memory.
    let stop = format!("echo {AT_KERNEL}\\ \ninfo symbol $pc\n");
    let prompt_stop = format!("echo {AT_PROMPT}\\ \ninfo symbol $pc\n");
    let program_stop = format!("echo {AT_PROGRAM}\\ \ninfo symbol $pc\n");
    // Hardware breakpoints, because the memory is not mapped yet.
    Ok(prelude(system, port)?
        + &format!(
            "thbreak {KERNEL_STOP}\ncontinue\n{stop}backtrace 3\n\
             thbreak *{:#x}\ncontinue\n{program_stop}info registers pc\n\
             thbreak {PROMPT_STOP}\ncontinue\n{prompt_stop}\
             processes\nthreads\nhandles $shell()\npages $pc\nkill\nquit\n",
            system.init_entry()?
        ))
}

fn check(gdb: &Path, system: &System, port: u16) -> anyhow::Result<u8> {
    let script = workspace::output().join("debug-check.gdb");
    workspace::write(&script, check_script(system, port)?)?;
    let mut gdb = command::program(gdb);
    gdb.args(["-q", "-nx", "-batch", "-x"]).arg(&script);
    let output = run_in_time(gdb)?;
    let missing = missing_stops(&output);
    if missing.is_empty() {
        println!(
            "debug check: a breakpoint in the kernel and one in a program were hit, and the \
             commands know processes, threads, handles and pages"
        );
        return Ok(0);
    }
    println!("{output}");
    println!("debug check: FAILED, not seen: {}", missing.join(", "));
    Ok(1)
}

/// Runs GDB with a time limit; what it wrote.
fn run_in_time(mut gdb: std::process::Command) -> anyhow::Result<String> {
    let log = workspace::output().join("debug-check.log");
    let file = std::fs::File::create(&log)?;
    let mut child = gdb
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .context("cannot start GDB")?;
    let end = Instant::now() + LIMIT;
    while child.try_wait()?.is_none() {
        if Instant::now() >= end {
            child.kill()?;
            child.wait()?;
            eprintln!(
                "debug: GDB did not end within {} s; it was stopped",
                LIMIT.as_secs()
            );
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let bytes = std::fs::read(&log)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The stops of a check that GDB's output does not show.
fn missing_stops(output: &str) -> Vec<&'static str> {
    let is_seen = |marker: &str, symbol: &str| {
        output
            .lines()
            .filter_map(|line| line.split_once(marker))
            .any(|(_, rest)| rest.trim_start().starts_with(symbol))
    };
    let mut missing = Vec::new();
    if !is_seen(AT_KERNEL, KERNEL_STOP) {
        missing.push("breakpoint in the kernel");
    }
    if !is_seen(AT_PROGRAM, "_start") {
        missing.push("breakpoint in a program");
    }
    if !is_seen(AT_PROMPT, PROMPT_STOP) {
        missing.push("breakpoint at the prompt");
    }
    let answers = output.split_once(AT_PROMPT).map_or("", |(_, after)| after);
    missing.extend(
        ANSWERS
            .iter()
            .filter(|(answer, _)| !answers.contains(answer))
            .map(|(_, what)| *what),
    );
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_stops_must_be_seen_by_name() {
        let answers: String = ANSWERS
            .iter()
            .map(|(answer, _)| format!("{answer}\n"))
            .collect();
        let both = format!(
            "check: kernel stop at kernel_entry in section .text\n\
             check: program stop at _start in section .text of init\n\
             check: prompt stop at terminal_idle_mark in section .text\n{answers}"
        );
        assert!(missing_stops(&both).is_empty());
        let all = ANSWERS.len() + 3;
        assert_eq!(missing_stops("").len(), all);
        assert_eq!(
            missing_stops("check: kernel stop at No symbol matches $pc.\n").len(),
            all
        );
        // Answers count only after the prompt was reached.
        assert_eq!(
            missing_stops(&format!("{answers}{}", both.replace(&answers, ""))).len(),
            6
        );
        assert_eq!(
            missing_stops(&both.replace("_start", "main")),
            ["breakpoint in a program"]
        );
    }

    #[test]
    fn a_port_that_is_in_use_is_noticed() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("bound");
        let port = listener.local_addr().expect("address").port();
        assert!(wait_for_port(port).is_ok());
    }
}
