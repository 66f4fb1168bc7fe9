//! QEMU's firmware configuration device, read by DMA (QEMU docs/specs/fw_cfg).

#![forbid(unsafe_code)]

use alloc::vec::Vec;

use crate::arch::{dma_barrier, virt_to_phys};
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::try_box;

use super::mmio::Registers;

const FILE_DIRECTORY: u32 = 0x19;
const DMA_REGISTER: u64 = 16;
const CONTROL_ERROR: u32 = 1;
const CONTROL_READ: u32 = 2;
const CONTROL_SELECT: u32 = 8;
/// Bytes of one file's entry in the directory.
const ENTRY: usize = 64;
/// Largest file that is read.
const FILE_BYTES_MAX: usize = 64 * 1024;
const FILES_MAX: usize = 256;

/// The block the device reads and answers in; big endian.
#[repr(C, align(16))]
struct Request {
    control: AtomicU32,
    length: u32,
    address: u64,
}

fn read_item(registers: &Registers, select: u32, bytes: usize) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    data.try_reserve_exact(bytes).ok()?;
    data.resize(bytes, 0u8);
    let control = (select << 16) | CONTROL_SELECT | CONTROL_READ;
    let request = try_box(Request {
        control: AtomicU32::new(control.to_be()),
        length: u32::try_from(bytes).ok()?.to_be(),
        address: virt_to_phys(data.as_ptr()).to_be(),
    })
    .ok()?;
    dma_barrier();
    let place = (&raw const *request).cast();
    registers.write_be64(DMA_REGISTER, virt_to_phys(place));
    for _ in 0..1_000_000 {
        dma_barrier();
        let control = u32::from_be(request.control.load(Ordering::Acquire));
        if control & CONTROL_ERROR != 0 {
            return None;
        }
        if control == 0 {
            return Some(data);
        }
    }
    // The device may still write: neither block is given back.
    core::mem::forget((request, data));
    None
}

/// Reads the file `name`; `None` where there is no such file or no such device.
pub fn read_fw_cfg_file(base: u64, bytes: u64, name: &str) -> Option<Vec<u8>> {
    let registers = Registers::new(base, bytes.max(DMA_REGISTER + 8));
    let head = read_item(&registers, FILE_DIRECTORY, 4)?;
    let count = u32::from_be_bytes(head.try_into().ok()?) as usize;
    let bytes = count.min(FILES_MAX).checked_mul(ENTRY)?.checked_add(4)?;
    let directory = read_item(&registers, FILE_DIRECTORY, bytes)?;
    for entry in directory.get(4..)?.chunks_exact(ENTRY) {
        let size = u32::from_be_bytes(entry.get(..4)?.try_into().ok()?) as usize;
        let select = u16::from_be_bytes(entry.get(4..6)?.try_into().ok()?);
        let text = entry.get(8..)?;
        let end = text
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(text.len());
        if text.get(..end)? == name.as_bytes() {
            return read_item(&registers, u32::from(select), size.min(FILE_BYTES_MAX));
        }
    }
    None
}
