//! What the targets share.

#[cfg(feature = "accounts")]
pub mod shop;
pub mod verdict;
