//! Reaching the memory of programs.

use crate::account::Account;
use crate::arch::{self, PageFlags};
use crate::mm::{AddressSpace, Backing, Layout, MapRequest, PAGE, UserReader, UserWriter};
use crate::sync::Ref;

use super::{Test, Verdict, check, check_eq};

pub(super) const TESTS: &[Test] = &[
    Test {
        name: "user_copy::kernel_addresses_are_refused",
        run: kernel_addresses,
    },
    Test {
        name: "user_copy::unmapped_user_memory_is_a_fault",
        run: unmapped,
    },
    Test {
        name: "user_copy::a_kernel_page_is_not_reached_by_user_loads",
        run: confused,
    },
    Test {
        name: "user_copy::a_space_can_be_written_from_outside",
        run: outside,
    },
];

fn space() -> Result<Ref<AddressSpace>, &'static str> {
    let account = Account::root().map_err(|_| "no memory")?;
    let space = AddressSpace::new(account, Layout::FIXED).map_err(|_| "no memory")?;
    Ref::new(space).map_err(|_| "no memory")
}

fn kernel_addresses() -> Verdict {
    let space = space()?;
    let mut bytes = [0; 16];
    for address in [
        arch::image_layout().start,
        arch::PHYS_MAP_BASE,
        u64::MAX - 8,
        0,
        8,
    ] {
        check!(
            UserReader::new(&space, address, 16)
                .copy_to(0, &mut bytes)
                .is_err()
        );
        check!(
            UserWriter::new(&space, address, 16)
                .copy_from(0, &bytes)
                .is_err()
        );
    }
    Ok(())
}

fn unmapped() -> Verdict {
    // The running thread has no program: every user address is unmapped.
    let mut bytes = [0; 200];
    check_eq!(arch::copy_from_user(&mut bytes, abi::USER_START), 200);
    check_eq!(arch::copy_to_user(abi::USER_START, &bytes), 200);
    check_eq!(arch::load_user_u32(abi::USER_START), None);
    Ok(())
}

fn confused() -> Verdict {
    // Were the range check ever missing, the unprivileged load itself still refuses.
    let mut bytes = [0; 8];
    check_eq!(
        arch::copy_from_user(&mut bytes, arch::image_layout().start),
        8
    );
    check_eq!(arch::load_user_u32(arch::image_layout().start), None);
    Ok(())
}

fn outside() -> Verdict {
    let space = space()?;
    let request = MapRequest {
        placement: 0,
        fixed: false,
        bytes: 2 * PAGE,
        flags: PageFlags::WRITE,
        most: PageFlags::WRITE,
        backing: Backing::Anonymous,
    };
    let at = AddressSpace::map(&space, request).map_err(|_| "no memory")?;
    check!(space.write(at + PAGE - 4, b"12345678").is_ok());
    check!(space.write(at + 2 * PAGE - 4, b"12345678").is_err());
    Ok(())
}
