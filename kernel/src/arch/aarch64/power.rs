//! Stopping the machine: PSCI, and semihosting where it is there.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering};

use smccc::psci;

static CONDUIT_IS_SMC: AtomicBool = AtomicBool::new(false);

/// Chooses how the firmware is called, as the device tree says: SMC or HVC.
pub fn set_firmware_call(smc: bool) {
    CONDUIT_IS_SMC.store(smc, Ordering::Relaxed);
}

/// Starts a CPU.
pub(super) fn cpu_on(affinity: u64, entry: u64, argument: u64) -> Result<(), psci::error::Error> {
    if CONDUIT_IS_SMC.load(Ordering::Relaxed) {
        psci::cpu_on::<smccc::Smc>(affinity, entry, argument)
    } else {
        psci::cpu_on::<smccc::Hvc>(affinity, entry, argument)
    }
}

/// Stops the machine.
pub fn power_off() -> ! {
    let _ = if CONDUIT_IS_SMC.load(Ordering::Relaxed) {
        psci::system_off::<smccc::Smc>()
    } else {
        psci::system_off::<smccc::Hvc>()
    };
    super::stack::halt_forever()
}

/// Starts the machine anew.
pub fn reboot() -> ! {
    let _ = if CONDUIT_IS_SMC.load(Ordering::Relaxed) {
        psci::system_reset::<smccc::Smc>()
    } else {
        psci::system_reset::<smccc::Hvc>()
    };
    super::stack::halt_forever()
}

/// Operations of the semihosting specification, section 5.
mod operation {
    pub const WRITE0: u64 = 0x04;
    pub const EXIT_EXTENDED: u64 = 0x20;
}

fn semihosting(operation: u64, argument: u64) -> u64 {
    let result: u64;
    // SAFETY: only called when the machine was started with semihosting; the host reads
    // the block behind `argument` and changes nothing.
    unsafe {
        asm!("hlt #0xf000", inlateout("x0") operation => result, in("x1") argument,
            options(nostack));
    }
    result
}

/// Ends the machine with an exit code; only where semihosting is available.
pub fn semihosting_exit(code: u32) -> ! {
    /// ADP_Stopped_ApplicationExit
    const APPLICATION_EXIT: u64 = 0x20026;
    let block = [APPLICATION_EXIT, u64::from(code)];
    semihosting(operation::EXIT_EXTENDED, block.as_ptr() as u64);
    super::stack::halt_forever()
}

/// Writes text to the semihosting console; only where semihosting is available.
pub fn semihosting_write(text: &str) {
    const PIECE_BYTES: usize = 255;
    let mut buffer = [0u8; PIECE_BYTES + 1];
    for piece in text.as_bytes().chunks(PIECE_BYTES) {
        buffer[..piece.len()].copy_from_slice(piece);
        buffer[piece.len()] = 0;
        semihosting(operation::WRITE0, buffer.as_ptr() as u64);
    }
}
