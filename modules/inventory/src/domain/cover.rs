//! Who gets units that come in: the orders that wait for them, the oldest first.

use std::collections::BTreeMap;

use kernel::Timestamp;
use kernel::id::{OrderId, ProductId, StockId};
use kernel::ports::Covered;

/// How many units are promised beyond what lies there.
pub(crate) fn owed(on_hand: i64, reserved: i64) -> i64 {
    (reserved - on_hand).max(0)
}

/// How many of the last units that were promised do not lie there.
pub(crate) fn backordered(on_hand: i64, reserved: i64, units: i64) -> i64 {
    owed(on_hand, reserved).min(units)
}

/// An order that waits for units of a stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub stock_id: StockId,
    pub order_id: OrderId,
    /// For how many.
    pub units: i64,
}

/// Units of a stock that an order waited for and gets.
pub(crate) type Given = Waiting;

/// Divides units of one stock among those who wait for it, in their order. What is left of the units
/// is nobody's.
pub(crate) fn cover(waiting: &[Waiting], units: i64) -> Vec<Given> {
    let mut left = units;
    let mut given = Vec::new();
    for order in waiting {
        let units = order.units.min(left);
        if units < 1 {
            break;
        }
        left -= units;
        given.push(Given { units, ..*order });
    }
    given
}

/// How the units of an order at one stock stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Promised {
    pub product_id: ProductId,
    pub shipped: i64,
    /// How many of those that did not leave lie there.
    pub covered: i64,
    /// They do not leave before.
    pub from: Option<Timestamp>,
}

/// What can leave now, product by product.
pub(crate) fn can_leave(promised: &[Promised], now: Timestamp) -> Vec<Covered> {
    let mut products: BTreeMap<ProductId, Covered> = BTreeMap::new();
    for at in promised {
        let product_id = at.product_id;
        let new = Covered { product_id, units: 0, from: None };
        let sum = products.entry(product_id).or_insert(new);
        sum.units += at.shipped;
        match at.from.filter(|from| *from > now) {
            None => sum.units += at.covered,
            Some(from) => sum.from = Some(sum.from.map_or(from, |first| first.min(from))),
        }
    }
    products.into_values().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_last_units_are_backordered() {
        assert_eq!([owed(5, 3), owed(5, 5), owed(5, 8)], [0, 0, 3]);
        assert_eq!([backordered(5, 5, 2), backordered(5, 6, 2), backordered(5, 9, 2)], [0, 1, 2]);
    }

    #[test]
    fn nothing_leaves_before_its_day() {
        let (lamp, desk) = (ProductId::new(), ProductId::new());
        let now = Timestamp::UNIX_EPOCH;
        let later = now + chrono::TimeDelta::days(1);
        let at = |product_id, from| Promised { product_id, shipped: 1, covered: 2, from };
        let promised = [at(lamp, Some(later)), at(lamp, None), at(desk, Some(now))];
        let found = can_leave(&promised, now);
        let of = |product| found.iter().find(|it| it.product_id == product).unwrap();
        assert_eq!((of(lamp).units, of(lamp).from), (4, Some(later)));
        assert_eq!((of(desk).units, of(desk).from), (3, None));
    }

    proptest! {
        #[test]
        fn units_go_to_the_oldest_orders_and_none_is_lost_or_made(
            wait in prop::collection::vec(1..6_i64, 0..12),
            units in 0..40_i64,
        ) {
            let stock_id = StockId::new();
            let waiting: Vec<Waiting> = wait
                .iter()
                .map(|&units| Waiting { stock_id, order_id: OrderId::new(), units })
                .collect();
            let given = cover(&waiting, units);
            let all: i64 = wait.iter().sum();
            prop_assert_eq!(given.iter().map(|it| it.units).sum::<i64>(), units.min(all));
            for (n, got) in given.iter().enumerate() {
                prop_assert_eq!(got.order_id, waiting[n].order_id);
                prop_assert!((1..=waiting[n].units).contains(&got.units));
                // Only the last one may get less than it waits for.
                prop_assert!(n + 1 == given.len() || got.units == waiting[n].units);
            }
        }
    }
}
