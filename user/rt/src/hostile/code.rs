//! Instructions of any kind, run where they can hurt nobody.

use abi::memory::MapFlags;
use abi::{Error, Syscall};

use super::READ_WRITE;
use crate::memory::Mapping;
use crate::process::{self, Side};
use crate::{OwnedHandle, Result};

/// Registers that are set before the first instruction: `x0` to `x16`.
pub const ENTRY_REGISTERS: usize = 17;

/// Instructions in a page of their own. Behind the last one the process ends with `x0` as
/// its return code.
#[derive(Debug)]
pub struct Code {
    page: Mapping,
}

/// Where a run begins.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entry {
    /// `x0` to `x16`.
    pub registers: [u64; ENTRY_REGISTERS],
    /// The stack pointer; 0 for one that is good.
    pub stack: u64,
}

impl Code {
    /// Puts instructions into a page.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` where they do not fit; `NoMemory`, `LimitReached`.
    pub fn new(instructions: &[u32]) -> Result<Code> {
        // movz x8, #process_exit; svc #0
        let exit = [
            0xd280_0008 | ((Syscall::ProcessExit as u32) << 5),
            0xd400_0001,
        ];
        let mut page = Mapping::anonymous(abi::PAGE_SIZE, READ_WRITE)?;
        let bytes = page.bytes_mut().ok_or(Error::Fault)?;
        let all = instructions.iter().chain(&exit);
        if all.clone().count().saturating_mul(4) > bytes.len() {
            return Err(Error::InvalidArgument);
        }
        for (place, instruction) in bytes.chunks_exact_mut(4).zip(all) {
            place.copy_from_slice(&instruction.to_le_bytes());
        }
        page.protect(MapFlags::READ | MapFlags::EXECUTE)?;
        let code = Code { page };
        code.show_to_the_instruction_cache();
        Ok(code)
    }

    /// Address of the first instruction.
    pub fn address(&self) -> u64 {
        self.page.address() as u64
    }

    /// Runs the instructions in a copy of this process; the copy.
    ///
    /// # Errors
    ///
    /// `NoMemory`, `LimitReached`.
    pub fn run(&self, entry: &Entry) -> Result<OwnedHandle> {
        match process::clone()? {
            Side::Original(copy) => Ok(copy),
            Side::Copy { .. } => {
                let mut frame = [0u64; ENTRY_REGISTERS + 1];
                for (to, from) in frame.iter_mut().zip(&entry.registers) {
                    *to = *from;
                }
                frame[ENTRY_REGISTERS] = entry.stack;
                self.enter(&frame)
            }
        }
    }

    #[cfg(target_os = "none")]
    fn enter(&self, frame: &[u64; ENTRY_REGISTERS + 1]) -> ! {
        // SAFETY: nothing of the program runs in this copy any more.
        unsafe { super::hostile_jump(frame.as_ptr(), self.address()) }
    }

    #[cfg(not(target_os = "none"))]
    fn enter(&self, _: &[u64; ENTRY_REGISTERS + 1]) -> ! {
        process::exit(abi::process::RC_FAIL)
    }

    fn show_to_the_instruction_cache(&self) {
        #[cfg(target_os = "none")]
        for line in (0..abi::PAGE_SIZE).step_by(16) {
            let address = self.page.address().saturating_add(line);
            // SAFETY: cache maintenance of a page of this process changes no contents.
            unsafe {
                core::arch::asm!("dc cvau, {0}", "dsb ish", "ic ivau, {0}", "dsb ish", "isb",
                    in(reg) address, options(nostack));
            }
        }
    }
}
