//! How far this node has heard of changes, and so how far a replica has to have come for a page.
//!
//! It is raised before pages are marked as outdated. So whoever makes a page after the mark asks for a state that has the
//! change, and what is kept is never older than what was heard of.

use std::sync::atomic::{AtomicI64, Ordering};

use platform::replica::Reach;

/// Before anything was heard; places begin at 0.
const NOT_YET: i64 = -1;

/// How far was heard of changes: of products, and of their stock.
pub(crate) struct Heard {
    products: AtomicI64,
    stock: AtomicI64,
}

impl Default for Heard {
    fn default() -> Self {
        Self { products: AtomicI64::new(NOT_YET), stock: AtomicI64::new(NOT_YET) }
    }
}

impl Heard {
    /// The catalogue's events are about to be followed up to there.
    pub(crate) fn of_products(&self, at: i64) {
        self.products.fetch_max(at, Ordering::SeqCst);
    }

    /// The inventory's events were handled up to there.
    pub(crate) fn of_stock(&self, at: i64) {
        self.stock.fetch_max(at, Ordering::SeqCst);
    }

    /// All of it; none before this node hears of both.
    pub(crate) fn all(&self) -> Option<Reach> {
        let [published, handled] =
            [&self.products, &self.stock].map(|place| place.load(Ordering::SeqCst));
        (published > NOT_YET && handled > NOT_YET).then_some(Reach { published, handled })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_asked_for_before_both_are_heard_of_and_never_less_than_before() {
        let heard = Heard::default();
        heard.of_products(7);
        assert_eq!(heard.all(), None);
        heard.of_stock(0);
        assert_eq!(heard.all(), Some(Reach { published: 7, handled: 0 }));
        heard.of_products(6);
        heard.of_stock(3);
        assert_eq!(heard.all(), Some(Reach { published: 7, handled: 3 }));
    }
}
