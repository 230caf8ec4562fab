//! What the vault does, one file for each.

pub mod keep;
pub mod rotate;
pub mod tend;
