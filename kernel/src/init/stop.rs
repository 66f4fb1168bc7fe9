//! Stopping the machine in good order.

use abi::system::PowerAction;

use crate::arch;
use crate::fs::vfs;

use super::{BOOT, serial};

/// Writes everything back, waits for the last output, and stops or restarts the machine.
pub(super) fn stop(action: PowerAction, code: u32) -> ! {
    vfs::flush_all_volumes();
    serial::drain();
    let semihosting = BOOT.get().is_some_and(|boot| boot.options.semihosting);
    match action {
        PowerAction::Off if semihosting => arch::semihosting_exit(code),
        PowerAction::Off => arch::power_off(),
        PowerAction::Reboot => arch::reboot(),
    }
}
