//! The edge: what every request passes before it reaches a module.

mod figures;
mod gate;
mod ops;
mod pages;

pub use gate::{Gate, gate};
pub use ops::{install_metrics, serve as serve_ops};
pub use pages::{openapi, routes};
