//! The rule who may name whom in the kernel.

use std::path::Path;

use crate::workspace;

use super::Findings;
use super::source::{self, Token};

/// A module of the kernel and the modules it may name, itself left out.
struct Rule {
    module: &'static str,
    may_name: &'static [&'static str],
}

/// Modules without a rule of their own, which may name everything.
const FREE: [&str; 4] = ["init", "ktest", "main", "workload"];

/// What every module may name: it knows nothing of the kernel.
const FREE_TO_NAME: &str = "word";

/// The table of `docs/01-architecture.md`, from the lowest layer to the highest.
///
/// A name covers what is below it, unless that has a row of its own.
const RULES: &[Rule] = &[
    Rule {
        module: "limits",
        may_name: &[],
    },
    Rule {
        module: "word",
        may_name: &[],
    },
    Rule {
        module: "arch",
        may_name: &["limits"],
    },
    Rule {
        module: "sync",
        may_name: &["arch", "limits"],
    },
    Rule {
        module: "account",
        may_name: &["arch", "limits", "sync"],
    },
    Rule {
        module: "time",
        may_name: &["arch", "limits", "sync", "account"],
    },
    Rule {
        module: "trace",
        may_name: &["arch", "limits", "sync", "time"],
    },
    Rule {
        module: "entropy",
        may_name: &["arch", "limits", "sync"],
    },
    Rule {
        module: "console",
        may_name: &["arch", "limits", "sync", "account", "time"],
    },
    Rule {
        module: "mm",
        may_name: &["arch", "limits", "sync", "account", "time", "console"],
    },
    Rule {
        module: "cap",
        may_name: &["sync", "account", "limits"],
    },
    Rule {
        module: "block",
        may_name: &["sync", "account"],
    },
    Rule {
        module: "fs::viperfs",
        may_name: &["block", "sync", "account"],
    },
    Rule {
        module: "net",
        may_name: &["sync", "account"],
    },
    Rule {
        module: "drivers",
        may_name: &[
            "arch", "limits", "sync", "account", "time", "console", "mm", "cap", "block", "net",
        ],
    },
    Rule {
        module: "sched",
        may_name: &[
            "arch", "limits", "sync", "account", "time", "trace", "console", "mm", "cap",
        ],
    },
    Rule {
        module: "ipc",
        may_name: &[
            "cap", "sched", "mm", "sync", "time", "account", "limits", "arch",
        ],
    },
    Rule {
        module: "fs",
        may_name: &[
            "fs::viperfs",
            "block",
            "cap",
            "ipc",
            "sched",
            "mm",
            "time",
            "sync",
            "account",
            "limits",
            "console",
        ],
    },
    Rule {
        module: "console::terminal",
        may_name: &[
            "console", "cap", "ipc", "sched", "mm", "time", "sync", "account", "limits", "arch",
        ],
    },
    Rule {
        module: "net::socket",
        may_name: &[
            "net", "cap", "ipc", "sched", "mm", "time", "sync", "account", "limits",
        ],
    },
    Rule {
        module: "process",
        may_name: &[
            "mm",
            "cap",
            "sched",
            "ipc",
            "fs",
            "fs::viperfs",
            "time",
            "entropy",
            "sync",
            "account",
            "limits",
            "arch",
            "console",
        ],
    },
    Rule {
        module: "syscall",
        may_name: &[
            "limits",
            "arch",
            "sync",
            "account",
            "time",
            "trace",
            "entropy",
            "console",
            "mm",
            "cap",
            "block",
            "fs::viperfs",
            "fs",
            "net",
            "drivers",
            "sched",
            "ipc",
            "console::terminal",
            "net::socket",
            "process",
        ],
    },
];

/// Doors that only `sync` and `arch` may open.
const LOCK_CRATES: [&[&str]; 3] = [&["core", "sync"], &["alloc", "sync"], &["spin"]];

/// Violations in the kernel's sources.
pub fn findings() -> anyhow::Result<Findings> {
    let folder = workspace::root().join("kernel/src");
    let mut findings = Findings::new();
    for file in workspace::files_with_extension(&folder, "rs")? {
        let tokens = source::tokens_of_file(&file)?;
        let module = module_of(file.strip_prefix(&folder)?);
        // Models stand beside the code they explore, and set up all that it runs on.
        if module.split("::").any(|part| part == "models") {
            continue;
        }
        let shown = workspace::relative(&file);
        for violation in violations(&module, &tokens) {
            findings.push(format!("{}:{violation}", shown.display()));
        }
    }
    Ok(findings)
}

/// `fs/vfs/path.rs` as `fs::vfs::path`.
fn module_of(file: &Path) -> String {
    let text = file.with_extension("").to_string_lossy().replace('/', "::");
    text.strip_suffix("::mod").unwrap_or(&text).to_owned()
}

/// Violations in one file, as `LINE: what`.
fn violations(module: &str, tokens: &[Token]) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(rule) = rule_for(module) {
        for path in source::paths(tokens, "crate") {
            let named = path.words.get(1..).unwrap_or_default().join("::");
            if let Some(target) = rule_for(&named)
                && target.module != rule.module
                && target.module != FREE_TO_NAME
                && !rule.may_name.contains(&target.module)
            {
                found.push(format!(
                    "{}: {} must not name {}",
                    path.line, rule.module, target.module
                ));
            }
        }
    } else if !FREE.contains(&root_of(module)) && module != "lib" {
        found.push(format!(
            "1: module {module} is in no layer; add it to xtask's table"
        ));
    }
    for path in source::paths(tokens, "super") {
        if path.words.get(1).is_some_and(|word| word == "super") {
            found.push(format!(
                "{}: super::super hides who is named; write crate::",
                path.line
            ));
        }
    }
    if !matches!(root_of(module), "arch" | "sync") {
        found.extend(lock_crates(tokens));
    }
    found
}

fn root_of(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

/// The rule of the longest module name that covers `module`.
fn rule_for(module: &str) -> Option<&'static Rule> {
    let covers = |rule: &&Rule| {
        module
            .strip_prefix(rule.module)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    RULES
        .iter()
        .filter(covers)
        .max_by_key(|rule| rule.module.len())
}

fn lock_crates(tokens: &[Token]) -> Vec<String> {
    let mut found = Vec::new();
    for door in LOCK_CRATES {
        for path in source::paths(tokens, door[0]) {
            // `spin` alone may be a local name; a path into it is meant.
            let is_door = path.words.len() > 1 && path.words.iter().zip(door).all(|(a, b)| a == b);
            if is_door && path.words.len() >= door.len() {
                let name = door.join("::");
                found.push(format!(
                    "{}: {name} is for sync and arch only; use crate::sync",
                    path.line
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations_in(module: &str, source: &str) -> Vec<String> {
        violations(module, &source::tokens(source).expect("Rust"))
    }

    #[test]
    fn naming_upwards_is_found() {
        let found = violations_in("fs::viperfs::btree", "use crate::syscall::dispatch;");
        assert_eq!(found, ["1: fs::viperfs must not name syscall"]);
        let found = violations_in("mm::frame", "fn f() {\n crate::{sched::x, sync::y}; }");
        assert_eq!(found, ["2: mm must not name sched"]);
        let found = violations_in("cap::table", "use crate::mm;");
        assert_eq!(found.len(), 1, "cap names only sync");
    }

    #[test]
    fn naming_downwards_or_sideways_is_allowed() {
        let source = "use crate::{sync::Lock, block::Device, fs::viperfs::node};";
        assert!(violations_in("fs::viperfs::mount", source).is_empty());
        assert!(violations_in("init", "use crate::syscall;").is_empty());
        assert!(violations_in("limits", "use crate::word;").is_empty());
        assert!(!violations_in("word", "use crate::limits;").is_empty());
        assert!(violations_in("fs::vfs", "use crate::fs::viperfs::Volume;").is_empty());
    }

    #[test]
    fn a_core_does_not_name_its_object_face() {
        assert!(!violations_in("fs::viperfs", "use crate::fs::vfs;").is_empty());
        assert!(!violations_in("console::ring", "use crate::console::terminal;").is_empty());
    }

    #[test]
    fn locks_come_from_sync_only() {
        for source in [
            "use core::sync::atomic::AtomicU32;",
            "use alloc::sync::Arc;",
            "use spin::Mutex;",
        ] {
            assert_eq!(violations_in("mm", source).len(), 1, "{source}");
            assert!(violations_in("sync::lock", source).is_empty(), "{source}");
        }
        assert!(violations_in("mm", "use alloc::vec::Vec; use core::fmt;").is_empty());
    }

    #[test]
    fn ways_around_are_found() {
        assert_eq!(violations_in("mm", "use super::super::syscall;").len(), 1);
        assert_eq!(
            violations_in("novelty", "").len(),
            1,
            "a module in no layer"
        );
    }

    #[test]
    fn every_name_in_the_table_is_a_row_of_it() {
        for rule in RULES {
            for name in rule.may_name {
                assert!(RULES.iter().any(|other| other.module == *name), "{name}");
            }
        }
    }

    #[test]
    fn modules_are_named_by_their_files() {
        assert_eq!(module_of(Path::new("fs/vfs/path.rs")), "fs::vfs::path");
        assert_eq!(module_of(Path::new("fs/vfs/mod.rs")), "fs::vfs");
        assert_eq!(module_of(Path::new("lib.rs")), "lib");
    }
}
