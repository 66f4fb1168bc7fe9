//! What something lasts no longer than.

/// Something that others are tied to; they go when it is cut.
pub trait Tie: Send + Sync + core::fmt::Debug {
    /// Whether what is tied to it has to go.
    fn is_cut(&self) -> bool;
}
