//! Parts of an order's promise.

use kernel::id::{ProductId, StockId};
use kernel::ports::Shortage;

use super::{Line, Wanted};

/// What happens to some units of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// They leave the house.
    Ship,
    /// They are given back.
    Release,
    /// They come back after they left.
    TakeBack,
    /// More are promised.
    Add,
}

/// A line of a reservation with what happened to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub stock_id: StockId,
    pub product_id: ProductId,
    pub quantity: i64,
    pub shipped: i64,
    pub released: i64,
    pub returned: i64,
    /// How many of those that are promised still do not lie there.
    pub backordered: i64,
}

impl Part {
    /// How many units are promised still.
    pub(crate) const fn open(&self) -> i64 {
        self.quantity - self.shipped - self.released
    }

    /// How many units it can happen to.
    const fn allows(&self, change: Change) -> i64 {
        match change {
            Change::Ship => self.open() - self.backordered,
            Change::Release => self.open(),
            Change::TakeBack => self.shipped - self.returned,
            Change::Add => 0,
        }
    }

    /// Everything that is promised still, as a line.
    pub(crate) fn rest(&self) -> Option<Line> {
        let (stock_id, product_id, quantity) = (self.stock_id, self.product_id, self.open());
        (quantity > 0).then_some(Line { stock_id, product_id, quantity })
    }
}

/// Which lines the units are of, the first ones first; or the products of which there are fewer. Given
/// back is first what does not lie there yet.
pub(crate) fn divide(
    parts: &[Part],
    wanted: &Wanted,
    change: Change,
) -> Result<Vec<Line>, Vec<Shortage>> {
    let (mut lines, mut short) = (Vec::new(), Vec::new());
    for (&product_id, &requested) in wanted {
        let mut left = requested;
        let own: Vec<&Part> = parts.iter().filter(|it| it.product_id == product_id).collect();
        let mut units = vec![0; own.len()];
        if change == Change::Release {
            for (taken, part) in units.iter_mut().zip(&own) {
                *taken = part.backordered.min(left);
                left -= *taken;
            }
        }
        for (taken, part) in units.iter_mut().zip(&own) {
            let more = (part.allows(change) - *taken).min(left);
            *taken += more;
            left -= more;
        }
        let taken = units.into_iter().zip(own).filter(|(quantity, _)| *quantity > 0);
        lines.extend(taken.map(|(quantity, part)| {
            let stock_id = part.stock_id;
            Line { stock_id, product_id, quantity }
        }));
        if left > 0 {
            short.push(Shortage { product_id, requested, available: requested - left });
        }
    }
    if short.is_empty() { Ok(lines) } else { Err(short) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(product_id: ProductId, counts: [i64; 4]) -> Part {
        let [quantity, shipped, released, returned] = counts;
        let (stock_id, backordered) = (StockId::new(), 0);
        Part { stock_id, product_id, quantity, shipped, released, returned, backordered }
    }

    #[test]
    fn what_does_not_lie_there_cannot_leave_and_is_given_back_first() {
        let lamp = ProductId::new();
        let parts = [part(lamp, [4, 0, 0, 0]), Part { backordered: 2, ..part(lamp, [5, 1, 0, 0]) }];
        let of = |units, change| divide(&parts, &Wanted::from([(lamp, units)]), change);
        let quantities = |units, change| -> Vec<(usize, i64)> {
            let nth = |line: &Line| parts.iter().position(|it| it.stock_id == line.stock_id);
            let lines = of(units, change).unwrap();
            lines.iter().map(|line| (nth(line).unwrap(), line.quantity)).collect()
        };
        assert_eq!(quantities(6, Change::Ship), [(0, 4), (1, 2)]);
        assert_eq!(of(7, Change::Ship).unwrap_err()[0].available, 6);
        assert_eq!(quantities(1, Change::Release), [(1, 1)]);
        assert_eq!(quantities(3, Change::Release), [(0, 1), (1, 2)]);
        assert_eq!(quantities(8, Change::Release), [(0, 4), (1, 4)]);
    }

    #[test]
    fn units_of_several_locations_are_taken_one_after_the_other() {
        let (lamp, desk) = (ProductId::new(), ProductId::new());
        let parts = [part(lamp, [4, 1, 1, 0]), part(desk, [9, 0, 0, 0]), part(lamp, [3, 3, 0, 2])];
        let of = |units, change| divide(&parts, &Wanted::from([(lamp, units)]), change);
        let quantities = |units, change| -> Vec<i64> {
            of(units, change).unwrap().iter().map(|line| line.quantity).collect()
        };
        assert_eq!(quantities(2, Change::Ship), [2]);
        assert_eq!(quantities(2, Change::TakeBack), [1, 1]);
        let short = |requested| vec![Shortage { product_id: lamp, requested, available: 2 }];
        for change in [Change::Ship, Change::Release, Change::TakeBack] {
            assert_eq!(of(3, change).unwrap_err(), short(3));
        }
    }

    proptest! {
        #[test]
        fn no_line_gives_more_than_it_has(
            rows in prop::collection::vec(
                (0..5_i64, 0..5_i64, 0..5_i64, 0..4_i64, any::<bool>()), 0..8),
            asked in (0..9_i64, 0..9_i64),
        ) {
            let products = [ProductId::new(), ProductId::new()];
            let parts: Vec<Part> = rows
                .iter()
                .map(|&(open, shipped, released, backordered, first)| {
                    let counts = [open + shipped + released, shipped, released, shipped / 2];
                    let part = part(products[usize::from(first)], counts);
                    Part { backordered: backordered.min(open), ..part }
                })
                .collect();
            let wanted: Wanted = [(products[0], asked.0), (products[1], asked.1)]
                .into_iter()
                .filter(|(_, units)| *units > 0)
                .collect();
            for change in [Change::Ship, Change::Release, Change::TakeBack] {
                let has = |product| -> i64 {
                    let of = parts.iter().filter(|part| part.product_id == product);
                    of.map(|part| part.allows(change)).sum()
                };
                match divide(&parts, &wanted, change) {
                    Ok(lines) => {
                        let mut got = Wanted::new();
                        for line in &lines {
                            let part =
                                parts.iter().find(|it| it.stock_id == line.stock_id).unwrap();
                            prop_assert!((1..=part.allows(change)).contains(&line.quantity));
                            *got.entry(line.product_id).or_default() += line.quantity;
                        }
                        prop_assert_eq!(&got, &wanted);
                    }
                    Err(short) => {
                        for line in short {
                            prop_assert_eq!(line.available, has(line.product_id));
                            prop_assert!(line.available < line.requested);
                        }
                    }
                }
            }
        }
    }
}
