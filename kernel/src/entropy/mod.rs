//! The random number generator: ChaCha20, keyed by what the machine provides.
//!
//! Sources are the seed in the device tree, the virtio random device and the CPU's own
//! instruction; each is mixed into the key. Without any the generator stays unseeded and
//! says so.
#![forbid(unsafe_code)]

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::sync::{Once, SpinLock};

struct Pool {
    generator: ChaCha20Rng,
    seeded_bytes: usize,
}

/// Bytes of real entropy at which the generator counts as seeded.
const ENOUGH: usize = 16;

static POOL: Once<SpinLock<Pool>> = Once::new();

/// The generator has no seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntropyError;

fn pool() -> &'static SpinLock<Pool> {
    POOL.call_once(|| {
        SpinLock::new(Pool {
            generator: ChaCha20Rng::from_seed([0; 32]),
            seeded_bytes: 0,
        })
    })
}

/// Mixes bytes into the generator's key: the next key is what the old one produces, XORed
/// with the bytes, so nothing known is lost and nothing given can weaken it.
pub fn add_entropy(bytes: &[u8]) {
    let mut pool = pool().lock();
    for block in bytes.chunks(32) {
        let mut key = [0; 32];
        pool.generator.fill_bytes(&mut key);
        for (place, byte) in key.iter_mut().zip(block) {
            *place ^= byte;
        }
        pool.generator = ChaCha20Rng::from_seed(key);
    }
    pool.seeded_bytes = pool.seeded_bytes.saturating_add(bytes.len());
}

/// Fills a buffer with random bytes.
///
/// # Errors
/// [`EntropyError`] while there was no source.
pub fn fill_random(bytes: &mut [u8]) -> Result<(), EntropyError> {
    let mut pool = pool().lock();
    if pool.seeded_bytes < ENOUGH {
        return Err(EntropyError);
    }
    pool.generator.fill_bytes(bytes);
    Ok(())
}

/// A number that is random where there is a source, and differs from call to call in any
/// case; for salts that defend in depth.
pub fn random_u64() -> u64 {
    pool().lock().generator.next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_refuses_until_it_is_seeded_and_then_differs() {
        let mut first = [0; 32];
        assert_eq!(fill_random(&mut first), Err(EntropyError));
        add_entropy(&[1; 8]);
        assert_eq!(fill_random(&mut first), Err(EntropyError));
        add_entropy(&[2; 8]);
        let mut second = [0; 32];
        fill_random(&mut first).unwrap();
        fill_random(&mut second).unwrap();
        assert_ne!(first, second);
        assert_ne!(first, [0; 32]);
    }
}
