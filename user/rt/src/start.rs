//! The first instructions of a program.
//!
//! The kernel enters `_start` with the address of the [`StartupRecord`] in `x0`
//! and a stack. A program is a position-independent executable, so before any
//! Rust code may run, `_start` applies its `R_AARCH64_RELATIVE` relocations (the
//! only kind a static one has; ELF for the Arm 64-bit Architecture, section 5.7).
//!
//! [`StartupRecord`]: abi::startup::StartupRecord
#![allow(unsafe_code, reason = "runs before anything is set up")]

#[cfg(target_os = "none")]
mod machine {
    use abi::startup::{STARTUP_MAGIC, StartupRecord};

    use crate::{process, startup, stream, thread};

    core::arch::global_asm!(include_str!("start.S"), options(raw));

    unsafe extern "Rust" {
        /// Defined by the `entry!` macro in each program.
        safe fn viper_program_main() -> i32;
    }

    /// Goes on from `_start` with relocations applied.
    ///
    /// # Safety
    ///
    /// Called once, by `start.S`, with what the kernel put into `x0`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn start_rust(record: *const StartupRecord) -> ! {
        // SAFETY: the kernel passes the address of a record that stays mapped and
        // unchanged as long as the process lives.
        let record: &'static StartupRecord = unsafe { &*record };
        if record.magic != STARTUP_MAGIC || record.abi_version != abi::ABI_VERSION {
            refuse(record);
        }
        // SAFETY: the record and what it points to stay as they are, see above.
        unsafe { startup::set(record) };
        thread::enter_main();
        process::exit(viper_program_main());
    }

    /// Ends a program that was built for another kernel.
    fn refuse(record: &'static StartupRecord) -> ! {
        // SAFETY: as in `start_rust`; even another version has its handles here.
        unsafe { startup::set(record) };
        if let Some(stderr) = startup::handle(abi::startup::Tag::Stderr) {
            let text = b"this program was built for another version of ViperOS: build it again\n";
            let _ = stream::write(stderr, text);
        }
        process::exit(abi::process::RC_FAIL);
    }
}

/// Makes a function `fn() -> i32` the program that runs after start-up.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        const _: () = {
            #[allow(unsafe_code, reason = "the name is how start-up finds the program")]
            #[unsafe(no_mangle)]
            extern "Rust" fn viper_program_main() -> i32 {
                let main: fn() -> i32 = $main;
                main()
            }
        };
    };
}
