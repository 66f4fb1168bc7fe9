//! Standard input, output and error.
//!
//! Output is collected; it is passed on when the buffer is full, at each line end
//! where a terminal is behind it, before input is waited for, before standard
//! error is written, and when the program ends. A stream the program was not
//! given is `NIL:`: writes vanish, reads are at the end.

use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use abi::startup::Tag;
use abi::{Handle, ObjectKind};
use rt::OwnedHandle;

use super::{BufRead, Error, Read, Result, Write};
use crate::sync::Mutex;

/// Bytes of output held back at most.
const OUTPUT_BYTES: usize = 8192;
/// Bytes of input read at once.
const INPUT_BYTES: usize = 1024;

/// Standard output of the process.
static OUTPUT: Mutex<Output> = Mutex::new(Output {
    held: Vec::new(),
    target: Target::Unknown,
});
/// Set once nobody reads standard output any more.
static UNREAD: AtomicBool = AtomicBool::new(false);

/// Whether writing failed because nobody reads standard output any more.
pub(crate) fn output_is_unread() -> bool {
    UNREAD.load(Ordering::Relaxed)
}

/// Standard input of the process.
static INPUT: Mutex<Input> = Mutex::new(Input {
    held: Vec::new(),
    used: 0,
});

/// Where output goes.
#[derive(Debug)]
enum Target {
    /// Not looked at yet.
    Unknown,
    /// Nowhere.
    Nil,
    /// To the stream the program was started with.
    Inherited { handle: Handle, is_terminal: bool },
    /// To a stream put in its place.
    Replaced(OwnedHandle),
}

/// Output on its way.
struct Output {
    held: Vec<u8>,
    target: Target,
}

/// Input that was read and not used yet.
struct Input {
    held: Vec<u8>,
    used: usize,
}

impl Output {
    /// Finds out where output goes, once.
    fn find_target(&mut self) {
        if matches!(self.target, Target::Unknown) {
            self.target = match rt::startup::handle(Tag::Stdout) {
                None => Target::Nil,
                Some(handle) => Target::Inherited {
                    handle,
                    is_terminal: is_terminal(handle),
                },
            };
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.find_target();
        if self.held.len().saturating_add(bytes.len()) > OUTPUT_BYTES {
            self.flush()?;
        }
        if bytes.len() >= OUTPUT_BYTES {
            self.send(bytes)?;
        } else {
            self.held.extend_from_slice(bytes);
        }
        let at_line_end = bytes.contains(&b'\n');
        if at_line_end
            && matches!(
                self.target,
                Target::Inherited {
                    is_terminal: true,
                    ..
                }
            )
        {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        self.find_target();
        let held = core::mem::take(&mut self.held);
        let result = self.send(&held);
        self.held = held;
        self.held.clear();
        result
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let result = match &self.target {
            Target::Unknown | Target::Nil => Ok(()),
            Target::Inherited { handle, .. } => write_stream(*handle, bytes),
            Target::Replaced(handle) => write_stream(handle.get(), bytes),
        };
        if result == Err(Error::PeerClosed) {
            UNREAD.store(true, Ordering::Relaxed);
        }
        result
    }
}

/// Whether a handle is that of a terminal.
fn is_terminal(handle: Handle) -> bool {
    rt::handle::info(handle).is_ok_and(|info| info.kind == ObjectKind::Terminal as u32)
}

/// Writes all of the bytes to a stream, waiting for room.
pub(crate) fn write_stream(stream: Handle, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        match rt::stream::write_until(stream, bytes, abi::NEVER)? {
            0 => return Err(Error::PeerClosed),
            count => bytes = bytes.get(count..).unwrap_or(&[]),
        }
    }
    Ok(())
}

/// Reads some bytes from a stream, waiting for the first.
pub(crate) fn read_stream(stream: Handle, buffer: &mut [u8]) -> Result<usize> {
    rt::stream::read_until(stream, buffer, abi::NEVER)
}

/// Standard output.
#[derive(Clone, Copy, Debug)]
pub struct Stdout;

/// Standard error; nothing is held back.
#[derive(Clone, Copy, Debug)]
pub struct Stderr;

/// Standard input.
#[derive(Clone, Copy, Debug)]
pub struct Stdin;

/// Standard output.
pub const fn stdout() -> Stdout {
    Stdout
}

/// Standard error.
pub const fn stderr() -> Stderr {
    Stderr
}

/// Standard input.
pub const fn stdin() -> Stdin {
    Stdin
}

impl Stdout {
    /// Whether a terminal is behind it.
    pub fn is_terminal(self) -> bool {
        let mut output = OUTPUT.lock();
        output.find_target();
        matches!(
            output.target,
            Target::Inherited {
                is_terminal: true,
                ..
            }
        )
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        OUTPUT.lock().write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        OUTPUT.lock().flush()
    }
}

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        // So that both appear in the order they were written; a failure of standard
        // output is reported where that is flushed at the end.
        let _ = stdout().flush();
        if let Some(handle) = rt::startup::handle(Tag::Stderr) {
            write_stream(handle, bytes)?;
        }
        Ok(bytes.len())
    }
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut input = INPUT.lock();
        if input.used >= input.held.len() {
            let _ = stdout().flush();
            let Some(handle) = rt::startup::handle(Tag::Stdin) else {
                return Ok(0);
            };
            input.held.resize(INPUT_BYTES, 0);
            let count = read_stream(handle, &mut input.held);
            input.held.truncate(count.unwrap_or(0));
            input.used = 0;
            count?;
        }
        let used = input.used;
        let count = input.held.get(used..).unwrap_or(&[]).read(buffer)?;
        input.used = used.saturating_add(count);
        Ok(count)
    }
}

impl Stdin {
    /// Whether a terminal is behind it.
    pub fn is_terminal(self) -> bool {
        rt::startup::handle(Tag::Stdin).is_some_and(is_terminal)
    }

    /// Reads a line with its line feed; the empty text is the end.
    ///
    /// # Errors
    ///
    /// What the stream reports.
    pub fn read_line(mut self) -> Result<alloc::string::String> {
        let mut line = super::BufReader::new(OneByOne(&mut self));
        line.read_line()
    }
}

/// Hands out single bytes, so that a buffer in front of it takes no more than it uses.
struct OneByOne<'a>(&'a mut Stdin);

impl Read for OneByOne<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.0.read(buffer.get_mut(..1).unwrap_or(&mut []))
    }
}

/// What stands in for the standard output a process was started with.
#[derive(Debug)]
pub enum Replacement {
    /// Nothing: it goes where it went at the start.
    None,
    /// `NIL:`.
    Nil,
    /// This stream.
    Stream(OwnedHandle),
}

/// Puts something in place of standard output; what was held back goes to the old one.
///
/// # Errors
///
/// What the old stream reports.
pub fn set_output(replacement: Replacement) -> Result<()> {
    let mut output = OUTPUT.lock();
    let result = output.flush();
    output.target = match replacement {
        Replacement::None => Target::Unknown,
        Replacement::Nil => Target::Nil,
        Replacement::Stream(handle) => Target::Replaced(handle),
    };
    result
}

/// Passes on everything that is held back.
///
/// # Errors
///
/// What the stream reports.
pub fn flush_all() -> Result<()> {
    OUTPUT.lock().flush()
}

/// Writes to standard output. What cannot be written is found by the flush at the end
/// of the program, which then fails.
pub fn print(text: fmt::Arguments<'_>) {
    let mut out = Stdout;
    if let Err(error) = out.write_fmt(text) {
        LOST.lock().get_or_insert(error);
    }
}

/// Writes to standard error; a failure has nobody left to be told to.
pub fn eprint(text: fmt::Arguments<'_>) {
    // One write for the whole line, so that lines of several programs do not mix.
    let text = alloc::format!("{text}");
    let _ = Stderr.write_all(text.as_bytes());
}

/// The first failure of [`print`].
static LOST: Mutex<Option<Error>> = Mutex::new(None);

/// Takes the first failure of [`print`], if any.
pub(crate) fn take_lost() -> Option<Error> {
    LOST.lock().take()
}
