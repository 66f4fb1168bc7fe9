//! Handles that nobody gave: none of them is accepted.

use alloc::format;
use alloc::vec::Vec;

use abi::startup::Tag;
use abi::{Error, Handle};
use rt::OwnedHandle;
use rt::hostile::Dice;
use viper::{Failure, Outcome, Rc, println};

/// Real handles, so that there is something to hit.
const REAL: usize = 1000;
/// Indices and generations around a real one that are tried.
const NEAR: u64 = 1 << 10;

/// Invents `count` handles.
pub fn main(seed: u64, count: u64) -> Outcome {
    let mut real = Vec::new();
    for _ in 0..REAL {
        real.push(rt::event::create().map_err(|error| Failure::new(error.text()))?);
    }
    let first = real.first().map_or(0, |handle| handle.get().0);
    let known = known(&real);
    let mut dice = Dice::new(seed);
    let (mut made, mut tried) = (0u64, 0u64);
    let mut accepted = Vec::new();
    while tried < count {
        let value = invent(&mut dice, first, made);
        made = made.saturating_add(1);
        if known.binary_search(&value).is_ok() {
            continue;
        }
        tried = tried.saturating_add(1);
        match rt::handle::close(Handle(value)) {
            Err(Error::BadHandle) => {}
            other => accepted.push((value, other)),
        }
    }
    println!(
        "# forge: seed {seed}, {tried} handles, {} accepted",
        accepted.len()
    );
    control(&real)?;
    match accepted.first() {
        None => Ok(Rc::OK),
        Some((value, how)) => Err(Failure::new(format!("{value:#x} gives {how:?}"))),
    }
}

/// A number that could be a handle: near a real one by index and generation, or by a few
/// bits, or anything.
fn invent(dice: &mut Dice, real: u64, number: u64) -> u64 {
    match number % 4 {
        0 => real ^ (number / 4 % NEAR) ^ ((number / 4 / NEAR) << 32),
        1 => real ^ (1 << dice.below(64)) ^ (1 << dice.below(64)),
        2 => dice.below(1 << 20) | (dice.below(1 << 16) << 32),
        _ => dice.roll(),
    }
}

/// Every handle of the process, in order: those made here, and those given at the start.
fn known(real: &[OwnedHandle]) -> Vec<u64> {
    let given = rt::startup::get().map_or(&[] as &[_], |startup| startup.handles());
    let given = given.iter().map(|row| row.handle.0);
    let mut known: Vec<u64> = real
        .iter()
        .map(|handle| handle.get().0)
        .chain(given)
        .collect();
    known.sort_unstable();
    known
}

/// The control: what is real is accepted, each once.
fn control(real: &[OwnedHandle]) -> Result<(), Failure> {
    for handle in real {
        if rt::handle::info(handle.get()).is_err() {
            return Err(Failure::new("a real handle is gone"));
        }
    }
    let own = rt::startup::handle(Tag::OwnProcess);
    match own.map(rt::process::info) {
        Some(Ok(_)) => Ok(()),
        _ => Err(Failure::new("the handle to the process is gone")),
    }
}
