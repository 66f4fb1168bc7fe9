//! Files that stay.

use anyhow::{Context, bail, ensure};

use super::lab::Rig;
use crate::image::{disk, layout};
use crate::workspace;

/// What is written is read back, by the same boot, the next one and the host.
pub fn storage_tests(rig: &Rig<'_>) -> anyhow::Result<()> {
    let write = "MakeDir WORK:a; Echo >WORK:a/x hello; Type WORK:a/x";
    rig.run(rig.machine()?, write)?
        .expect_code(0)?
        .expect_output("hello\n")?;
    rig.run(rig.machine()?, "Type WORK:a/x")?
        .expect_code(0)?
        .expect_output("hello\n")?;
    rig.fsck(&rig.disk())?;
    let bytes = rig.read_file(&rig.disk(), "/Work/a/x")?;
    ensure!(
        bytes == b"hello\n",
        "the host reads {:?}",
        String::from_utf8_lossy(&bytes)
    );
    let change = "Rename WORK:a/x WORK:a/y; Copy WORK:a/y WORK:z; Delete WORK:a/y; Type WORK:z";
    rig.run(rig.machine()?, change)?
        .expect_code(0)?
        .expect_output("hello\n")?;
    rig.fsck(&rig.disk())?;
    ensure!(
        rig.read_file(&rig.disk(), "/Work/a/y").is_err(),
        "a deleted file is still there"
    );
    Ok(())
}

/// A new system on an old disk leaves the user's files alone.
pub fn update_keeps_user_files(rig: &Rig<'_>) -> anyhow::Result<()> {
    rig.run(rig.machine()?, "Echo >WORK:mine kept")?
        .expect_code(0)?;
    let notice = rig.folder.join("Notice");
    let tools = &rig.lab.system.tools;
    let mut files = layout::system_files(&rig.lab.system.programs)?;
    files.push(layout::File::from_pair(&format!(
        "{}:SYS:Notice",
        notice.display()
    ))?);
    for text in ["first\n", "second\n"] {
        workspace::write(&notice, text)?;
        disk::update(tools, &rig.disk(), &files).context("update")?;
        let outcome = rig.run(rig.machine()?, "Type SYS:Notice; Type WORK:mine")?;
        outcome
            .expect_code(0)?
            .expect_output(&format!("{text}kept\n"))?;
    }
    rig.fsck(&rig.disk())
}

/// A disk with a machine on it is not written to by anybody else.
pub fn disk_in_use(rig: &Rig<'_>) -> anyhow::Result<()> {
    let machine = rig.machine()?;
    disk::refuse_if_in_use(&rig.disk()).context("before the machine runs")?;
    let mut vm = rig.boot(machine)?;
    vm.expect("> ")?;
    if disk::refuse_if_in_use(&rig.disk()).is_ok() {
        bail!("the disk of a running machine counts as free");
    }
    vm.kill();
    disk::refuse_if_in_use(&rig.disk()).context("after the machine")
}
