//! Opening and asking by path.

use viper::{Failure, fs};

use super::Cost;
use super::clock::Clock;

/// The file all of these work on.
const PATH: &str = "T:a/b/file";

/// Makes the file.
fn prepare() -> fs::Result<()> {
    fs::create_dir_all("T:a/b")?;
    fs::File::create(PATH).map(drop)
}

/// Opens a file to read, and closes it.
pub fn open_close(clock: &Clock) -> Result<Cost, Failure> {
    prepare()?;
    clock.measure(10_000, |count| {
        for _ in 0..count {
            drop(fs::File::open(PATH)?);
        }
        Ok(())
    })
}

/// Asks about a file.
pub fn stat(clock: &Clock) -> Result<Cost, Failure> {
    prepare()?;
    clock.measure(10_000, |count| {
        for _ in 0..count {
            fs::metadata(PATH)?;
        }
        Ok(())
    })
}
