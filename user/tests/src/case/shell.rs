//! The shell: pipelines, chains, chosen surroundings, assigns.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use viper::process::{Command, Stdio};
use viper::{Rc, fs};

use super::files::{path, put};
use super::{Case, Verdict};
use crate::selftest::FOLDER;
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "shell::pipelines_pass_output_on",
        run: pipelines,
    },
    Case {
        name: "shell::chains_go_on_as_return_codes_say",
        run: chains,
    },
    Case {
        name: "shell::a_confined_program_has_what_was_chosen",
        run: confined,
    },
    Case {
        name: "shell::limits_of_a_confined_program_hold",
        run: limited,
    },
    Case {
        name: "shell::assigns_are_deferred_paths_and_several",
        run: assigns,
    },
];

/// Runs commands in a shell of their own: what they wrote, and the last return code.
fn shell(commands: &str) -> Result<(String, Rc), String> {
    let (output, writer) = need!(rt::pipe::create(0));
    let child = need!(
        Command::new("C:Shell")
            .arg("COMMAND")
            .arg(commands)
            .stdin(Stdio::Nil)
            .stdout(Stdio::Stream(writer))
            .stderr(Stdio::Nil)
            .spawn()
    );
    let mut all = Vec::new();
    let mut buffer = [0; 256];
    loop {
        match need!(rt::stream::read_until(
            output.get(),
            &mut buffer,
            abi::NEVER
        )) {
            0 => break,
            count => all.extend_from_slice(buffer.get(..count).unwrap_or(&[])),
        }
    }
    let rc = need!(child.wait()).rc();
    Ok((String::from_utf8_lossy(&all).into_owned(), rc))
}

fn pipelines() -> Verdict {
    let (text, rc) = shell("Echo one | SYS:Tests/Child COPY | SYS:Tests/Child COPY")?;
    check_eq!((text.as_str(), rc), ("one\n", Rc::OK));
    // The last one's return code counts.
    check_eq!(shell("SYS:Tests/Child 7 | SYS:Tests/Child COPY")?.1, Rc::OK);
    check_eq!(shell("Echo x | SYS:Tests/Child 7")?.1, Rc::new(7));
    // More than fits, to one that does not read it: it ends and says nothing.
    let long = "x".repeat(200_000);
    need!(put(&path("long"), long.as_bytes()));
    let (text, _) = shell(&alloc::format!(
        "Type {0} | SYS:Tests/Child 0; Type {0} | SYS:Tests/Child COPY",
        path("long")
    ))?;
    check!(text.len() >= long.len());
    check!(text.trim_end().bytes().all(|byte| byte == b'x'));
    check_eq!(shell("Echo x | NoSuchCommand")?.1, Rc::ERROR);
    check_eq!(shell("Echo x |")?.1, Rc::ERROR);
    check_eq!(shell("Cd SYS: | Echo x")?.1, Rc::ERROR);
    Ok(())
}

fn chains() -> Verdict {
    let (text, _) = shell("Echo a && Echo b || Echo c; SYS:Tests/Child 5 && Echo d || Echo e")?;
    check_eq!(text, "a\nb\ne\n".to_string());
    Ok(())
}

fn confined() -> Verdict {
    need!(fs::create_dir_all(&path("box")));
    need!(put(&path("box/inside"), b"inside\n"));
    need!(put(&path("outside"), b"outside\n"));
    let run = |with: &str, command: &str| shell(&alloc::format!("Run WAIT WITH {with} {command}"));
    let data = alloc::format!("DATA:={FOLDER}/box");
    let read_only = alloc::format!("{data} READONLY");
    check_eq!(
        run(&read_only, "Type DATA:inside")?.0,
        "inside\n".to_string()
    );
    // Its current directory is the first one named.
    check_eq!(run(&read_only, "Type inside")?.0, "inside\n".to_string());
    // Neither up, nor anywhere else, nor by writing.
    for command in [
        "Type DATA:/outside",
        "Type /outside",
        "Dir SYS:",
        "MakeDir DATA:new",
    ] {
        let (text, rc) = run(&read_only, command)?;
        check_eq!((text.as_str(), rc.code() >= 10), ("", true));
    }
    // The controls.
    check_eq!(run(&data, "MakeDir DATA:new")?.1, Rc::OK);
    check_eq!(run("SYS:", "Dir SYS:")?.1, Rc::OK);
    check_eq!(run(&data, "Date")?.1.code() >= 10, true);
    check_eq!(run("CLOCK", "Date")?.1, Rc::OK);
    Ok(())
}

fn limited() -> Verdict {
    let run = |limit: &str| {
        let text = alloc::format!("Run WAIT WITH SYS: LIMIT {limit} SYS:Tests/Child PIPES 40");
        shell(&text)
    };
    check_eq!(run("KernelBytes=10000000")?.1, Rc::new(40));
    let made = run("KernelBytes=400000")?.1.code();
    check!(made > 0 && made < 30);
    check_eq!(run("Apples=3")?.1, Rc::ERROR);
    Ok(())
}

fn assigns() -> Verdict {
    for name in ["as1", "as2"] {
        need!(fs::create_dir_all(&path(name)));
        need!(put(&path(&alloc::format!("{name}/who")), name.as_bytes()));
    }
    need!(put(&path("as2/only"), b"only"));
    let (one, two) = (path("as1"), path("as2"));
    let run = |commands: &str| {
        let commands = commands.replace("ONE", &one).replace("TWO", &two);
        shell(&commands)
    };
    // Several directories, searched in order.
    let text = run("Assign X: ONE; Assign X: TWO ADD; Type X:who; Type X:only")?.0;
    check_eq!(text.replace('\n', ""), "as1only".to_string());
    let text = run("Assign X: ONE; Assign X: TWO PREPEND; Type X:who")?.0;
    check_eq!(text.trim_end(), "as2");
    let text = run("Assign X: ONE TWO; Assign X: ONE REMOVE; Type X:who")?.0;
    check_eq!(text.trim_end(), "as2");
    // Deferred: the first use binds, in the shell here. A path: each use looks.
    let lazy = "Assign L: ONE; Assign X: L: DEFER; Assign Y: L: PATH; Type X:who; Type Y:who; \
                Assign Q: X:; Assign L: TWO; Type X:who; Type Y:who";
    check_eq!(run(lazy)?.0.replace('\n', ""), "as1as1as1as2".to_string());
    // It need not exist before.
    let text = run("Assign X: LATER: DEFER; Type X:who; Assign LATER: TWO; Type X:who")?.0;
    check_eq!(text.trim_end(), "as2");
    // One that leads to itself is an error and no loop.
    let (text, rc) = run("Assign X: Y: PATH; Assign Y: X: PATH; Type X:who")?;
    check_eq!((text.as_str(), rc.code() >= 10), ("", true));
    let (text, _) = run("Assign X: ONE DEFER; Assign Y: TWO PATH; Assign X: LIST; Assign Y: LIST")?;
    check!(text.contains('<') && text.contains('['));
    check_eq!(run("Assign Z: EXISTS")?.1, Rc::WARN);
    check_eq!(
        run("Assign Z: ONE; Assign Z:; Assign Z: EXISTS")?.1,
        Rc::WARN
    );
    Ok(())
}
