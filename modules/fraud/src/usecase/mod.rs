//! Load, decide, save, commit.

pub mod assess;
pub mod judge;
pub mod trim;
