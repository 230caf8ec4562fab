//! What the module does when something happens elsewhere.

mod outcomes;
mod people;

pub use outcomes::Outcomes;
pub use people::People;
