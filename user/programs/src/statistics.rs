//! What the kernel says about the whole system.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use abi::process::ProcessInfo;
use abi::scheduling::ThreadInfo;
use abi::startup::Tag;
use abi::system::{CpuInfo, MachineInfo, MemoryInfo, Topic};
use viper::Failure;

/// Most processes listed.
const PROCESSES_MAX: usize = 1 << 16;
/// Most CPUs listed.
const CPUS_MAX: usize = 16;
/// Longest text of a topic, in bytes.
const TEXT_BYTES_MAX: usize = 4096;

/// The handle that allows asking.
fn system() -> Result<abi::Handle, Failure> {
    rt::startup::handle(Tag::System).ok_or_else(|| Failure::not_given("the statistics"))
}

/// The machine.
///
/// # Errors
///
/// Where this program was not given the statistics.
pub fn machine() -> Result<MachineInfo, Failure> {
    let mut info = MachineInfo::default();
    rt::system::info(system()?, Topic::Machine, core::slice::from_mut(&mut info))?;
    Ok(info)
}

/// Its memory.
///
/// # Errors
///
/// Where this program was not given the statistics.
pub fn memory() -> Result<MemoryInfo, Failure> {
    let mut info = MemoryInfo::default();
    rt::system::info(system()?, Topic::Memory, core::slice::from_mut(&mut info))?;
    Ok(info)
}

/// All processes.
///
/// # Errors
///
/// Where this program was not given the statistics.
pub fn processes() -> Result<Vec<ProcessInfo>, Failure> {
    let system = system()?;
    let mut count: usize = 32;
    loop {
        let mut rows = vec![ProcessInfo::default(); count];
        let used = rt::system::info(system, Topic::Processes, &mut rows)?;
        let filled = used / size_of::<ProcessInfo>();
        // A full answer may have left some out.
        if filled < count || count >= PROCESSES_MAX {
            rows.truncate(filled);
            rows.sort_by_key(|row| row.id);
            return Ok(rows);
        }
        count = count.saturating_mul(2);
    }
}

/// All threads.
///
/// # Errors
///
/// Where this program was not given the statistics.
pub fn threads() -> Result<Vec<ThreadInfo>, Failure> {
    let system = system()?;
    let mut count: usize = 64;
    loop {
        let mut rows = vec![ThreadInfo::default(); count];
        let used = rt::system::info(system, Topic::Threads, &mut rows)?;
        let filled = used / size_of::<ThreadInfo>();
        // A full answer may have left some out.
        if filled < count || count >= PROCESSES_MAX {
            rows.truncate(filled);
            rows.sort_by_key(|row| row.id);
            return Ok(rows);
        }
        count = count.saturating_mul(2);
    }
}

/// All CPUs that run, by number.
///
/// # Errors
///
/// Where this program was not given the statistics.
pub fn cpus() -> Result<Vec<CpuInfo>, Failure> {
    let mut rows = [CpuInfo::default(); CPUS_MAX];
    let used = rt::system::info(system()?, Topic::Cpus, &mut rows)?;
    let rows = rows.iter().take(used / size_of::<CpuInfo>());
    Ok(rows.copied().collect())
}

/// A part in per cent with one digit after the point, such as `12.5`.
pub fn percent(part: u64, whole: u64) -> String {
    let tenths = part
        .saturating_mul(1000)
        .checked_div(whole)
        .unwrap_or_default();
    alloc::format!("{}.{}", tenths / 10, tenths % 10)
}

/// A topic that is text.
///
/// # Errors
///
/// Where this program was not given the statistics.
pub fn text(topic: Topic) -> Result<String, Failure> {
    let mut bytes = vec![0u8; TEXT_BYTES_MAX];
    let used = rt::system::info(system()?, topic, &mut bytes)?;
    let text = String::from_utf8_lossy(bytes.get(..used).unwrap_or(&[]));
    Ok(text.trim_end_matches(['\0', '\n']).into())
}

/// The name in a row of the process list.
pub fn name(row: &ProcessInfo) -> String {
    let end = row
        .name
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(row.name.len());
    String::from_utf8_lossy(row.name.get(..end).unwrap_or(&[])).into_owned()
}
