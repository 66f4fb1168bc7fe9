//! Frames, heap and the kernel's own mappings.

use alloc::vec::Vec;

use crate::arch::{self, PageFlags};
use crate::mm::{self, Frame, Purpose};

use super::{Test, Verdict, check, check_eq};

pub(super) const TESTS: &[Test] = &[
    Test {
        name: "memory::frames_are_zeroed_and_come_back",
        run: frames,
    },
    Test {
        name: "memory::copies_and_fills_reach_every_byte_and_no_other",
        run: copies,
    },
    Test {
        name: "memory::the_heap_gives_everything_back",
        run: heap,
    },
    Test {
        name: "memory::exhaustion_is_an_answer",
        run: exhaustion,
    },
    Test {
        name: "memory::nothing_is_writable_and_executable",
        run: protection,
    },
    Test {
        name: "memory::code_is_read_only_in_every_mapping",
        run: code,
    },
];

fn frames() -> Verdict {
    let before = mm::free_frames();
    for round in 0..64u8 {
        let frame = Frame::zeroed(Purpose::User).ok_or("no memory")?;
        let mut bytes = [1; 64];
        frame.read(4032, &mut bytes);
        check_eq!(bytes, [0; 64]);
        frame.write(4032, &[round; 64]);
        let second = frame.share();
        check!(!frame.is_exclusive());
        drop(second);
        check!(frame.is_exclusive());
    }
    check_eq!(mm::free_frames(), before);
    Ok(())
}

/// Every length and distance around the steps of the copy loops, against one byte at a time.
fn copies() -> Verdict {
    const BYTES: usize = 640;
    let pattern = |at: usize| (at.wrapping_mul(7) ^ (at >> 5)) as u8;
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(BYTES).map_err(|_| "no memory")?;
    for len in (0..=200).chain([255, 256, 257, 300]) {
        for to in [64usize, 65, 71, 80, 1, 127, 128, 190, 300] {
            buffer.clear();
            buffer.extend((0..BYTES).map(pattern));
            buffer.copy_within(64..64 + len, to);
            for (at, byte) in buffer.iter().enumerate() {
                let moved = (to..to + len).contains(&at);
                let from = if moved { at - to + 64 } else { at };
                check!(*byte == pattern(from));
            }
        }
        buffer.fill(1);
        let part = buffer.get_mut(33..33 + len).ok_or("too short")?;
        part.fill(core::hint::black_box(0xa5));
        for (at, byte) in buffer.iter().enumerate() {
            let filled = (33..33 + len).contains(&at);
            check!(*byte == if filled { 0xa5 } else { 1 });
        }
    }
    Ok(())
}

fn heap() -> Verdict {
    let before = mm::memory_use();
    let mut all: Vec<Vec<u8>> = Vec::new();
    for size in (1..20_000).step_by(97) {
        let mut block = Vec::new();
        block.try_reserve_exact(size).map_err(|_| "no memory")?;
        block.resize(size, size as u8);
        all.push(block);
    }
    check!(
        all.iter()
            .all(|block| block.iter().all(|byte| *byte == block.len() as u8))
    );
    drop(all);
    let after = mm::memory_use();
    // A spare slab of each class may stay.
    check!(before.free.saturating_sub(after.free) <= 64);
    Ok(())
}

fn exhaustion() -> Verdict {
    let before = mm::free_frames();
    let mut frames = Vec::new();
    frames
        .try_reserve_exact(before as usize)
        .map_err(|_| "no memory for the list")?;
    while let Some(frame) = Frame::zeroed(Purpose::User) {
        frames.push(frame);
    }
    // Programs cannot take what the kernel needs for itself.
    let left = mm::free_frames();
    check!(left > 0);
    let mut more: Vec<Vec<u8>> = Vec::new();
    more.try_reserve_exact(before as usize)
        .map_err(|_| "no memory for the list")?;
    loop {
        let mut block: Vec<u8> = Vec::new();
        if block.try_reserve_exact(4096).is_err() {
            break;
        }
        more.push(block);
    }
    // Other CPUs may have pages at hand.
    let at_hand = u64::from(crate::sched::cpus_running()) * 64;
    check!(mm::free_frames() < 64 + at_hand);
    check!(!more.is_empty());
    drop(more);
    drop(frames);
    check!(before.saturating_sub(mm::free_frames()) <= 64);
    Ok(())
}

fn protection() -> Verdict {
    let (mut pages, mut wrong) = (0u64, 0u64);
    mm::for_each_kernel_mapping(&mut |_, flags| {
        pages += 1;
        let both = PageFlags::WRITE | PageFlags::EXECUTE;
        wrong += u64::from(flags.contains(both) || flags.contains(PageFlags::USER));
    });
    check!(pages > 100);
    check_eq!(wrong, 0);
    Ok(())
}

fn code() -> Verdict {
    let image = arch::image_layout();
    let (mut execute, mut writable) = (0u64, 0u64);
    let alias = image.phys.wrapping_add(arch::PHYS_MAP_BASE);
    let alias_end = alias.wrapping_add(image.relro_end.wrapping_sub(image.start));
    mm::for_each_kernel_mapping(&mut |address, flags| {
        if flags.contains(PageFlags::EXECUTE) {
            execute += 1;
        }
        let constant = (image.start..image.relro_end).contains(&address)
            || (alias..alias_end).contains(&address);
        if constant && flags.contains(PageFlags::WRITE) {
            writable += 1;
        }
    });
    check_eq!(execute, image.text_end.wrapping_sub(image.start) / mm::PAGE);
    check_eq!(writable, 0);
    Ok(())
}
