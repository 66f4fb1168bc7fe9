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

impl Charge {
    /// How much is charged.
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// Charges more or less from now on; less always succeeds.
    ///
    /// # Errors
    /// [`LimitReached`], and the old amount stays charged.
    pub fn set_amount(&mut self, amount: u64) -> Result<(), LimitReached> {
        match amount.checked_sub(self.amount) {
            Some(more) => self.account.charge(self.resource, more)?,
            None => {
                let less = self.amount.saturating_sub(amount);
                self.account.uncharge(self.resource, less);
            }
        }
        self.amount = amount;
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.account.uncharge(self.resource, self.amount);
    }
}
