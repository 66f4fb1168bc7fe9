//! Places where a call takes a value: registers, and words of records.

use abi::syscall::ArgKind;
use abi::{Syscall, SyscallInfo};
use rt::hostile::SLOTS;

/// Words of a record that are tried one by one; no record but that of an upcall has more.
const RECORD_WORDS: usize = 9;

/// One place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Register that holds the value, or the address of the record.
    pub register: usize,
    /// Word of the record; `None` for the register itself.
    pub word: Option<usize>,
    /// What the value is.
    pub kind: PlaceKind,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceKind {
    /// As the table says.
    Arg(ArgKind),
    /// Part of a record, of which the table says nothing.
    Word,
}

/// Registers of the two calls that take more than the table has room for.
const MORE: [(Syscall, &[(usize, ArgKind)]); 2] = [
    (
        Syscall::ChannelCall,
        &[(7, ArgKind::Handle), (9, ArgKind::Deadline)],
    ),
    (
        Syscall::PortReplyWait,
        &[
            (7, ArgKind::Handle),
            (9, ArgKind::Deadline),
            (10, ArgKind::Value),
        ],
    ),
];

/// Whether arguments and results of a call are more registers than the table names.
pub fn is_in_registers(call: &SyscallInfo) -> bool {
    MORE.iter().any(|(other, _)| *other as u64 == call.number)
}

/// The registers a call looks at.
pub fn registers(call: &SyscallInfo) -> impl Iterator<Item = Place> {
    let more = MORE
        .iter()
        .filter(|(other, _)| *other as u64 == call.number)
        .flat_map(|(_, more)| more.iter().copied());
    let named = call.args.iter().map(|arg| arg.kind).enumerate();
    named.chain(more).map(|(register, kind)| Place {
        register,
        word: None,
        kind: PlaceKind::Arg(kind),
    })
}

/// The words of the records and arrays a call reads.
pub fn words(call: &SyscallInfo) -> impl Iterator<Item = Place> {
    let inputs = call
        .args
        .iter()
        .enumerate()
        .filter(|(_, arg)| arg.kind == ArgKind::In);
    inputs.take(SLOTS).flat_map(|(register, _)| {
        (0..RECORD_WORDS).map(move |word| Place {
            register,
            word: Some(word),
            kind: PlaceKind::Word,
        })
    })
}

/// A name of the place for a person.
pub fn name(call: &SyscallInfo, place: &Place) -> alloc::string::String {
    let arg = call.args.get(place.register).map_or("x", |arg| arg.name);
    match (arg, place.word) {
        ("x", _) => alloc::format!("x{}", place.register),
        (arg, None) => arg.into(),
        (arg, Some(word)) => alloc::format!("{arg}[{word}]"),
    }
}
