//! Files that are programs, and files that are not.

use abi::Error;
use viper::Rc;
use viper::process::Command;

use super::files::{get, path, put};
use super::{Case, Verdict, error_of};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "programs::text_is_no_program",
        run: text,
    },
    Case {
        name: "programs::a_cut_program_is_refused",
        run: cut,
    },
    Case {
        name: "programs::a_damaged_header_is_refused",
        run: damaged,
    },
    Case {
        name: "programs::a_copy_runs",
        run: copy,
    },
    Case {
        name: "programs::no_program_at_all",
        run: missing,
    },
];

const CHILD: &str = "SYS:Tests/Child";

fn text() -> Verdict {
    for contents in [&b"Echo this is a script\n"[..], b"", b"\x7fELF", &[0; 4096]] {
        need!(put(&path("text"), contents));
        let result = Command::new(&path("text")).spawn();
        check_eq!(error_of(result), Some(Error::NotExecutable));
    }
    Ok(())
}

fn cut() -> Verdict {
    let whole = need!(get(CHILD));
    for len in [63, 64, 100, 1000, whole.len() / 2] {
        need!(put(&path("cut"), whole.get(..len).ok_or("too short")?));
        match Command::new(&path("cut")).spawn() {
            Err(error) => check_eq!(error.cause, Error::NotExecutable),
            Ok(child) => {
                // Where the headers are whole, the missing part may show when it is used.
                let status = need!(child.wait());
                check!(status.rc() == Rc::FAIL);
            }
        }
    }
    Ok(())
}

fn damaged() -> Verdict {
    let whole = need!(get(CHILD));
    // Class, byte order, machine, type, size and count of program headers.
    for (offset, byte) in [
        (4, 1),
        (5, 2),
        (18, 0x3e),
        (16, 1),
        (54, 1),
        (56, 0xff),
        (57, 0xff),
    ] {
        let mut bytes = whole.clone();
        *bytes.get_mut(offset).ok_or("too short")? = byte;
        need!(put(&path("damaged"), &bytes));
        let result = Command::new(&path("damaged")).spawn();
        check_eq!(error_of(result), Some(Error::NotExecutable));
    }
    Ok(())
}

fn copy() -> Verdict {
    need!(put(&path("copy"), &need!(get(CHILD))));
    let child = need!(Command::new(&path("copy")).arg("42").spawn());
    check_eq!(need!(child.wait()).rc(), Rc::new(42));
    Ok(())
}

fn missing() -> Verdict {
    check_eq!(
        error_of(Command::new("C:NoSuchProgram").spawn()),
        Some(Error::NotFound)
    );
    check_eq!(
        error_of(Command::new("SYS:Tests").spawn()),
        Some(Error::IsDirectory)
    );
    Ok(())
}
