//! Ending the program.

use super::std;

/// Ends the program.
pub fn power_off() -> ! {
    std::process::exit(0)
}

/// Ends the program.
pub fn reboot() -> ! {
    std::process::exit(0)
}

/// Ends the program with a code.
pub fn semihosting_exit(code: u32) -> ! {
    std::process::exit(code.cast_signed())
}

/// Writes to the program's error output.
pub fn semihosting_write(text: &str) {
    std::eprint!("{text}");
}

/// No firmware.
pub fn set_firmware_call(_smc: bool) {}
