//! Small devices at boot: entropy, clock, firmware configuration.

use alloc::string::String;

use crate::drivers::{self, Device, Machine, VirtioKind};
use crate::mm;
use crate::{arch, entropy, time};

/// Bytes taken from the random device.
const SEED_BYTES: usize = 64;

/// Feeds the random number generator with everything the machine offers.
pub(super) fn seed_entropy(machine: &Machine<'_>) {
    entropy::add_entropy(machine.seed);
    for _ in 0..4 {
        if let Some(word) = arch::hardware_random() {
            entropy::add_entropy(&word.to_le_bytes());
        }
    }
    for device in virtio_devices(machine, VirtioKind::Entropy) {
        let mut bytes = [0; SEED_BYTES];
        match drivers::read_virtio_rng(device.0, device.1.bytes, &mut bytes) {
            Ok(count) => entropy::add_entropy(bytes.get(..count).unwrap_or(&[])),
            Err(error) => log::warn!("the random device fails: {}", error.0),
        }
    }
    let mut probe = [0; 8];
    if entropy::fill_random(&mut probe).is_err() {
        log::warn!("no source of random numbers; what needs them will refuse");
    }
}

/// The mapped registers of every virtio device of a kind.
pub(super) fn virtio_devices(
    machine: &Machine<'_>,
    kind: VirtioKind,
) -> impl Iterator<Item = (u64, Device)> {
    let slots = machine.virtio;
    // The machine fills its slots from the last one down.
    slots.into_iter().rev().flatten().filter_map(move |device| {
        let base = mm::map_device(device.address, device.bytes).ok()?;
        (drivers::probe_virtio(base, device.bytes)? == kind).then_some((base, device))
    })
}

/// Sets the wall clock from the real-time clock.
pub(super) fn set_clock(machine: &Machine<'_>) {
    let Some(device) = machine.clock else {
        log::warn!("the machine has no clock that is known; it is 1970");
        return;
    };
    if let Ok(base) = mm::map_device(device.address, device.bytes) {
        let seconds = drivers::read_rtc_seconds(base, device.bytes);
        time::set_wall_ns(seconds.saturating_mul(1_000_000_000));
    }
}

/// The commands to run and end with, where the machine was started for that.
pub(super) fn exec_commands(machine: &Machine<'_>) -> Option<String> {
    let device = machine.fw_cfg?;
    let base = mm::map_device(device.address, device.bytes).ok()?;
    let bytes = drivers::read_fw_cfg_file(base, device.bytes, "opt/viperos/exec")?;
    match String::from_utf8(bytes) {
        Ok(commands) => Some(commands),
        Err(_) => {
            log::warn!("the commands to run are not UTF-8; they are left out");
            None
        }
    }
}
