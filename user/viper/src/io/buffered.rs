//! Buffers in front of slow sources and destinations.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::{BufRead, Read, Result, Write};

/// Bytes in a buffer.
const BUFFER_BYTES: usize = 8192;

/// Reads ahead in blocks.
#[derive(Debug)]
pub struct BufReader<R> {
    inner: R,
    block: Box<[u8]>,
    used: usize,
    filled: usize,
}

impl<R: Read> BufReader<R> {
    /// Puts a buffer in front of `inner`.
    pub fn new(inner: R) -> BufReader<R> {
        BufReader {
            inner,
            block: vec![0; BUFFER_BYTES].into(),
            used: 0,
            filled: 0,
        }
    }
}

impl<R: Read> Read for BufReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut available = self.fill_buf()?;
        let count = available.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for BufReader<R> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        if self.used >= self.filled {
            self.used = 0;
            self.filled = self.inner.read(&mut self.block)?;
        }
        Ok(self.block.get(self.used..self.filled).unwrap_or(&[]))
    }

    fn consume(&mut self, count: usize) {
        self.used = self.used.saturating_add(count).min(self.filled);
    }
}

/// Collects what is written and passes it on in blocks. Flush it before dropping it:
/// a drop passes the rest on too, but has nobody to tell when that fails.
#[derive(Debug)]
pub struct BufWriter<W: Write> {
    inner: W,
    held: Vec<u8>,
}

impl<W: Write> BufWriter<W> {
    /// Puts a buffer in front of `inner`.
    pub fn new(inner: W) -> BufWriter<W> {
        BufWriter {
            inner,
            held: Vec::with_capacity(BUFFER_BYTES),
        }
    }

    /// What is behind the buffer.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// Passes on what is held, without flushing what is behind.
    fn pass_on(&mut self) -> Result<()> {
        let result = self.inner.write_all(&self.held);
        // Also after a failure: the same bytes would fail again at every flush.
        self.held.clear();
        result
    }
}

impl<W: Write> Write for BufWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if self.held.len().saturating_add(bytes.len()) > BUFFER_BYTES {
            self.pass_on()?;
        }
        if bytes.len() >= BUFFER_BYTES {
            return self.inner.write(bytes);
        }
        self.held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        self.pass_on()?;
        self.inner.flush()
    }
}

impl<W: Write> Drop for BufWriter<W> {
    fn drop(&mut self) {
        let _ = self.pass_on();
    }
}
