//! The rung of whole machines: the scenarios.

use std::time::Instant;

use super::Selection;
use super::report::Report;
use crate::scenario;
use crate::scenario::lab::Lab;

/// Runs the scenarios.
pub fn run(selection: &Selection, report: &mut Report) -> anyhow::Result<()> {
    let wanted: Vec<_> = scenario::ALL
        .iter()
        .filter(|scenario| selection.wants(scenario.name))
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let lab = Lab::new(selection.seed, selection.is_full)?;
    for (index, scenario) in wanted.iter().enumerate() {
        println!("[{}/{}] {}", index + 1, wanted.len(), scenario.name);
        let start = Instant::now();
        let result = lab.rig(scenario.name).and_then(|rig| {
            (scenario.run)(&rig)?;
            rig.done()
        });
        match result {
            Ok(()) => report.pass(scenario.name, start.elapsed()),
            Err(error) => {
                let folder = lab.folder(scenario.name);
                let reason = format!("{error:#}\n  files: {}", folder.display());
                report.fail(scenario.name, &reason);
            }
        }
    }
    Ok(())
}
