//! Tests of accounts.

use super::*;

fn pages(account: &Account) -> u64 {
    account.used(Resource::Pages)
}

#[test]
fn a_charge_counts_in_every_ancestor_or_nowhere() {
    let root = Account::root().unwrap();
    let child = Account::open_group(&root).unwrap();
    root.set_limit(Resource::Pages, 10);
    assert_eq!(child.charge(Resource::Pages, 10), Ok(()));
    assert_eq!(pages(&root), 10);
    assert_eq!(child.charge(Resource::Pages, 1), Err(LimitReached));
    assert_eq!((pages(&child), pages(&root)), (10, 10));
    assert_eq!(
        (
            root.refusals(Resource::Pages),
            child.refusals(Resource::Pages)
        ),
        (1, 0)
    );
    child.uncharge(Resource::Pages, 10);
    assert_eq!((pages(&child), pages(&root)), (0, 0));
}

#[test]
fn the_limit_itself_is_allowed_and_one_more_is_not() {
    let account = Account::root().unwrap();
    account.set_limit(Resource::Handles, 2);
    let first = Charge::new(&account, Resource::Handles, 2).unwrap();
    assert!(Charge::new(&account, Resource::Handles, 1).is_err());
    drop(first);
    assert!(Charge::new(&account, Resource::Handles, 1).is_ok());
}

#[test]
fn an_amount_that_overflows_is_refused() {
    let root = Account::root().unwrap();
    let account = Account::open(&root).unwrap();
    account.charge(Resource::KernelBytes, 1).unwrap();
    let all = account.charge(Resource::KernelBytes, u64::MAX);
    assert_eq!(all, Err(LimitReached));
    assert_eq!(account.used(Resource::KernelBytes), 1);
}

#[test]
fn what_is_spare_counts_as_used_nowhere() {
    let root = Account::root().unwrap();
    let account = Account::open(&root).unwrap();
    for used in 1..100 {
        account.charge(Resource::Pages, 1).unwrap();
        assert_eq!((pages(&account), pages(&root)), (used, used));
    }
    for used in (0..99).rev() {
        account.uncharge(Resource::Pages, 1);
        assert_eq!((pages(&account), pages(&root)), (used, used));
        let spare = account.counter(Resource::Pages).spare();
        assert!(spare <= 2 * Resource::Pages.batch());
    }
    account.close();
    assert_eq!(root.counter(Resource::Pages).taken(), 0);
}

#[test]
fn most_charges_leave_the_parent_alone() {
    let root = Account::root().unwrap();
    let account = Account::open(&root).unwrap();
    account.charge(Resource::Handles, 1).unwrap();
    let taken = root.counter(Resource::Handles).taken();
    for _ in 0..1000 {
        account.charge(Resource::Handles, 1).unwrap();
        account.uncharge(Resource::Handles, 1);
        assert_eq!(root.counter(Resource::Handles).taken(), taken);
    }
}

#[test]
fn the_spare_of_others_is_called_in_before_a_limit_refuses() {
    let root = Account::root().unwrap();
    let group = Account::open_group(&root).unwrap();
    group.set_limit(Resource::Pages, 20);
    let members: Vec<_> = (0..4).map(|_| Account::open(&group).unwrap()).collect();
    for member in &members {
        member.charge(Resource::Pages, 1).unwrap();
    }
    // Exactly the limit fits, however it is spread, and not one more.
    for _ in 0..16 {
        members[3].charge(Resource::Pages, 1).unwrap();
    }
    assert_eq!(pages(&group), 20);
    for member in &members {
        assert_eq!(member.charge(Resource::Pages, 1), Err(LimitReached));
    }
    assert_eq!(group.refusals(Resource::Pages), 4);
    members[0].uncharge(Resource::Pages, 1);
    assert_eq!(members[1].charge(Resource::Pages, 1), Ok(()));
}

#[test]
fn a_part_of_the_spare_counts_for_a_larger_charge() {
    let root = Account::root().unwrap();
    root.set_limit(Resource::Pages, 100);
    let account = Account::open(&root).unwrap();
    account.charge(Resource::Pages, 92).unwrap();
    assert_eq!(account.charge(Resource::Pages, 9), Err(LimitReached));
    assert_eq!(account.charge(Resource::Pages, 8), Ok(()));
}

#[test]
fn what_outlives_a_closed_account_is_still_returned() {
    let root = Account::root().unwrap();
    let account = Account::open(&root).unwrap();
    let late = Charge::new(&account, Resource::KernelBytes, 100).unwrap();
    drop(account);
    assert_eq!(root.used(Resource::KernelBytes), 100);
    drop(late);
    assert_eq!(root.counter(Resource::KernelBytes).taken(), 0);
}

#[test]
fn what_is_put_back_may_exceed_the_limit() {
    let root = Account::root().unwrap();
    root.set_limit(Resource::Handles, 1);
    let account = Account::open(&root).unwrap();
    account.charge(Resource::Handles, 1).unwrap();
    account.charge_again(Resource::Handles, 1);
    assert_eq!(root.used(Resource::Handles), 2);
    account.uncharge(Resource::Handles, 2);
    account.close();
    assert_eq!(root.counter(Resource::Handles).taken(), 0);
}

#[test]
fn threads_that_charge_at_once_lose_nothing() {
    extern crate std;
    const ROUNDS: u64 = 20_000;
    let root = Account::root().unwrap();
    root.set_limit(Resource::Pages, 40);
    let accounts = [Account::open(&root).unwrap(), Account::open(&root).unwrap()];
    std::thread::scope(|scope| {
        for worker in 0..4u64 {
            let account = &accounts[(worker % 2) as usize];
            let root = &root;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let amount = 1 + (round ^ worker) % 13;
                    if account.charge(Resource::Pages, amount).is_ok() {
                        assert!(root.counter(Resource::Pages).taken() <= 40);
                        account.uncharge(Resource::Pages, amount);
                    }
                }
            });
        }
    });
    assert_eq!((pages(&accounts[0]), pages(&accounts[1])), (0, 0));
    drop(accounts);
    assert_eq!(root.counter(Resource::Pages).taken(), 0);
}
