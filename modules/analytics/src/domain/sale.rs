use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::NaiveDate;
use kernel::events::SoldLine;
use kernel::id::ProductId;
use kernel::{Currency, Money, MoneyError, Timestamp};

/// What one order adds to the figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sale {
    /// The UTC day of its confirmation.
    pub day: NaiveDate,
    pub currency: Currency,
    /// How many orders it is.
    pub orders: i64,
    pub units: i64,
    /// The price of all units before discount, shipping and tax, in minor units.
    pub goods: i64,
    /// What the order cost, in minor units.
    pub revenue: i64,
    /// Units and price of each product.
    pub products: BTreeMap<ProductId, (i64, i64)>,
}

/// An event that cannot be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidSale {
    #[error("a line of the order has a negative quantity or price")]
    Negative,
    #[error("the units of the order do not add up to a number")]
    Overflow,
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl Sale {
    /// The sale an order is; all of it is in the currency of its total.
    pub(crate) fn of(
        confirmed_at: Timestamp,
        total: Money,
        lines: &[SoldLine],
    ) -> Result<Self, InvalidSale> {
        let currency = total.currency();
        let mut products: BTreeMap<ProductId, (i64, Money)> = BTreeMap::new();
        for line in lines {
            if line.quantity < 0 || line.total.minor() < 0 {
                return Err(InvalidSale::Negative);
            }
            let (units, goods) =
                products.entry(line.product_id).or_insert((0, Money::zero(currency)));
            *units = units.checked_add(line.quantity).ok_or(InvalidSale::Overflow)?;
            *goods = goods.checked_add(line.total)?;
        }
        let units = products
            .values()
            .try_fold(0_i64, |sum, (units, _)| sum.checked_add(*units))
            .ok_or(InvalidSale::Overflow)?;
        let goods = Money::sum(currency, products.values().map(|(_, goods)| *goods))?;
        Ok(Self {
            day: confirmed_at.date_naive(),
            currency,
            orders: 1,
            units,
            goods: goods.minor(),
            revenue: total.minor(),
            products: products
                .into_iter()
                .map(|(id, (n, goods))| (id, (n, goods.minor())))
                .collect(),
        })
    }

    /// Adds the sales of the same day and currency up.
    pub(crate) fn sum(sales: Vec<Self>) -> Result<Vec<Self>, InvalidSale> {
        let mut sums: BTreeMap<(NaiveDate, Currency), Self> = BTreeMap::new();
        for sale in sales {
            match sums.entry((sale.day, sale.currency)) {
                Entry::Vacant(entry) => drop(entry.insert(sale)),
                Entry::Occupied(mut entry) => entry.get_mut().add(sale)?,
            }
        }
        Ok(sums.into_values().collect())
    }

    fn add(&mut self, other: Self) -> Result<(), InvalidSale> {
        let add = |sum: &mut i64, more: i64| {
            *sum = sum.checked_add(more).ok_or(InvalidSale::Overflow)?;
            Ok::<_, InvalidSale>(())
        };
        add(&mut self.orders, other.orders)?;
        add(&mut self.units, other.units)?;
        add(&mut self.goods, other.goods)?;
        add(&mut self.revenue, other.revenue)?;
        for (id, (units, goods)) in other.products {
            let of = self.products.entry(id).or_default();
            add(&mut of.0, units)?;
            add(&mut of.1, goods)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(product_id: ProductId, quantity: i64, minor: i64) -> SoldLine {
        let total = Money::from_minor(minor, Currency::EUR);
        SoldLine { product_id, sku: "sku".to_owned(), name: "name".to_owned(), quantity, total }
    }

    fn at() -> Timestamp {
        "2026-11-22T23:59:59.999999Z".parse().unwrap()
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        let product = ProductId::new();
        let yen = Money::from_minor(5, Currency::JPY);
        let sale = |total, lines: &[SoldLine]| Sale::of(at(), total, lines);
        assert!(matches!(sale(yen, &[line(product, 1, 5)]), Err(InvalidSale::Money(_))));
        let total = Money::from_minor(5, Currency::EUR);
        assert_eq!(sale(total, &[line(product, -1, 5)]), Err(InvalidSale::Negative));
        let huge = line(product, i64::MAX, 5);
        assert_eq!(sale(total, &[huge.clone(), huge]), Err(InvalidSale::Overflow));
    }

    proptest! {
        #[test]
        fn products_add_up_to_the_sale(picks in prop::collection::vec((0..3_usize, 1..9_i64, 0..999_i64), 0..20)) {
            let ids = [ProductId::new(), ProductId::new(), ProductId::new()];
            let lines: Vec<SoldLine> =
                picks.iter().map(|&(n, quantity, minor)| line(ids[n], quantity, minor)).collect();
            let sale = Sale::of(at(), Money::from_minor(1, Currency::EUR), &lines).unwrap();
            prop_assert_eq!(sale.day.to_string(), "2026-11-22");
            prop_assert_eq!(sale.units, picks.iter().map(|pick| pick.1).sum::<i64>());
            prop_assert_eq!(sale.goods, picks.iter().map(|pick| pick.2).sum::<i64>());
            prop_assert_eq!(sale.units, sale.products.values().map(|n| n.0).sum::<i64>());
            prop_assert_eq!(sale.goods, sale.products.values().map(|n| n.1).sum::<i64>());
        }

        #[test]
        fn sales_of_a_day_add_up(picks in prop::collection::vec((0..2_i64, 1..9_i64, 0..999_i64), 0..20)) {
            let product = ProductId::new();
            let sale = |&(day, quantity, minor): &(i64, i64, i64)| {
                let total = Money::from_minor(minor, Currency::EUR);
                Sale::of(at() + chrono::TimeDelta::days(day), total, &[line(product, quantity, minor)]).unwrap()
            };
            let sums = Sale::sum(picks.iter().map(sale).collect()).unwrap();
            for day in 0..2 {
                let of: Vec<_> = picks.iter().filter(|pick| pick.0 == day).collect();
                let date = (at() + chrono::TimeDelta::days(day)).date_naive();
                let sum = sums.iter().find(|sum| sum.day == date);
                prop_assert_eq!(sum.is_some(), !of.is_empty());
                let Some(sum) = sum else { continue };
                prop_assert_eq!(usize::try_from(sum.orders).unwrap(), of.len());
                prop_assert_eq!(sum.units, of.iter().map(|pick| pick.1).sum::<i64>());
                prop_assert_eq!(sum.revenue, of.iter().map(|pick| pick.2).sum::<i64>());
                prop_assert_eq!(sum.products[&product], (sum.units, sum.goods));
            }
        }
    }
}
