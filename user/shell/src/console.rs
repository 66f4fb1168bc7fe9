//! The terminal as the shell uses it: modes, key strokes, break.

use alloc::string::String;

use abi::process::RC_FAIL;
use abi::signal::PortEvent;
use abi::startup::Tag;
use abi::terminal::{TERMINAL_UNATTENDED, TerminalMode};
use abi::{Handle, Signals};
use rt::OwnedHandle;
use rt::terminal::Pending;
use viper::io::{self, Read, Write};
use viper::process::{Child, ExitStatus};

use crate::editor::{Completer, Editor, History, Step};

/// Mode while a program runs: whole lines, echo, Ctrl-C breaks.
const COOKED: TerminalMode = TerminalMode::CANONICAL
    .union(TerminalMode::ECHO)
    .union(TerminalMode::BREAK)
    .union(TerminalMode::NEWLINE);
/// Mode while a line is edited: every byte as it comes; output as for programs, because
/// programs in the background go on writing.
const EDITING: TerminalMode = TerminalMode::NEWLINE;

/// Key of the child in the port of a wait.
const KEY_CHILD: u64 = 1;
/// Key of the terminal.
const KEY_TERMINAL: u64 = 2;

/// A terminal somebody sits at.
#[derive(Debug)]
pub struct Console {
    terminal: Handle,
    port: OwnedHandle,
}

impl Console {
    /// The terminal this process was given, where somebody watches it.
    pub fn open() -> Option<Console> {
        let terminal = rt::startup::handle(Tag::Terminal)?;
        let info = rt::terminal::info(terminal).ok()?;
        if info.flags & TERMINAL_UNATTENDED != 0 {
            return None;
        }
        let console = Console {
            terminal,
            port: rt::port::create().ok()?,
        };
        // Without the right to set modes there is no line to edit and no break to see.
        rt::terminal::control(terminal, COOKED, Pending::Keep).ok()?;
        rt::port::add(console.port.get(), terminal, Signals::BREAK, KEY_TERMINAL).ok()?;
        Some(console)
    }

    /// Width in columns, 0 where unknown.
    pub fn columns(&self) -> usize {
        rt::terminal::info(self.terminal).map_or(0, |info| usize::from(info.columns))
    }

    /// Lets the user edit a line.
    ///
    /// # Errors
    ///
    /// What the terminal reports.
    pub fn read_line(
        &self,
        prompt: &str,
        history: &History,
        completer: &mut dyn Completer,
    ) -> io::Result<Step> {
        io::flush_all()?;
        self.set_mode(EDITING)?;
        let result = self.edit(
            Editor::new(prompt, self.columns(), history),
            history,
            completer,
        );
        self.set_mode(COOKED)?;
        result
    }

    fn edit(
        &self,
        mut editor: Editor,
        history: &History,
        completer: &mut dyn Completer,
    ) -> io::Result<Step> {
        let mut byte = [0];
        loop {
            io::stdout().write_all(&editor.output())?;
            io::stdout().flush()?;
            if io::stdin().read(&mut byte)? == 0 {
                return Ok(Step::EndOfInput);
            }
            let [byte] = byte;
            match editor.feed(byte, history, completer) {
                Step::More => {}
                step => {
                    io::stdout().write_all(&editor.output())?;
                    io::stdout().flush()?;
                    return Ok(step);
                }
            }
        }
    }

    /// Waits for the end of a program; Ctrl-C ends it.
    ///
    /// # Errors
    ///
    /// What the kernel reports about the program.
    pub fn wait(&self, child: &Child) -> io::Result<ExitStatus> {
        let port = self.port.get();
        rt::port::add(port, child.handle().get(), Signals::TERMINATED, KEY_CHILD)?;
        let result = self.wait_in_port(child);
        rt::port::remove(port, KEY_CHILD)?;
        // The program may have left the terminal in any mode.
        self.set_mode(COOKED)?;
        result
    }

    fn wait_in_port(&self, child: &Child) -> io::Result<ExitStatus> {
        loop {
            let mut events = [PortEvent::default(); 2];
            let count = rt::port::wait(self.port.get(), &mut events, abi::NEVER)?;
            let has = |key| events.iter().take(count).any(|event| event.key == key);
            if has(KEY_CHILD) {
                return child.wait();
            }
            if has(KEY_TERMINAL) {
                self.set_mode(COOKED)?;
                rt::process::kill(child.handle().get(), RC_FAIL)?;
            }
        }
    }

    /// Sets the mode, which also clears a break.
    fn set_mode(&self, mode: TerminalMode) -> io::Result<()> {
        rt::terminal::control(self.terminal, mode, Pending::Keep).map(|_| ())
    }
}

/// Reads a line where nobody edits it; `None` at the end.
///
/// # Errors
///
/// What standard input reports.
pub fn read_plain_line() -> io::Result<Option<String>> {
    let line = io::stdin().read_line()?;
    Ok((!line.is_empty()).then_some(line))
}
