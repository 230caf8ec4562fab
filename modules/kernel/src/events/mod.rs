//! Every event of the house, by its publisher. Fields are only ever added.

use crate::event::Event;

mod after_sale;
mod auth;
mod breakdown;
mod catalog;
mod credit;
mod inventory;
mod order;
mod payment;

pub use after_sale::*;
pub use auth::*;
pub use breakdown::*;
pub use catalog::*;
pub use credit::*;
pub use inventory::*;
pub use order::*;
pub use payment::*;

macro_rules! publishes {
    ($source:literal: $($event:ident = $kind:literal about $subject:ident;)+) => {
        $(impl $crate::event::Event for $event {
            const TYPE: &'static str = $kind;
            const SOURCE: &'static str = $source;
            fn subject(&self) -> uuid::Uuid {
                self.$subject.into()
            }
        })+
        /// The names of the events this module publishes.
        pub(super) const TYPES: &[&str] = &[$($kind),+];
    };
}
use publishes;

/// The wire names of all events.
pub fn types() -> impl Iterator<Item = &'static str> {
    [
        after_sale::TYPES,
        auth::TYPES,
        catalog::TYPES,
        credit::TYPES,
        inventory::TYPES,
        order::TYPES,
        payment::TYPES,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The wire name of an event type, for lists of subscriptions.
pub const fn name<E: Event>() -> &'static str {
    E::TYPE
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = super::types().collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
