//! A charge with an owner.

use crate::sync::Ref;

use super::{Account, LimitReached, Resource};

/// A charge that is returned when dropped.
#[derive(Debug)]
pub struct Charge {
    account: Ref<Account>,
    resource: Resource,
    amount: u64,
}

impl Charge {
    /// Charges `amount` until the value is dropped.
    ///
    /// # Errors
    /// [`LimitReached`], and nothing is counted.
    pub fn new(
        account: &Ref<Account>,
        resource: Resource,
        amount: u64,
    ) -> Result<Charge, LimitReached> {
        account.charge(resource, amount)?;
        Ok(Charge {
            account: account.clone(),
            resource,
            amount,
        })
    }

    /// Charges in spite of limits what was charged a moment ago.
    pub fn again(account: &Ref<Account>, resource: Resource, amount: u64) -> Charge {
        account.charge_again(resource, amount);
        Charge {
            account: account.clone(),
            resource,
            amount,
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.account.uncharge(self.resource, self.amount);
    }
}
