//! Scripted machines: each scenario boots, does something and judges.
//!
//! A scenario is a function over a [`lab::Rig`]; an error is a failure. To add
//! one, write it in the file of its subject and give it a row in [`ALL`].

mod bad_disk;
mod boot;
mod console;
mod exec;
mod hostile;
pub mod lab;
mod measure;
mod power_cut;
mod sched;
pub mod schedules;
mod storage;
mod toolchain;
pub mod vm;

use lab::Rig;

/// A scenario with its name.
#[derive(Debug)]
pub struct Scenario {
    /// What it is called.
    pub name: &'static str,
    /// Does and judges.
    pub run: fn(&Rig<'_>) -> anyhow::Result<()>,
}

/// Every scenario, from the simplest on.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "kernel_boot",
        run: boot::kernel_boot,
    },
    Scenario {
        name: "scheduler_start",
        run: boot::scheduler_start,
    },
    Scenario {
        name: "storage_tests",
        run: storage::storage_tests,
    },
    Scenario {
        name: "toolchain_test",
        run: toolchain::toolchain_test,
    },
    Scenario {
        name: "boots_with_both_gics_and_cpu_models",
        run: boot::interrupt_controllers,
    },
    Scenario {
        name: "boots_with_1_to_8_cpus",
        run: boot::numbers_of_cpus,
    },
    Scenario {
        name: "boots_with_48_mib_to_8_gib",
        run: boot::memory_sizes,
    },
    Scenario {
        name: "boots_from_el2",
        run: boot::from_el2,
    },
    Scenario {
        name: "the_kernel_lies_elsewhere_in_each_boot",
        run: boot::random_addresses,
    },
    Scenario {
        name: "too_little_memory_is_said",
        run: boot::too_little_memory,
    },
    Scenario {
        name: "output_is_the_programs_alone",
        run: exec::output_is_pure,
    },
    Scenario {
        name: "return_codes_become_exit_codes",
        run: exec::return_codes,
    },
    Scenario {
        name: "a_fault_ends_only_the_program",
        run: exec::fault,
    },
    Scenario {
        name: "a_hang_ends_with_124",
        run: exec::hang,
    },
    Scenario {
        name: "a_panic_ends_with_101_and_a_report",
        run: exec::panic,
    },
    Scenario {
        name: "a_panic_shows_the_trace",
        run: sched::panic_with_trace,
    },
    Scenario {
        name: "ctrl_a_x_leaves",
        run: console::leaving,
    },
    Scenario {
        name: "the_printed_line_can_be_pasted",
        run: exec::printed_line,
    },
    Scenario {
        name: "a_session_at_the_console",
        run: console::session,
    },
    Scenario {
        name: "user_files_outlive_a_new_system",
        run: storage::update_keeps_user_files,
    },
    Scenario {
        name: "no_disk_is_said",
        run: bad_disk::no_disk,
    },
    Scenario {
        name: "bad_disks_are_refused",
        run: bad_disk::unreadable_disks,
    },
    Scenario {
        name: "one_damaged_block_is_survived",
        run: bad_disk::one_damaged_block,
    },
    Scenario {
        name: "a_disk_in_use_is_left_alone",
        run: storage::disk_in_use,
    },
    Scenario {
        name: "random_calls_hurt_nobody",
        run: hostile::random_calls,
    },
    Scenario {
        name: "changed_schedules_find_nothing",
        run: schedules::seeds_find_nothing,
    },
    Scenario {
        name: "planted_races_are_found",
        run: schedules::planted_races_are_found,
    },
    Scenario {
        name: "null_calls_scale",
        run: hostile::null_calls_scale,
    },
    Scenario {
        name: "sched_stress_adds_up",
        run: sched::stress_counts,
    },
    Scenario {
        name: "sched_loads_end_as_they_should",
        run: sched::small_loads,
    },
    Scenario {
        name: "top_draws_and_quits",
        run: sched::top,
    },
    Scenario {
        name: "power_cuts_lose_nothing",
        run: power_cut::power_cuts,
    },
    Scenario {
        name: "a_lost_acknowledged_file_is_found",
        run: power_cut::planted_loss,
    },
    Scenario {
        name: "boot_costs_repeat_and_stay_low",
        run: measure::boot_costs,
    },
    Scenario {
        name: "breakpoints_are_hit",
        run: measure::breakpoints,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|one| one.name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
