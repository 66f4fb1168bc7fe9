//! Processes: what they are given, and how they end.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use abi::Rights;
use abi::process::ProcessState;
use viper::assign;
use viper::fs::File;
use viper::process::{Command, Stdio};
use viper::time::Instant;
use viper::{Rc, fs, thread};

use super::files::{get, path};
use super::{Case, Verdict};
use crate::selftest::FOLDER;
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "processes::return_codes_come_back",
        run: return_codes,
    },
    Case {
        name: "processes::arguments_and_variables_arrive",
        run: arguments,
    },
    Case {
        name: "processes::each_lies_somewhere_else",
        run: places,
    },
    Case {
        name: "processes::output_goes_where_it_is_sent",
        run: output,
    },
    Case {
        name: "processes::a_killed_one_says_so",
        run: kill,
    },
    Case {
        name: "processes::a_read_only_assign_cannot_be_written",
        run: read_only_assign,
    },
    Case {
        name: "processes::an_assign_not_given_does_not_exist",
        run: missing_assign,
    },
    Case {
        name: "processes::many_leave_no_memory_behind",
        run: many,
    },
    Case {
        name: "processes::a_moved_handle_leaves",
        run: moved,
    },
];

/// The helper program.
const CHILD: &str = "SYS:Tests/Child";

fn return_codes() -> Verdict {
    for code in [0u8, 5, 10, 20, 99] {
        let child = need!(Command::new(CHILD).arg(&alloc::format!("{code}")).spawn());
        let status = need!(child.wait());
        check_eq!(status.rc(), Rc::new(code));
        check!(status.fault().is_none() && !status.was_killed());
        let info = need!(child.info());
        check_eq!(info.state, ProcessState::Exited as u32);
        check_eq!(info.threads, 0);
        check!(info.name.starts_with(b"Child\0"));
    }
    Ok(())
}

/// What the helper writes when it is started like this.
fn output_of(command: Command) -> Result<String, String> {
    let path = path("output");
    let file = need!(File::create(&path));
    let stream = file.into_handle().map_or(Stdio::Nil, Stdio::Stream);
    let child = need!(command.stdout(stream).spawn());
    check_eq!(need!(child.wait()).rc(), Rc::OK);
    Ok(String::from_utf8_lossy(&need!(get(&path))).into_owned())
}

fn arguments() -> Verdict {
    let variables = alloc::vec![(String::from("COLOUR"), String::from("red = blue"))];
    let command = Command::new(CHILD)
        .variables(variables)
        .arg("WORDS")
        .arg("two words \"quoted\" *")
        .arg("VARIABLE")
        .arg("colour");
    check_eq!(output_of(command)?, "two words \"quoted\" *\nred = blue\n");
    let long = "x".repeat(20_000);
    let text = output_of(Command::new(CHILD).arg("WORDS").arg(&long))?;
    check_eq!(text.len(), 20_001);
    let too_long = "x".repeat(200_000);
    let refused = Command::new(CHILD).arg("WORDS").arg(&too_long).spawn();
    check_eq!(super::error_of(refused), Some(abi::Error::LimitReached));
    Ok(())
}

fn places() -> Verdict {
    let seen: Result<Vec<Vec<String>>, String> = (0..4)
        .map(|_| {
            let text = output_of(Command::new(CHILD).arg("WHERE"))?;
            Ok(text.split_whitespace().map(String::from).collect())
        })
        .collect();
    let seen = seen?;
    for part in 0..3 {
        let mut places: Vec<_> = seen.iter().filter_map(|parts| parts.get(part)).collect();
        check_eq!(places.len(), 4);
        places.sort();
        places.dedup();
        // Two of four are the same once in a million times; with `noaslr` all are.
        check_eq!(places.len(), 4);
    }
    Ok(())
}

fn output() -> Verdict {
    let text = output_of(Command::new(CHILD).arg("HERE"))?;
    check_eq!(text.trim_end(), viper::env::current_dir());
    let child = need!(
        Command::new(CHILD)
            .arg("WORDS")
            .arg("x")
            .stdout(Stdio::Nil)
            .spawn()
    );
    check_eq!(need!(child.wait()).rc(), Rc::OK);
    Ok(())
}

fn kill() -> Verdict {
    let child = need!(Command::new(CHILD).arg("SLEEP").spawn());
    thread::sleep(Duration::from_millis(10));
    check_eq!(need!(child.try_wait()), None);
    need!(child.kill(Rc::FAIL));
    let status = need!(child.wait());
    check!(status.was_killed());
    check_eq!(status.rc(), Rc::FAIL);
    // Ended stays ended.
    need!(child.kill(Rc::OK));
    check_eq!(need!(child.wait()).rc(), Rc::FAIL);
    Ok(())
}

/// Starts the helper with one more assign, to make a file there.
fn create_in(rights: Rights) -> Result<Rc, String> {
    let (folder, _) = need!(fs::open_directory(FOLDER));
    let narrowed = need!(rt::handle::duplicate(folder.get(), rights));
    let mut namespace = assign::with(|namespace| namespace.clone());
    namespace.set("DATA", "", alloc::vec![Arc::new(narrowed)]);
    let command = Command::new(CHILD)
        .namespace(namespace)
        .arg("CREATE")
        .arg("DATA:made");
    let child = need!(command.stderr(Stdio::Nil).spawn());
    Ok(need!(child.wait()).rc())
}

fn read_only_assign() -> Verdict {
    check_eq!(create_in(Rights::DIRECTORY_READ_ONLY)?, Rc::ERROR);
    check!(!need!(fs::exists(&path("made"))));
    check_eq!(create_in(Rights::DIRECTORY_ALL)?, Rc::OK);
    check!(need!(fs::exists(&path("made"))));
    Ok(())
}

fn missing_assign() -> Verdict {
    let target = alloc::format!("{FOLDER}/unreachable");
    let create = || {
        Command::new(CHILD)
            .arg("CREATE")
            .arg(&target)
            .stderr(Stdio::Nil)
    };
    let mut namespace = assign::with(|namespace| namespace.clone());
    check!(namespace.remove("T"));
    let child = need!(create().namespace(namespace).spawn());
    let status = need!(child.wait());
    check_eq!(
        (status.rc(), status.reason()),
        (Rc::ERROR, Some(abi::Error::NotFound))
    );
    let child = need!(create().spawn());
    check_eq!(need!(child.wait()).rc(), Rc::OK);
    Ok(())
}

fn many() -> Verdict {
    // The first ones fill caches that stay.
    for _ in 0..5 {
        check_eq!(
            need!(need!(Command::new(CHILD).spawn()).wait()).rc(),
            Rc::OK
        );
    }
    let before = super::system::programs_memory()?;
    for _ in 0..40 {
        check_eq!(
            need!(need!(Command::new(CHILD).spawn()).wait()).rc(),
            Rc::OK
        );
    }
    settles(before)
}

/// Waits until programs use no more memory than `before`: the last ones that ended may
/// still be on their way out on another CPU.
pub(super) fn settles(before: u64) -> Verdict {
    let start = Instant::now();
    loop {
        let after = super::system::programs_memory()?;
        // One process takes far more than this.
        if after <= before.saturating_add(64 * 1024) {
            return Ok(());
        }
        if start.elapsed() > Duration::from_secs(5) {
            return Err(alloc::format!("{before} bytes before, {after} after"));
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn moved() -> Verdict {
    let file = need!(File::create(&path("moved")));
    let handle = file.into_handle().ok_or("no handle")?;
    let value = handle.get();
    let command = Command::new(CHILD)
        .arg("WORDS")
        .arg("x")
        .stdout(Stdio::Stream(handle));
    let child = need!(command.spawn());
    check_eq!(rt::handle::info(value).err(), Some(abi::Error::BadHandle));
    need!(child.wait());
    check_eq!(need!(get(&path("moved"))), b"x\n");
    Ok(())
}
