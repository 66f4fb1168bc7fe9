//! Stopping the machine in good order.

use abi::process::RC_FAIL;
use abi::system::PowerAction;

use crate::arch;
use crate::fs::vfs;

use super::{BOOT, serial};

/// Writes everything back, waits for the last output, and stops or restarts the machine.
pub(super) fn stop(action: PowerAction, code: u32) -> ! {
    // A machine that could not write its last changes does not end well.
    let code = if vfs::flush_all_volumes() {
        code
    } else {
        code.max(RC_FAIL.unsigned_abs())
    };
    serial::drain();
    #[cfg(feature = "sched-fuzz")]
    super::sched_fuzz::end();
    let semihosting = BOOT.get().is_some_and(|boot| boot.options.semihosting);
    match action {
        PowerAction::Off if semihosting => arch::semihosting_exit(code),
        PowerAction::Off => arch::power_off(),
        PowerAction::Reboot => arch::reboot(),
    }
}
