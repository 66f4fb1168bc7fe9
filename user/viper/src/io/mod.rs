//! Reading and writing bytes.

mod buffered;
mod stdio;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

pub use abi::Error;
pub use buffered::{BufReader, BufWriter};
pub use stdio::{
    Replacement, Stderr, Stdin, Stdout, eprint, flush_all, print, set_output, stderr, stdin, stdout,
};
pub(crate) use stdio::{output_is_unread, read_stream, take_lost, write_stream};

/// What reading and writing gives back.
pub type Result<T> = core::result::Result<T, Error>;

/// Most bytes [`Read::read_to_end`] collects.
pub const READ_TO_END_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Something bytes come from.
pub trait Read {
    /// Reads some bytes; 0 is the end.
    ///
    /// # Errors
    ///
    /// What the source reports.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize>;

    /// Reads everything up to the end.
    ///
    /// # Errors
    ///
    /// `TooLarge` beyond [`READ_TO_END_BYTES_MAX`]; what the source reports.
    fn read_to_end(&mut self) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        let mut block = [0; 4096];
        loop {
            let count = self.read(&mut block)?;
            let bytes = block.get(..count).unwrap_or(&[]);
            if bytes.is_empty() {
                return Ok(all);
            }
            if all.len().saturating_add(count) > READ_TO_END_BYTES_MAX {
                return Err(Error::TooLarge);
            }
            all.try_reserve(count).map_err(|_| Error::NoMemory)?;
            all.extend_from_slice(bytes);
        }
    }
}

/// Something bytes go to.
pub trait Write {
    /// Writes some bytes; how many.
    ///
    /// # Errors
    ///
    /// What the destination reports.
    fn write(&mut self, bytes: &[u8]) -> Result<usize>;

    /// Passes on what is held back.
    ///
    /// # Errors
    ///
    /// What the destination reports.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    /// Writes all of the bytes.
    ///
    /// # Errors
    ///
    /// `PeerClosed` where nothing is taken any more; what the destination reports.
    fn write_all(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let count = self.write(bytes)?;
            if count == 0 {
                return Err(Error::PeerClosed);
            }
            bytes = bytes.get(count..).unwrap_or(&[]);
        }
        Ok(())
    }

    /// Writes formatted text, for `write!` and `writeln!`.
    ///
    /// # Errors
    ///
    /// What the destination reports.
    fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> Result<()> {
        let mut adapter = Adapter {
            out: self,
            result: Ok(()),
        };
        match fmt::write(&mut adapter, text) {
            Ok(()) => Ok(()),
            Err(fmt::Error) => adapter.result.and(Err(Error::InvalidArgument)),
        }
    }
}

/// Reading with a buffer in between.
pub trait BufRead: Read {
    /// Bytes that are there; empty at the end.
    ///
    /// # Errors
    ///
    /// What the source reports.
    fn fill_buf(&mut self) -> Result<&[u8]>;

    /// Says that this many of them were used.
    fn consume(&mut self, count: usize);

    /// Reads a line with its line feed; the empty text is the end.
    ///
    /// Bytes that are no UTF-8 become U+FFFD.
    ///
    /// # Errors
    ///
    /// `TooLarge` for a line beyond [`READ_TO_END_BYTES_MAX`]; what the source reports.
    fn read_line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        loop {
            let bytes = self.fill_buf()?;
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let count = end.map_or(bytes.len(), |end| end.saturating_add(1));
            if line.len().saturating_add(count) > READ_TO_END_BYTES_MAX {
                return Err(Error::TooLarge);
            }
            line.extend_from_slice(bytes.get(..count).unwrap_or(&[]));
            self.consume(count);
            if end.is_some() || count == 0 {
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
        }
    }
}

/// Formats into a [`Write`], and remembers why that failed.
struct Adapter<'a, W: ?Sized> {
    out: &'a mut W,
    result: Result<()>,
}

impl<W: Write + ?Sized> fmt::Write for Adapter<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.result = self.out.write_all(text.as_bytes());
        self.result.map_err(|_| fmt::Error)
    }
}

impl Write for Vec<u8> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.try_reserve(bytes.len()).map_err(|_| Error::NoMemory)?;
        self.extend_from_slice(bytes);
        Ok(bytes.len())
    }
}

impl Read for &[u8] {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let count = buffer.len().min(self.len());
        let (now, later) = self.split_at(count);
        if let Some(target) = buffer.get_mut(..count) {
            target.copy_from_slice(now);
        }
        *self = later;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn lines_end_with_the_input() {
        let mut reader = BufReader::new(&b"one\ntwo\xff\nthree"[..]);
        assert_eq!(reader.read_line().as_deref(), Ok("one\n"));
        assert_eq!(reader.read_line().as_deref(), Ok("two\u{fffd}\n"));
        assert_eq!(reader.read_line().as_deref(), Ok("three"));
        assert_eq!(reader.read_line().as_deref(), Ok(""));
    }

    #[test]
    fn a_failing_destination_says_why() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> Result<usize> {
                Err(Error::NoSpace)
            }
        }
        assert_eq!(write!(Full, "{}", 1), Err(Error::NoSpace));
        let mut all = Vec::new();
        assert_eq!(write!(all, "{}", 1), Ok(()));
        assert_eq!(all, b"1");
    }
}
