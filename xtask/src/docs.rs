//! Generated documents: the system call reference and the unsafe ledger's numbers.

use std::fmt::Write as _;
use std::path::PathBuf;

use abi::{SYSCALLS, SyscallInfo};

use crate::check::unsafe_ledger;
use crate::workspace;

fn syscall_page() -> PathBuf {
    workspace::root().join("docs/syscalls.md")
}

/// Writes every generated document.
pub fn write_all() -> anyhow::Result<u8> {
    workspace::make_folder(&workspace::root().join("docs"))?;
    workspace::write(&syscall_page(), syscalls(SYSCALLS))?;
    println!("wrote {}", workspace::relative(&syscall_page()).display());
    let ledger = unsafe_ledger::write()?;
    println!("wrote {}", workspace::relative(&ledger).display());
    Ok(0)
}

/// Generated documents that no longer say what the sources say.
pub fn stale() -> anyhow::Result<Vec<String>> {
    let page = std::fs::read_to_string(syscall_page()).unwrap_or_default();
    Ok(difference(&page, &syscalls(SYSCALLS)))
}

fn difference(page: &str, fresh: &str) -> Vec<String> {
    if page == fresh {
        return Vec::new();
    }
    let same = page
        .lines()
        .zip(fresh.lines())
        .take_while(|(old, new)| old == new)
        .count();
    vec![format!(
        "docs/syscalls.md is stale from line {}; `cargo xtask docs` writes it",
        same + 1
    )]
}

/// The page about these calls.
fn syscalls(calls: &[SyscallInfo]) -> String {
    let mut page = String::from(
        "# System calls\n\n\
         Written by `cargo xtask docs` from the table in `abi/src/syscall.rs`; edits go there.\n\n\
         `svc #0` with the number in `x8` and arguments from `x0` on. Back comes `x0` = 0 or an\n\
         error, values from `x1` on. Every call can fail with `BadSyscall`; a call with a handle\n\
         also with `BadHandle`, `WrongType` and `AccessDenied`, checked in this order and before\n\
         any other argument.\n\n\
         | number | call | values | what it does |\n|---:|---|---|---|\n",
    );
    for call in calls {
        let _ = writeln!(
            page,
            "| {} | [`{}`](#{}) | {} | {} |",
            call.number,
            call.name,
            call.name,
            list(call.values.iter().copied()),
            call.doc.trim()
        );
    }
    for call in calls {
        section(&mut page, call);
    }
    page
}

fn section(page: &mut String, call: &SyscallInfo) {
    let _ = writeln!(page, "\n## {}\n\n{}\n", call.name, call.doc.trim());
    let _ = writeln!(page, "- Number: {}", call.number);
    for (register, argument) in call.args.iter().enumerate() {
        let kind = format!("{:?}", argument.kind).to_lowercase();
        let _ = writeln!(page, "- `x{register}`: `{}`, {kind}", argument.name);
    }
    for (index, value) in call.values.iter().enumerate() {
        let _ = writeln!(page, "- Returns in `x{}`: `{value}`", index + 1);
    }
    if !call.rights.is_empty() {
        let _ = writeln!(page, "- Rights: {}", call.rights);
    }
    if !call.errors.is_empty() {
        let _ = writeln!(
            page,
            "- Errors: {}",
            list(call.errors.iter().map(|error| error.name()))
        );
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_a_section_with_its_registers() {
        let page = syscalls(SYSCALLS);
        for call in SYSCALLS {
            assert!(
                page.contains(&format!("\n## {}\n", call.name)),
                "{}",
                call.name
            );
        }
        let write = page.split("\n## stream_write\n").nth(1).expect("a section");
        let write = write.split("\n## ").next().expect("its text");
        assert!(write.contains("- `x1`: `buffer`, in") && write.contains("Rights: stream: WRITE"));
    }

    #[test]
    fn a_stale_page_is_found() {
        let fresh = syscalls(SYSCALLS);
        assert!(difference(&fresh, &fresh).is_empty());
        assert_eq!(
            difference(&fresh.replace("stream_write", "stream_put"), &fresh).len(),
            1
        );
        assert_eq!(difference("", &fresh).len(), 1);
        assert_eq!(difference(&syscalls(&SYSCALLS[1..]), &fresh).len(), 1);
    }
}
