//! A right to an object.

use abi::Rights;

use crate::sync::Ref;

use super::KernelObject;

/// A counted reference to an object, with rights: what a handle or a message holds.
pub struct Capability {
    pub(super) object: Ref<dyn KernelObject>,
    rights: Rights,
}

impl Capability {
    /// A capability with `rights` to `object`.
    pub fn new<T: KernelObject>(object: Ref<T>, rights: Rights) -> Self {
        Self::of(object.widen(|object| object), rights)
    }

    fn of(object: Ref<dyn KernelObject>, rights: Rights) -> Self {
        object.base().add_handle();
        Capability { object, rights }
    }

    /// The object.
    pub fn object(&self) -> &Ref<dyn KernelObject> {
        &self.object
    }

    /// The rights.
    pub fn rights(&self) -> Rights {
        self.rights
    }

    /// Another capability to the object, with those of its rights that are in `mask`.
    pub fn derive(&self, mask: Rights) -> Capability {
        Self::of(self.object.clone(), self.rights.intersection(mask))
    }

    /// The same capability with fewer rights.
    pub fn restricted(mut self, mask: Rights) -> Capability {
        self.rights = self.rights.intersection(mask);
        self
    }
}

impl Drop for Capability {
    fn drop(&mut self) {
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
