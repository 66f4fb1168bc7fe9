//! Compiler flags of what runs in the machine: the only place they stand.
//!
//! A changed flag compiles `core` again, so they are the same for every profile
//! and feature.

use crate::toolchain::{KERNEL_TARGET, Toolchain, USER_TARGET, Way, target_variable};

/// The kernel: a position-independent image that relocates itself.
///
/// Its read-only data holds pointers that the kernel relocates before it
/// protects them, hence `notext`.
const KERNEL: &[&str] = &[
    "-Crelocation-model=pie",
    "-Cforce-frame-pointers=yes",
    "-Clink-arg=-pie",
    "-Clink-arg=--no-dynamic-linker",
    "-Clink-arg=-znotext",
    "-Clink-arg=--script=kernel/linker/aarch64.ld",
];

/// Programs: static and position independent.
const USER_PIE: &[&str] = &[
    "-Crelocation-model=pie",
    "-Cforce-frame-pointers=yes",
    "-Clink-arg=-pie",
    "-Clink-arg=--no-dynamic-linker",
    "-Clink-arg=-zmax-page-size=4096",
];

/// Programs where `core` came compiled: its constants hold absolute addresses,
/// which a position-independent program could not keep in read-only pages.
const USER_FIXED: &[&str] = &[
    "-Crelocation-model=static",
    "-Cforce-frame-pointers=yes",
    "-Clink-arg=--image-base=0x400000",
    "-Clink-arg=-zmax-page-size=4096",
];

/// Landing pads and signed return addresses; needs `core` compiled alike.
const BRANCH_PROTECTION: &str = "-Zbranch-protection=bti,pac-ret";

/// Cargo's environment variables with the flags of both targets.
pub fn environment(toolchain: &Toolchain) -> [(String, String); 2] {
    [
        (
            target_variable(KERNEL_TARGET, "RUSTFLAGS"),
            flags(KERNEL, toolchain.way),
        ),
        (
            target_variable(USER_TARGET, "RUSTFLAGS"),
            flags(user(toolchain.way), toolchain.way),
        ),
    ]
}

fn user(way: Way) -> &'static [&'static str] {
    if way.builds_core() {
        USER_PIE
    } else {
        USER_FIXED
    }
}

fn flags(own: &[&str], way: Way) -> String {
    let mut words = own.to_vec();
    if way.builds_core() {
        words.push(BRANCH_PROTECTION);
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags_of(way: Way) -> [(String, String); 2] {
        environment(&Toolchain {
            way,
            version: String::new(),
            linker: None,
        })
    }

    #[test]
    fn branch_protection_needs_a_core_compiled_here() {
        for way in Way::ALL {
            for (variable, flags) in flags_of(way) {
                let has = flags.contains("branch-protection");
                assert_eq!(has, way.builds_core(), "{variable} by {way:?}");
            }
        }
    }

    #[test]
    fn compiled_core_means_programs_at_a_fixed_address() {
        let [_, (_, user)] = flags_of(Way::Target);
        assert!(
            user.contains("--image-base=0x400000") && !user.contains("-pie"),
            "{user}"
        );
        let [_, (_, user)] = flags_of(Way::Source);
        assert!(user.contains("-Clink-arg=-pie"), "{user}");
    }

    #[test]
    fn no_flag_contains_the_blank_that_separates_them() {
        for flag in [KERNEL, USER_PIE, USER_FIXED].concat() {
            assert!(!flag.contains(' '), "{flag}");
        }
    }
}
