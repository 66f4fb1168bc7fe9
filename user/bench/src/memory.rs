//! Mappings and page faults.

use core::sync::atomic::Ordering;

use abi::Signals;
use abi::memory::MapFlags;
use rt::memory::Mapping;
use rt::process::Side;
use viper::Failure;

use super::Cost;
use super::clock::Clock;

pub(super) const READ_WRITE: MapFlags = MapFlags::READ.union(MapFlags::WRITE);
/// Bytes of the mapping whose pages are touched.
const REGION_BYTES: usize = 16 << 20;
/// Passes of which the best counts.
const PASSES: u32 = 4;

/// Writes a byte to each page; the ticks that took.
pub(super) fn touch(region: &mut Mapping) -> Result<u64, Failure> {
    let bytes = region
        .bytes_mut()
        .ok_or_else(|| Failure::new("the mapping is read-only"))?;
    let start = rt::time::counter();
    for page in bytes.chunks_mut(abi::PAGE_SIZE) {
        if let Some(byte) = page.first_mut() {
            *core::hint::black_box(byte) = 1;
        }
    }
    Ok(rt::time::counter().wrapping_sub(start))
}

/// First write to each page of a fresh mapping.
pub fn fault_write(_: &Clock) -> Result<Cost, Failure> {
    let mut ticks = u64::MAX;
    for _ in 0..PASSES {
        ticks = ticks.min(touch(&mut Mapping::anonymous(REGION_BYTES, READ_WRITE)?)?);
    }
    per_page(ticks)
}

/// First write of a copied process to each page, which its original still has.
pub fn fault_copied(_: &Clock) -> Result<Cost, Failure> {
    let mut region = Mapping::anonymous(REGION_BYTES, READ_WRITE)?;
    touch(&mut region)?;
    let shared = rt::memory::create(abi::PAGE_SIZE as u64)?;
    let answer = Mapping::shared(shared.get(), 0, abi::PAGE_SIZE, READ_WRITE)?;
    let words = answer
        .atomic_words()
        .ok_or_else(|| Failure::new("the mapping is not shared"))?;
    let mut ticks = u64::MAX;
    for _ in 0..PASSES {
        match rt::process::clone()? {
            Side::Copy { .. } => {
                let spent = touch(&mut region).unwrap_or(u64::MAX);
                words
                    .iter()
                    .take(1)
                    .for_each(|word| word.store(spent, Ordering::Release));
                rt::process::exit(0)
            }
            Side::Original(copy) => {
                rt::handle::wait(copy.get(), Signals::TERMINATED, abi::NEVER)?;
            }
        }
        let spent = words
            .first()
            .map_or(u64::MAX, |word| word.load(Ordering::Acquire));
        ticks = ticks.min(spent);
    }
    per_page(ticks)
}

fn per_page(ticks: u64) -> Result<Cost, Failure> {
    Ok(Cost {
        ticks,
        operations: (REGION_BYTES / abi::PAGE_SIZE) as u64,
    })
}

/// Maps a page and unmaps it untouched.
pub fn map_unmap(clock: &Clock) -> Result<Cost, Failure> {
    clock.measure(10_000, |count| {
        for _ in 0..count {
            drop(Mapping::anonymous(abi::PAGE_SIZE, READ_WRITE)?);
        }
        Ok(())
    })
}
