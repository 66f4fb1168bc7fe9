//! Every command there is, for `Help` and for tests over all of them.

use viper::Program;

/// The programs of this package, by name.
pub const PROGRAMS: &[Program] = &[
    crate::avail::PROGRAM,
    crate::caps::PROGRAM,
    crate::cls::PROGRAM,
    crate::copy::PROGRAM,
    crate::date::PROGRAM,
    crate::delete::PROGRAM,
    crate::dir::PROGRAM,
    crate::echo::PROGRAM,
    crate::help::PROGRAM,
    crate::list::PROGRAM,
    crate::makedir::PROGRAM,
    crate::reboot::PROGRAM,
    crate::rename::PROGRAM,
    crate::schedstat::PROGRAM,
    crate::schedstress::PROGRAM,
    shell::program::PROGRAM,
    crate::shutdown::PROGRAM,
    crate::status::PROGRAM,
    crate::time::PROGRAM,
    crate::top::PROGRAM,
    crate::trace::PROGRAM,
    crate::type_text::PROGRAM,
    crate::uptime::PROGRAM,
    crate::version::PROGRAM,
    crate::wait::PROGRAM,
];

/// Commands of packages that build on this one.
pub const ELSEWHERE: &[(&str, &str)] = &[
    ("Bench", "Measures the system; Bench ? shows how to choose."),
    (
        "SelfTest",
        "Tests the system from inside; SelfTest LIST names the tests.",
    ),
];

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn programs_are_sorted_and_explained() {
        let names: std::vec::Vec<_> = PROGRAMS.iter().map(|p| p.name.to_lowercase()).collect();
        let mut sorted = names.clone();
        sorted.sort();
        assert_eq!(names, sorted);
        for program in PROGRAMS {
            assert!(program.summary.ends_with('.'), "{program:?}");
            assert!(program.summary.len() <= 60, "{program:?}");
        }
    }

    #[test]
    fn no_program_hides_behind_a_builtin() {
        for program in PROGRAMS {
            assert!(shell::builtin::find(program.name).is_none(), "{program:?}");
        }
        assert!(shell::builtin::find("Cd").is_some());
    }
}
