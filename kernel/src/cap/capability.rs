//! A right to an object.

use abi::Rights;

use crate::account::Account;
use crate::sync::{Once, Ref};

use super::{Derivation, DeriveError, KernelObject};

/// A counted reference to an object, with rights: what a handle or a message holds.
pub struct Capability {
    pub(super) object: Ref<dyn KernelObject>,
    rights: Rights,
    /// Where it comes from and what comes from it; nothing until it is copied.
    derivation: Once<Ref<Derivation>>,
}

impl Capability {
    /// A capability with `rights` to `object`.
    pub fn new<T: KernelObject>(object: Ref<T>, rights: Rights) -> Self {
        Self::of(object.widen(|object| object), rights)
    }

    fn of(object: Ref<dyn KernelObject>, rights: Rights) -> Self {
        object.base().add_handle();
        Capability {
            object,
            rights,
            derivation: Once::new(),
        }
    }

    /// As [`Capability::new`], for what was reached through a capability with `derivation`:
    /// it goes when that one is taken back.
    pub fn reached_through<T: KernelObject>(
        object: Ref<T>,
        rights: Rights,
        derivation: Option<Ref<Derivation>>,
    ) -> Self {
        let capability = Self::new(object, rights);
        if let Some(derivation) = derivation {
            capability.carry(derivation);
        }
        capability
    }

    fn carry(&self, derivation: Ref<Derivation>) {
        self.derivation.call_once(|| {
            derivation.add_carrier();
            derivation
        });
    }

    /// Its place among copies, if it is or has one.
    pub fn derivation(&self) -> Option<&Ref<Derivation>> {
        self.derivation.get()
    }

    /// Whether it was taken back.
    pub fn is_revoked(&self) -> bool {
        self.derivation()
            .is_some_and(|derivation| derivation.is_dead())
    }

    /// The object.
    pub fn object(&self) -> &Ref<dyn KernelObject> {
        &self.object
    }

    /// The rights.
    pub fn rights(&self) -> Rights {
        self.rights
    }

    /// A copy with those of its rights that are in `mask`, charged to `account`.
    ///
    /// # Errors
    /// [`DeriveError`].
    pub fn derive(&self, mask: Rights, account: &Ref<Account>) -> Result<Capability, DeriveError> {
        let own = self.derivation.try_call_once(|| {
            let first = Derivation::first()?;
            first.add_carrier();
            Ok(first)
        })?;
        let derivation = Derivation::derive(own, account)?;
        let copy = Self::of(self.object.clone(), self.rights.intersection(mask));
        copy.carry(derivation);
        Ok(copy)
    }

    /// The same capability with fewer rights.
    pub fn restricted(mut self, mask: Rights) -> Capability {
        self.rights = self.rights.intersection(mask);
        self
    }
}

impl Drop for Capability {
    fn drop(&mut self) {
        if let Some(derivation) = self.derivation.get() {
            derivation.remove_carrier();
        }
        if self.object.base().remove_handle() {
            self.object.on_last_handle();
        }
    }
}

impl core::fmt::Debug for Capability {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            out,
            "{:?} {} {:?}",
            self.object.kind(),
            self.object.base().id(),
            self.rights
        )
    }
}
