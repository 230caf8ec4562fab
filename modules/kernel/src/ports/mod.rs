//! What modules ask of each other and of the world outside. Only the composition root knows what
//! stands behind each trait.

mod cards;
mod catalog;
mod credit;
mod history;
mod identity;
mod keys;
mod logistics;
mod mailer;
mod orders;
mod payments;
mod people;
mod person_keys;
mod personal_records;
mod risk;
mod settlements;
mod stock;
mod tax;
mod vault;

pub use cards::*;
pub use catalog::*;
pub use credit::*;
pub use history::*;
pub use identity::*;
pub use keys::*;
pub use logistics::*;
pub use mailer::*;
pub use orders::*;
pub use payments::*;
pub use people::*;
pub use person_keys::*;
pub use personal_records::*;
pub use risk::*;
pub use settlements::*;
pub use stock::*;
pub use tax::*;
pub use vault::*;

/// The other side could not be asked, or its answer was lost: nothing is known, and the same call
/// with the same key may be repeated.
#[derive(Debug, thiserror::Error)]
#[error("{what} did not answer")]
pub struct Unavailable {
    /// Who did not answer.
    pub what: &'static str,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl Unavailable {
    /// `what` did not answer because of `source`.
    pub fn new(
        what: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { what, source: source.into() }
    }
}
