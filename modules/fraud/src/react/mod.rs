//! What the module does when something happens elsewhere.

mod outcomes;

pub use outcomes::Outcomes;
