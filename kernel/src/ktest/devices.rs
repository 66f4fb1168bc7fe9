//! Devices at boot.

use super::{Test, Verdict, check, check_eq};
use crate::init;

pub(super) const TESTS: &[Test] = &[Test {
    name: "devices::random_bytes_reach_a_stack",
    run: random_bytes,
}];

/// A device cannot be told the address of a stack: what it wrote went elsewhere, and zeros
/// were taken for random bytes. Found by the checks of a kernel with debug assertions.
fn random_bytes() -> Verdict {
    let mut bytes = [[0; 32]; 2];
    for place in &mut bytes {
        let Some(count) = init::read_random_device(place) else {
            // The machines of these tests have one.
            return Err("there is no random device".into());
        };
        check_eq!(count, place.len());
    }
    let [first, second] = bytes;
    check!(first != [0; 32] && first != second);
    Ok(())
}
