//! What a schedule has ready before its CPUs are there.

use core::cell::RefCell;

use super::std::{rc::Rc, vec::Vec};

/// How many of each a schedule has.
const SIZE: usize = 96;

/// Things of loom that belong to one schedule.
#[derive(Debug)]
pub struct Stock<T> {
    what: &'static str,
    left: RefCell<Vec<Rc<T>>>,
}

impl<T> Stock<T> {
    /// None of them.
    pub const fn new(what: &'static str) -> Self {
        Stock {
            what,
            left: RefCell::new(Vec::new()),
        }
    }

    /// Makes those of a schedule that begins.
    pub fn fill(&self, mut new: impl FnMut() -> T) {
        let mut left = self.left.borrow_mut();
        left.clear();
        left.extend((0..SIZE).map(|_| Rc::new(new())));
    }

    /// One that nobody has.
    ///
    /// # Panics
    /// Where the model has used all of them.
    pub fn take(&self) -> Rc<T> {
        let next = self.left.borrow_mut().pop();
        next.unwrap_or_else(|| panic!("a model with more than {SIZE} {}", self.what))
    }
}
