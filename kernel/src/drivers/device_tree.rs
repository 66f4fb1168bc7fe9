//! What the device tree says about the machine.
#![forbid(unsafe_code)]

use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::{Node, Property};

use crate::limits::CPUS_MAX;

/// Most virtio slots that are looked at.
const VIRTIO_SLOTS_MAX: usize = 32;

/// An interrupt of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupt {
    /// Number at the controller.
    pub number: u32,
    /// Edge triggered, else level.
    pub edge: bool,
}

/// Registers and interrupt of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Physical address of the registers.
    pub address: u64,
    /// Bytes of registers.
    pub bytes: u64,
    /// Its interrupt, where it has one.
    pub interrupt: Option<Interrupt>,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Machine<'a> {
    /// First address and end of physical memory.
    pub memory: (u64, u64),
    /// Command line.
    pub boot_arguments: &'a str,
    /// Random bytes from the boot loader.
    pub seed: &'a [u8],
    /// Affinities of the CPUs, the first `cpu_count` of them.
    pub cpus: [u64; CPUS_MAX],
    /// CPUs that the tree names, at most [`CPUS_MAX`].
    pub cpu_count: usize,
    /// The firmware is called by SMC, else by HVC.
    pub firmware_by_smc: bool,
    /// Interrupt controller: version, and its first two register blocks.
    pub gic: Option<(u32, Device, Device)>,
    /// PL011 serial port.
    pub serial: Option<Device>,
    /// PL031 real-time clock.
    pub clock: Option<Device>,
    /// QEMU's firmware configuration.
    pub fw_cfg: Option<Device>,
    /// Slots for virtio devices.
    pub virtio: [Option<Device>; VIRTIO_SLOTS_MAX],
}

/// Reads the device tree.
///
/// # Errors
/// Words for a person where the tree is no tree or names no memory.
pub fn read_machine(blob: &[u8]) -> Result<Machine<'_>, &'static str> {
    let tree = Fdt::new(blob).map_err(|_| "the device tree is malformed")?;
    let mut machine = Machine {
        memory: (0, 0),
        boot_arguments: "",
        seed: &[],
        cpus: [0; CPUS_MAX],
        cpu_count: 0,
        firmware_by_smc: false,
        gic: None,
        serial: None,
        clock: None,
        fw_cfg: None,
        virtio: [None; VIRTIO_SLOTS_MAX],
    };
    let mut slots = machine.virtio.iter_mut();
    for node in tree.root().children() {
        match node.name_without_address() {
            "memory" => {
                if let Some(device) = device(&node) {
                    let end = device.address.saturating_add(device.bytes);
                    if device.bytes > machine.memory.1.saturating_sub(machine.memory.0) {
                        machine.memory = (device.address, end);
                    }
                }
            }
            "chosen" => read_chosen(&node, &mut machine.boot_arguments, &mut machine.seed),
            "cpus" => machine.cpu_count = read_cpus(&node, &mut machine.cpus),
            "psci" => machine.firmware_by_smc = text(&node, "method") == Some("smc"),
            "intc" => machine.gic = read_gic(&node),
            "pl011" => machine.serial = device(&node),
            "pl031" => machine.clock = device(&node),
            "fw-cfg" => machine.fw_cfg = device(&node),
            "virtio_mmio" => {
                if let Some(slot) = slots.next() {
                    *slot = device(&node);
                }
            }
            _ => {}
        }
    }
    if machine.memory.0 == machine.memory.1 {
        return Err("the device tree names no memory");
    }
    Ok(machine)
}

/// What the tree says about where the kernel is to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place<'a> {
    /// Command line.
    pub boot_arguments: &'a str,
    /// Random bytes for its address.
    pub seed: &'a [u8],
}

/// Reads what is needed before anything else; a malformed tree says nothing.
pub fn read_place(blob: &[u8]) -> Place<'_> {
    let mut place = Place::default();
    let Ok(tree) = Fdt::new(blob) else {
        return place;
    };
    let chosen = |node: &FdtNode<'_>| node.name_without_address() == "chosen";
    if let Some(node) = tree.root().children().find(chosen) {
        place.boot_arguments = text(&node, "bootargs").unwrap_or_default();
        place.seed = value(&node, "kaslr-seed").unwrap_or_default();
    }
    place
}

fn value<'a>(node: &FdtNode<'a>, name: &str) -> Option<&'a [u8]> {
    node.properties()
        .find(|property| property.name() == name)?
        .value_as::<&'a [u8]>()
        .ok()
}

fn text<'a>(node: &FdtNode<'a>, name: &str) -> Option<&'a str> {
    let bytes = value(node, name)?;
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    core::str::from_utf8(bytes.get(..end)?).ok()
}

fn cells(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes
        .chunks_exact(4)
        .filter_map(|cell| Some(u32::from_be_bytes(cell.try_into().ok()?)))
}

/// Register blocks of a node; the root of the `virt` machine counts in two cells.
fn blocks(bytes: &[u8]) -> impl Iterator<Item = (u64, u64)> {
    let wide = |cells: &[u8]| cells.try_into().ok().map(u64::from_be_bytes);
    bytes
        .chunks_exact(16)
        .filter_map(move |block| Some((wide(block.get(..8)?)?, wide(block.get(8..)?)?)))
}

fn device(node: &FdtNode<'_>) -> Option<Device> {
    let (address, bytes) = blocks(value(node, "reg")?).next()?;
    Some(Device {
        address,
        bytes,
        interrupt: interrupt(node),
    })
}

/// The GIC binding: type (0 shared, 1 private), number, flags (1 and 2 are edges).
fn interrupt(node: &FdtNode<'_>) -> Option<Interrupt> {
    let mut cells = cells(value(node, "interrupts")?);
    let base = match cells.next()? {
        0 => 32,
        _ => 16,
    };
    let number = cells.next()?.checked_add(base)?;
    Some(Interrupt {
        number,
        edge: cells.next()? & 3 != 0,
    })
}

fn read_chosen<'a>(node: &FdtNode<'a>, arguments: &mut &'a str, seed: &mut &'a [u8]) {
    if let Some(words) = text(node, "bootargs") {
        *arguments = words;
    }
    if let Some(bytes) = value(node, "rng-seed") {
        *seed = bytes;
    }
}

fn read_cpus(node: &FdtNode<'_>, cpus: &mut [u64; CPUS_MAX]) -> usize {
    let mut count = 0;
    for cpu in node
        .children()
        .filter(|child| child.name_without_address() == "cpu")
    {
        let affinity = value(&cpu, "reg")
            .map(|bytes| cells(bytes).fold(0, |all, cell| (all << 32) | u64::from(cell)));
        if let (Some(place), Some(affinity)) = (cpus.get_mut(count), affinity) {
            *place = affinity;
            count = count.saturating_add(1);
        }
    }
    count
}

fn read_gic(node: &FdtNode<'_>) -> Option<(u32, Device, Device)> {
    let version = if text(node, "compatible")?.contains("gic-v3") {
        3
    } else {
        2
    };
    let mut parts = blocks(value(node, "reg")?).map(|(address, bytes)| Device {
        address,
        bytes,
        interrupt: None,
    });
    Some((version, parts.next()?, parts.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_blob_is_worse_than_an_error() {
        assert!(read_machine(&[]).is_err());
        assert!(read_machine(&[0xd0, 0x0d, 0xfe, 0xed]).is_err());
        assert!(read_machine(&[0xff; 4096]).is_err());
    }
}
