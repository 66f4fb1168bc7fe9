//! Mappings and page faults.

use abi::memory::MapFlags;
use rt::memory::Mapping;
use viper::Failure;

use super::Cost;
use super::clock::Clock;

const READ_WRITE: MapFlags = MapFlags::READ.union(MapFlags::WRITE);
/// Bytes of the mapping whose pages are touched.
const REGION_BYTES: usize = 16 << 20;
/// Passes of which the best counts.
const PASSES: u32 = 4;

/// First write to each page of a fresh mapping.
pub fn fault_write(_: &Clock) -> Result<Cost, Failure> {
    let mut ticks = u64::MAX;
    for _ in 0..PASSES {
        let mut region = Mapping::anonymous(REGION_BYTES, READ_WRITE)?;
        let bytes = region
            .bytes_mut()
            .ok_or_else(|| Failure::new("the mapping is read-only"))?;
        let start = rt::time::counter();
        for page in bytes.chunks_mut(abi::PAGE_SIZE) {
            if let Some(byte) = page.first_mut() {
                *core::hint::black_box(byte) = 1;
            }
        }
        ticks = ticks.min(rt::time::counter().wrapping_sub(start));
    }
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
