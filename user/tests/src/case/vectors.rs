//! Vector registers: never lost, never leaked.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

use rt::probe::{VECTOR_WORDS, vectors_over_yields};
use viper::thread;

use super::{Case, Verdict};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "vectors::eight_threads_keep_their_own",
        run: eight_threads,
    },
    Case {
        name: "vectors::a_new_thread_finds_none_of_another",
        run: no_leak,
    },
    Case {
        name: "vectors::floating_point_survives_switches",
        run: floating_point,
    },
];

/// Words that no other seed gives.
fn pattern(seed: u64) -> [u64; VECTOR_WORDS] {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    core::array::from_fn(|_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(seed | 1);
        state
    })
}

fn eight_threads() -> Verdict {
    let mut threads = Vec::new();
    for seed in 1..=8u64 {
        threads.push(need!(thread::spawn(move || {
            (0..20u64).all(|round| {
                let wanted = pattern(seed * 1000 + round);
                vectors_over_yields(&wanted, 100) == wanted
            })
        })));
    }
    for thread in threads {
        check!(need!(thread.join()));
    }
    Ok(())
}

fn no_leak() -> Verdict {
    let secret = [0x5ec2_e75e_c2e7_5ec2; VECTOR_WORDS];
    let stop = Arc::new(AtomicU32::new(0));
    let mut fillers = Vec::new();
    for _ in 0..4 {
        let stop = Arc::clone(&stop);
        fillers.push(need!(thread::spawn(move || {
            while stop.load(Ordering::Relaxed) == 0 {
                vectors_over_yields(&secret, 10);
            }
        })));
    }
    let mut leaked = false;
    for _ in 0..50 {
        let thread = need!(thread::spawn(rt::probe::vectors_now));
        leaked |= need!(thread.join()).contains(&0x5ec2_e75e_c2e7_5ec2);
    }
    stop.store(1, Ordering::Relaxed);
    for filler in fillers {
        need!(filler.join());
    }
    check!(!leaked);
    // The detector itself: registers that were filled are seen.
    check_eq!(vectors_over_yields(&secret, 0), secret);
    Ok(())
}

fn floating_point() -> Verdict {
    let mut threads = Vec::new();
    for number in 1..=6u32 {
        threads.push(need!(thread::spawn(move || {
            let mut sum = 0.0f64;
            for step in 1..=20_000u32 {
                sum += f64::from(number) / f64::from(step);
                if step % 1000 == 0 {
                    thread::yield_now();
                }
            }
            sum
        })));
    }
    let mut first = None;
    for (number, thread) in (1u32..).zip(threads) {
        let sum = need!(thread.join());
        let unit = *first.get_or_insert(sum);
        let difference = (sum / f64::from(number) - unit).abs();
        let is_same = difference < 1e-9;
        check!(is_same);
    }
    Ok(())
}
