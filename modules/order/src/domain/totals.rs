//! What an order costs: a pure function of its lines, what is taken off, the shipping and the tax.

use kernel::{Currency, Money, MoneyError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The sums of an order. `total = items - discount + shipping + tax`, always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// The lines.
    pub items: Money,
    /// What promotions take off them.
    pub discount: Money,
    /// The shipping method's price, less what promotions take off it.
    pub shipping: Money,
    /// The tax that comes on top of all of it.
    pub tax: Money,
    /// The tax that items and shipping hold already, where prices are told with it.
    pub included_tax: Money,
    /// What is charged.
    pub total: Money,
}

/// A price and how often it is bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priced {
    /// The price of one unit.
    pub unit: Money,
    /// How many units.
    pub quantity: i64,
}

/// The price of all lines.
pub fn items(currency: Currency, lines: &[Priced]) -> Result<Money, MoneyError> {
    lines.iter().try_fold(Money::zero(currency), |sum, line| {
        sum.checked_add(line.unit.times(line.quantity)?)
    })
}

/// Adds an order up. Prices that are told with the tax hold it: it is not added again.
pub fn totals(
    currency: Currency,
    lines: &[Priced],
    discount: Money,
    shipping: Money,
    tax: Money,
    tax_included: bool,
) -> Result<Totals, MoneyError> {
    let items = items(currency, lines)?;
    let taxed = items.checked_sub(discount)?.checked_add(shipping)?;
    let none = Money::zero(currency);
    let (tax, included_tax) = if tax_included { (none, tax) } else { (tax, none) };
    let total = taxed.checked_add(tax)?;
    Ok(Totals { items, discount, shipping, tax, included_tax, total })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn euros(minor: i64) -> Money {
        Money::from_minor(minor, Currency::EUR)
    }

    #[test]
    fn an_order_adds_up() {
        let lines =
            [Priced { unit: euros(1999), quantity: 2 }, Priced { unit: euros(500), quantity: 1 }];
        let ten = items(Currency::EUR, &lines).unwrap().percent(10.into()).unwrap();
        let tax = euros(4498 - 450 + 490).percent(19.into()).unwrap();
        let sums = totals(Currency::EUR, &lines, ten, euros(490), tax, false).unwrap();
        assert_eq!(sums.items, euros(4498));
        assert_eq!(sums.discount, euros(450));
        assert_eq!(sums.tax, euros(862));
        assert_eq!(sums.total, euros(4498 - 450 + 490 + 862));
    }

    #[test]
    fn a_price_with_tax_holds_it() {
        let lines = [Priced { unit: euros(11_900), quantity: 1 }];
        let sums = totals(Currency::EUR, &lines, euros(0), euros(0), euros(1_900), true).unwrap();
        assert_eq!(
            (sums.tax, sums.included_tax, sums.total),
            (euros(0), euros(1_900), euros(11_900))
        );
    }

    #[test]
    fn two_currencies_do_not_add_up() {
        let line = Priced { unit: Money::from_minor(1, Currency::USD), quantity: 1 };
        let sums = totals(Currency::EUR, &[line], euros(0), euros(0), euros(0), false);
        assert!(matches!(sums, Err(MoneyError::CurrencyMismatch { .. })));
    }

    proptest! {
        #[test]
        fn the_total_is_the_sum_of_its_parts(
            prices in prop::collection::vec((0_i64..1_000_000, 1_i64..1_000), 0..50),
            discount in 0_u32..=100, shipping in 0_i64..100_000, tax in 0_u32..=30, included in any::<bool>(),
        ) {
            let lines: Vec<Priced> = prices
                .iter()
                .map(|(minor, quantity)| Priced { unit: euros(*minor), quantity: *quantity })
                .collect();
            let off = items(Currency::EUR, &lines).unwrap().percent(discount.into()).unwrap();
            let worth = items(Currency::EUR, &lines).unwrap().minor() - off.minor() + shipping;
            let tax = euros(worth).percent(tax.into()).unwrap();
            let sums =
                totals(Currency::EUR, &lines, off, euros(shipping), tax, included).unwrap();
            let parts = sums.items.minor() - sums.discount.minor()
                + sums.shipping.minor() + sums.tax.minor();
            prop_assert_eq!(sums.total.minor(), parts);
            prop_assert!(sums.discount.minor() >= 0 && sums.discount.minor() <= sums.items.minor());
            prop_assert!(sums.total.minor() >= 0);
            prop_assert!((0..=sums.total.minor()).contains(&sums.included_tax.minor()));
            prop_assert!(sums.tax.minor() == 0 || sums.included_tax.minor() == 0);
        }
    }
}
