//! Devices: finding them in the device tree, and their drivers.

mod device_tree;
mod fw_cfg;
mod irq;
#[allow(unsafe_code, reason = "device registers")]
mod mmio;
mod pl011;
mod pl031;
#[allow(unsafe_code, reason = "queues shared with devices")]
mod virtio;

pub use device_tree::{Device, Interrupt, Machine, Place, read_machine, read_place};
pub use fw_cfg::read_fw_cfg_file;
pub use irq::{IrqHandler, handle_irq, register_irq};
pub use pl011::Pl011;
pub use pl031::read_rtc_seconds;
pub use virtio::{VirtioBlk, VirtioError, VirtioKind, probe_virtio, read_virtio_rng};
