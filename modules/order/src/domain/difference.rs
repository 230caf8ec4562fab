//! What differs between the order that a shopper was shown and the one that would be made now.

use std::collections::{BTreeMap, BTreeSet};

use kernel::Money;
use kernel::id::ProductId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A line of an order as the shopper was shown it, and as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShownLine {
    /// What is bought.
    pub product_id: ProductId,
    /// How many units.
    pub quantity: i64,
    /// The price of one.
    pub unit_price: Money,
    /// The price of all of them, before promotions.
    pub total: Money,
}

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// There is a line that was not shown.
    Added,
    /// A line that was shown is gone.
    Removed,
    /// A line has another quantity.
    Quantity,
    /// A line has another price.
    Price,
    /// What comes to the lines, promotions, shipping and tax, is another sum.
    Rest,
    /// The total is another one; no lines were told to compare with.
    Total,
}

/// What was shown and what is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Both<T> {
    /// What the shopper was shown; none when there was no such line.
    pub expected: Option<T>,
    /// What it is now; none when there is no such line.
    pub now: Option<T>,
}

/// One thing that has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Change {
    /// What it is about.
    pub what: What,
    /// The product of the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_id: Option<ProductId>,
    /// Its units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Both<i64>>,
    /// The price of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Both<Money>>,
    /// The sums.
    pub total: Both<Money>,
    /// By how much the order costs more; less when negative. None between two currencies.
    pub difference: Option<Money>,
}

/// What the shopper was shown, as far as it was told.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The lines, each product once.
    pub lines: Option<&'a [ShownLine]>,
    /// The total.
    pub total: Option<Money>,
}

/// Every difference; there is none when all that was told still holds. In one currency their
/// differences sum to what the order costs more.
pub fn difference(expected: Expected<'_>, lines: &[ShownLine], total: Money) -> Vec<Change> {
    let Some(shown) = expected.lines else {
        let differs = expected.total.filter(|expected| *expected != total);
        return differs
            .map(|expected| sums(What::Total, Some(expected), Some(total)))
            .into_iter()
            .collect();
    };
    let by_product = |lines: &[ShownLine]| -> BTreeMap<_, _> {
        lines.iter().map(|line| (line.product_id.uuid(), *line)).collect()
    };
    let (was, is) = (by_product(shown), by_product(lines));
    let products: BTreeSet<_> = was.keys().chain(is.keys()).collect();
    let mut changes: Vec<Change> =
        products.into_iter().filter_map(|id| of_line(was.get(id), is.get(id))).collect();
    let rest = |lines: &[ShownLine], total: Money| {
        lines.iter().try_fold(total, |rest, line| rest.checked_sub(line.total)).ok()
    };
    if let Some(expected) = expected.total {
        let (was, is) = (rest(shown, expected), rest(lines, total));
        if was != is {
            changes.push(sums(What::Rest, was, is));
        } else if was.is_none() && expected != total {
            changes.push(sums(What::Total, Some(expected), Some(total)));
        }
    }
    changes
}

fn sums(what: What, expected: Option<Money>, now: Option<Money>) -> Change {
    let difference = match (expected, now) {
        (Some(expected), Some(now)) => now.checked_sub(expected).ok(),
        (None, now) => now,
        (Some(expected), None) => Money::zero(expected.currency()).checked_sub(expected).ok(),
    };
    let total = Both { expected, now };
    Change { what, product_id: None, quantity: None, unit_price: None, total, difference }
}

fn both<T>(
    was: Option<&ShownLine>,
    is: Option<&ShownLine>,
    of: impl Fn(&ShownLine) -> T,
) -> Both<T> {
    Both { expected: was.map(&of), now: is.map(&of) }
}

fn of_line(was: Option<&ShownLine>, is: Option<&ShownLine>) -> Option<Change> {
    let what = match (was, is) {
        (None, _) => What::Added,
        (_, None) => What::Removed,
        (Some(was), Some(is)) if was == is => return None,
        (Some(was), Some(is)) if was.quantity != is.quantity => What::Quantity,
        _ => What::Price,
    };
    Some(Change {
        product_id: was.or(is).map(|line| line.product_id),
        quantity: Some(both(was, is, |line| line.quantity)),
        unit_price: Some(both(was, is, |line| line.unit_price)),
        ..sums(what, was.map(|line| line.total), is.map(|line| line.total))
    })
}

#[cfg(test)]
mod tests {
    use kernel::Currency;
    use proptest::prelude::*;

    use super::*;

    fn euros(minor: i64) -> Money {
        Money::from_minor(minor, Currency::EUR)
    }

    fn line(product: u128, quantity: i64, unit: i64) -> ShownLine {
        ShownLine {
            product_id: uuid::Uuid::from_u128(product).into(),
            quantity,
            unit_price: euros(unit),
            total: euros(unit * quantity),
        }
    }

    #[test]
    fn each_line_says_what_became_of_it() {
        let shown = [line(1, 1, 100), line(2, 1, 100), line(3, 1, 100), line(4, 1, 100)];
        let now = [line(5, 1, 70), line(1, 1, 100), line(2, 2, 100), line(3, 1, 90)];
        let expected = Expected { lines: Some(&shown), total: Some(euros(400)) };
        let changes = difference(expected, &now, euros(560));
        let told: Vec<_> =
            changes.iter().map(|it| (it.what, it.difference.map(Money::minor))).collect();
        assert_eq!(
            told,
            [
                (What::Quantity, Some(100)),
                (What::Price, Some(-10)),
                (What::Removed, Some(-100)),
                (What::Added, Some(70)),
                (What::Rest, Some(100)),
            ]
        );
    }

    #[test]
    fn another_currency_is_a_difference() {
        let dollars = Money::from_minor(100, Currency::USD);
        let lines = [line(1, 1, 100)];
        for shown in [None, Some(&lines[..])] {
            let expected = Expected { lines: shown, total: Some(dollars) };
            assert!(!difference(expected, &lines, euros(100)).is_empty());
        }
    }

    proptest! {
        #[test]
        fn it_is_empty_when_all_is_equal_and_sums_to_the_gap(
            was in prop::collection::btree_map(0_u128..6, (1_i64..4, 0_i64..3), 0..5),
            is in prop::collection::btree_map(0_u128..6, (1_i64..4, 0_i64..3), 0..5),
            totals in (0_i64..30, 0_i64..30),
        ) {
            let lines = |of: &BTreeMap<u128, (i64, i64)>| -> Vec<ShownLine> {
                of.iter().map(|(product, (quantity, unit))| line(*product, *quantity, *unit)).collect()
            };
            let (shown, now) = (lines(&was), lines(&is));
            let expected = Expected { lines: Some(&shown), total: Some(euros(totals.0)) };
            let changes = difference(expected, &now, euros(totals.1));
            prop_assert_eq!(changes.is_empty(), was == is && totals.0 == totals.1);
            let sum: i64 = changes.iter().filter_map(|it| it.difference).map(Money::minor).sum();
            prop_assert_eq!(sum, totals.1 - totals.0);
            let bare = Expected { lines: None, total: Some(euros(totals.0)) };
            let changes = difference(bare, &now, euros(totals.1));
            prop_assert_eq!(changes.is_empty(), totals.0 == totals.1);
        }
    }
}
