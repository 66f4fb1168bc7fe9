//! Removal of build output and disks.

use anyhow::Context;

use crate::workspace;

/// Removes everything that was built, the default disk included.
pub fn clean() -> anyhow::Result<u8> {
    let target = workspace::target();
    // The running program lies in target/debug; Linux lets its file be removed.
    if target.exists() {
        std::fs::remove_dir_all(&target)
            .with_context(|| format!("cannot remove {}", target.display()))?;
    }
    println!("removed {}", workspace::relative(&target).display());
    Ok(0)
}
