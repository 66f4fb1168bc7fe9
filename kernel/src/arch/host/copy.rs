//! User memory on the host: there is none, every copy fails.

/// Copies nothing; returns all bytes as not read.
pub fn copy_from_user(destination: &mut [u8], _source: u64) -> usize {
    destination.len()
}

/// Copies nothing; returns all bytes as not written.
pub fn copy_to_user(_destination: u64, source: &[u8]) -> usize {
    source.len()
}

/// Always fails.
#[cfg(not(feature = "model"))]
pub fn load_user_u32(_address: u64) -> Option<u32> {
    None
}

/// The word there, which is an atomic of the model.
#[cfg(feature = "model")]
pub fn load_user_u32(address: u64) -> Option<u32> {
    use super::atomic::{AtomicU32, Ordering};
    let place = address as *const AtomicU32;
    // SAFETY: models wait for words of their own only, which live as long as the model.
    unsafe { place.as_ref() }.map(|word| word.load(Ordering::Relaxed))
}
