//! Bundles: what lines take out of stock, and how much of them could be had. Whatever speaks to the stock of an
//! order's lines asks here.

use std::collections::HashMap;

use kernel::id::ProductId;
use kernel::ports::{Availability, Part, StockLine};
use kernel::problem::{Problem, code};

use super::cart::LINES_MAX;

/// Units of a line: of a product, or of a bundle.
#[derive(Debug, Clone, Copy)]
pub struct Units<'a> {
    /// The product of the line.
    pub product_id: ProductId,
    /// What one unit is made of, if it is a bundle.
    pub parts: &'a [Part],
    /// How many units.
    pub quantity: i64,
}

impl<'a> Units<'a> {
    /// What they take out of stock: of a bundle its parts, and nothing of itself.
    pub fn in_stock(self) -> impl Iterator<Item = StockLine> + 'a {
        let Self { product_id, parts, quantity } = self;
        let itself = parts.is_empty().then_some(StockLine { product_id, quantity });
        let of_parts = parts.iter().map(move |part| StockLine {
            product_id: part.product_id,
            quantity: part.quantity.saturating_mul(quantity),
        });
        itself.into_iter().chain(of_parts)
    }

    /// How many units could be had if nothing else were bought.
    pub fn available(self, stock: &HashMap<ProductId, Availability>) -> Availability {
        let one = Self { quantity: 1, ..self };
        let of = |unit: StockLine| {
            let found = stock.get(&unit.product_id);
            let all = found.map_or(0, Availability::units);
            let now = found.map_or(0, |stock| stock.on_hand);
            (now / unit.quantity, all / unit.quantity, found.and_then(|stock| stock.from))
        };
        let parts: Vec<_> = one.in_stock().map(of).collect();
        let on_hand = parts.iter().map(|(now, ..)| *now).min().unwrap_or_default();
        let all = parts.iter().map(|(_, all, _)| *all).min().unwrap_or_default();
        let from = parts.iter().filter_map(|(.., from)| *from).max();
        Availability { product_id: self.product_id, on_hand, backorder: all - on_hand, from }
    }
}

/// What lines take out of stock in all: each product once, in the order in which they are named first.
pub fn exploded<'a>(lines: impl IntoIterator<Item = Units<'a>>) -> Vec<StockLine> {
    let mut places = HashMap::new();
    let mut all: Vec<StockLine> = Vec::new();
    for unit in lines.into_iter().flat_map(Units::in_stock).filter(|unit| unit.quantity != 0) {
        let place = *places.entry(unit.product_id).or_insert(all.len());
        match all.get_mut(place) {
            Some(line) => line.quantity = line.quantity.saturating_add(unit.quantity),
            None => all.push(unit),
        }
    }
    all
}

/// How many units of each product.
pub fn by_product(lines: &[StockLine]) -> HashMap<ProductId, i64> {
    lines.iter().map(|line| (line.product_id, line.quantity)).collect()
}

/// What there is more of after a change, and what there is less of.
pub fn difference(before: &[StockLine], after: &[StockLine]) -> (Vec<StockLine>, Vec<StockLine>) {
    // Of each product the one that it is more than.
    let over = |some: &[StockLine], others: &[StockLine]| {
        let others = by_product(others);
        let over = |line: &StockLine| {
            let quantity =
                line.quantity - others.get(&line.product_id).copied().unwrap_or_default();
            (quantity > 0).then_some(StockLine { quantity, ..*line })
        };
        some.iter().filter_map(over).collect()
    };
    (over(after, before), over(before, after))
}

/// Refuses more products than one order can reserve.
pub fn check_count(lines: &[StockLine]) -> Result<(), Problem> {
    if i64::try_from(lines.len()).unwrap_or(i64::MAX) <= LINES_MAX {
        return Ok(());
    }
    let detail = format!(
        "An order has at most {LINES_MAX} different products, those that its bundles are made of counted."
    );
    Err(Problem::new(code::NOT_SELLABLE, detail))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Products by a number.
    fn product(n: u128) -> ProductId {
        uuid::Uuid::from_u128(n).into()
    }

    /// A bundle is made of up to three of five products; products 0 to 4 are plain.
    fn parts() -> impl Strategy<Value = Vec<Part>> {
        prop::collection::btree_map(0..5_u128, 1..4_i64, 0..4).prop_map(|parts| {
            let part = |(n, quantity)| Part {
                product_id: product(n),
                sku: n.to_string(),
                name: String::new(),
                quantity,
            };
            parts.into_iter().map(part).collect()
        })
    }

    fn units(line: &(u128, Vec<Part>, i64)) -> Units<'_> {
        let (n, parts, quantity) = line;
        let own = if parts.is_empty() { product(*n) } else { product(n + 100) };
        Units { product_id: own, parts, quantity: *quantity }
    }

    fn stock(levels: &[(i64, i64)]) -> HashMap<ProductId, Availability> {
        let level = |(n, (on_hand, backorder)): (usize, &(i64, i64))| {
            let product_id = product(n as u128);
            let (on_hand, backorder) = (*on_hand, *backorder);
            (product_id, Availability { product_id, on_hand, backorder, from: None })
        };
        levels.iter().enumerate().map(level).collect()
    }

    proptest! {
        #[test]
        fn every_unit_of_every_part_is_counted_once(
            lines in prop::collection::vec((0..5_u128, parts(), 0..9_i64), 0..6),
        ) {
            let all = exploded(lines.iter().map(units));
            let found = by_product(&all);
            prop_assert_eq!(found.len(), all.len(), "each product once");
            for n in 0..5 {
                let alone = lines.iter().filter(|line| line.1.is_empty() && line.0 == n);
                let alone: i64 = alone.map(|line| line.2).sum();
                let inside = lines.iter().flat_map(|(_, parts, quantity)| {
                    let own = parts.iter().filter(move |part| part.product_id == product(n));
                    own.map(move |part| part.quantity * quantity)
                });
                let units = alone + inside.sum::<i64>();
                prop_assert_eq!(found.get(&product(n)).copied().unwrap_or_default(), units);
            }
            prop_assert!(all.iter().all(|line| line.quantity > 0));
        }

        #[test]
        fn as_many_can_be_had_as_there_are_parts_for(
            parts in parts(), own in 0..5_u128,
            levels in prop::collection::vec((0..30_i64, 0..9_i64), 4..6),
        ) {
            let stock = stock(&levels);
            let line = (own, parts, 1);
            let had = units(&line).available(&stock);
            let fits = |quantity, of: fn(&Availability) -> i64| {
                let all = exploded([Units { quantity, ..units(&line) }]);
                all.iter().all(|unit| unit.quantity <= stock.get(&unit.product_id).map_or(0, of))
            };
            prop_assert!(fits(had.on_hand, |it| it.on_hand) && !fits(had.on_hand + 1, |it| it.on_hand));
            let all = had.units();
            prop_assert!(had.backorder >= 0);
            prop_assert!(fits(all, Availability::units) && !fits(all + 1, Availability::units));
        }

        #[test]
        fn what_comes_and_goes_leads_from_before_to_after(
            before in prop::collection::vec((0..5_u128, parts(), 1..9_i64), 0..5),
            after in prop::collection::vec((0..5_u128, parts(), 1..9_i64), 0..5),
        ) {
            let (before, after) =
                (exploded(before.iter().map(units)), exploded(after.iter().map(units)));
            let (more, less) = difference(&before, &after);
            let [was, is, more, less] = [&before, &after, &more, &less].map(|it| by_product(it));
            for n in 0..5 {
                let of = |all: &HashMap<_, i64>| all.get(&product(n)).copied().unwrap_or_default();
                prop_assert_eq!(of(&was) + of(&more) - of(&less), of(&is));
                prop_assert!(of(&more) == 0 || of(&less) == 0);
            }
        }
    }
}
