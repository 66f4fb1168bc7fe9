//! The sweep on the host: its heap is asked for everything but pages.
#![allow(unsafe_code, reason = "an allocator of its own")]

extern crate std;

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::ptr::null_mut;

use std::alloc::System;
use std::{println, thread_local};

use super::*;
use crate::fs::viperfs::check::{CheckOptions, check};
use crate::mm::shortage::{Scarce, of_heap};
use crate::mm::tests::with_memory;

thread_local! {
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

struct Watched;

#[global_allocator]
static HEAP: Watched = Watched;

fn count(layout: Layout, sign: i64) {
    let bytes = i64::try_from(layout.size()).unwrap();
    LIVE.with(|live| live.set(live.get() + sign * bytes));
}

// SAFETY: everything is handed on to the system's allocator, or refused.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if of_heap() == Some(Scarce::All) {
            return null_mut();
        }
        count(layout, 1);
        // SAFETY: by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(layout, -1);
        // SAFETY: by the caller.
        unsafe { System.dealloc(block, layout) }
    }
}

fn live_bytes() -> i64 {
    LIVE.with(Cell::get)
}

/// Runs `test` with a lab on a disk that must be sound afterwards.
fn with_lab(test: impl FnOnce(&Lab)) {
    with_memory(|| {
        let disk = Ref::new(RamDisk::new(8 << 20).unwrap()).unwrap();
        let lab = Lab::new(&disk).unwrap();
        test(&lab);
        lab.tidy().unwrap();
        let report = check(&*disk, &CheckOptions::default()).unwrap();
        assert!(report.is_clean(), "{report:?}");
    });
}

/// Bytes that a sweep may leave: caches are not always filled alike.
const LEFT_MAX: i64 = 4096;

/// Sweeps again what was swept before; the bytes of heap that only the second time took.
fn sweep_twice(lab: &Lab, step: Step, length: Length) -> (Swept, i64) {
    sweep(lab, step, length).unwrap();
    let before = live_bytes();
    let swept = sweep(lab, step, length).unwrap();
    (swept, live_bytes() - before)
}

#[test]
fn every_refused_request_is_an_error_and_leaves_nothing_behind() {
    with_lab(|lab| {
        let mut points = 0;
        for length in [Length::Once, Length::Lasting] {
            for (name, step) in STEPS {
                let (swept, left) = sweep_twice(lab, step, length);
                println!("{name}, {length:?}: {swept:?}, {left} bytes left");
                assert!(swept.points > 5, "{name}: hardly anything was asked for");
                assert!(left <= LEFT_MAX, "{name}: {left} bytes are left");
                points += swept.points;
            }
        }
        println!("{points} requests refused");
    });
}

#[test]
fn refusals_at_random_leave_nothing_behind() {
    let seed = std::env::var("VIPEROS_TEST_SEED");
    let seed = seed.ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let full = std::env::var_os("VIPEROS_TEST_FULL").is_some();
    let runs = if full { 3000 } else { 150 };
    println!("seed {seed}");
    with_lab(|lab| {
        let mut points = 0;
        for (name, step) in STEPS {
            for one_in in [100, 20] {
                let swept = sweep_at_random(lab, step, seed, runs, one_in).unwrap();
                println!("{name}, one in {one_in}: {swept:?}");
                points += swept.points;
            }
        }
        assert!(points > runs, "hardly anything was refused");
    });
}

fn leaks(lab: &Lab) -> Result<(), Stop> {
    core::mem::forget(Ref::new([0u8; 100]));
    steps::ports(lab)
}

fn forgets_a_file(lab: &Lab) -> Result<(), Stop> {
    steps::files(lab).inspect_err(|_| {
        let file = steps::open(lab, b"forgotten", abi::fs::OpenFlags::CREATE);
        file.unwrap().write_from(0, &[7; 5000]).unwrap();
    })
}

fn blames_the_wrong_thing(_: &Lab) -> Result<(), Stop> {
    let made = Ref::new(7);
    made.map(drop).map_err(|_| Stop::Wrong("not found".into()))
}

#[test]
fn planted_faults_are_found() {
    with_lab(|lab| {
        let why = sweep(lab, forgets_a_file, Length::Once).unwrap_err();
        assert!(why.contains("became"), "{why}");
        lab.root
            .remove(b"forgotten", abi::fs::RemoveFlags::ANY_KIND)
            .unwrap();
        let why = sweep(lab, blames_the_wrong_thing, Length::Once).unwrap_err();
        assert!(why.contains("not found"), "{why}");
        let (_, left) = sweep_twice(lab, leaks, Length::Once);
        assert!(left > LEFT_MAX, "{left} bytes are left");
    });
}
