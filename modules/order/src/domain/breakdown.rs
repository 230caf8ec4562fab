//! What the money of an order is made of, as whoever keeps the journal needs to know it.

use std::collections::BTreeMap;

use kernel::Money;
use kernel::events::{Breakdown, CategoryGoods};

use super::after_sale::Change;
use super::order::{Line, Order};
use super::share::worth;
use super::spread::part;

/// What an order costs, by what it is for. An order of old does not tell the tax of its lines: what is
/// missing to its total stands with the goods of no category.
pub fn breakdown(order: &Order) -> Breakdown {
    let totals = &order.totals;
    let money = |minor| Money::from_minor(minor, totals.total.currency());
    let held = |tax: i64| if totals.included_tax.minor() > 0 { tax } else { 0 };
    let mut goods: BTreeMap<Option<&str>, i64> = BTreeMap::new();
    for line in &order.lines {
        let net = line.total.minor() - line.discount.minor() - held(tax_of(line));
        *goods.entry(line.category.as_deref()).or_default() += net;
    }
    let of_shipping = order.shipping_tax.map_or(0, |tax| tax.amount.minor());
    let shipping = totals.shipping.minor() - held(of_shipping);
    let tax = totals.tax.minor() + totals.included_tax.minor();
    let rest = totals.total.minor() - goods.values().sum::<i64>() - shipping - tax;
    *goods.entry(None).or_default() += rest;
    let goods = goods.into_iter().filter(|(_, minor)| *minor != 0).map(|(category, minor)| {
        CategoryGoods { category: category.map(str::to_owned), amount: money(minor) }
    });
    Breakdown { goods: goods.collect(), shipping: money(shipping), tax: money(tax) }
}

/// What of an amount that a change gives back is tax: of the units that it is for their share, of the rest
/// that of the shipping, and of what is given back for no units that of the whole order.
pub fn tax_given(order: &Order, change: &Change, amount: Money) -> Money {
    let totals = &order.totals;
    let on_top = totals.tax.minor() > 0;
    let (mut tax_left, mut worth_left) =
        (totals.tax.minor() + totals.included_tax.minor(), totals.total.minor());
    let (mut left, mut tax) = (amount.minor(), 0);
    for given in change.lines.iter().filter(|given| given.accepted != Some(0)) {
        let Some(line) = order.lines.iter().find(|line| line.id == given.line_id) else { continue };
        let minor = given.refund.minor().min(left);
        tax += within(tax_of(line), minor, worth(line, on_top));
        left -= minor;
    }
    if !change.lines.is_empty() && order.shipping_tax.is_some() {
        tax_left -= order.lines.iter().map(tax_of).sum::<i64>();
        worth_left -= order.lines.iter().map(|line| worth(line, on_top)).sum::<i64>();
    }
    tax += within(tax_left, left, worth_left);
    Money::from_minor(tax.min(amount.minor()), amount.currency())
}

/// The share of a tax that an amount has of what the tax is of.
fn within(tax: i64, amount: i64, of: i64) -> i64 {
    part(tax, amount.min(of), of)
}

fn tax_of(line: &Line) -> i64 {
    line.tax.map_or(0, |tax| tax.amount.minor())
}

#[cfg(test)]
mod tests {
    use kernel::Currency;
    use kernel::ports::Taxed;
    use proptest::prelude::*;

    use super::super::after_sale::Kind;
    use super::super::change_state::State;
    use super::super::given::tests::change;
    use super::super::share::tests::order;
    use super::*;

    fn euros(minor: i64) -> Money {
        Money::from_minor(minor, Currency::EUR)
    }

    fn line(category: Option<&str>, quantity: i64, unit: i64, tax: i64) -> Line {
        Line {
            category: category.map(str::to_owned),
            tax: Some(Taxed { rate_ppm: 190_000, tax: euros(tax) }.into()),
            ..Line::lamps(quantity, unit)
        }
    }

    #[test]
    fn tax_that_prices_hold_is_no_revenue() {
        let lines = [
            line(Some("Home"), 1, 1_190, 190),
            line(Some("Home"), 1, 119, 19),
            line(None, 1, 10, 0),
        ];
        let parts = breakdown(&order(lines.to_vec(), 0, true));
        let goods = |category: Option<&str>, minor| CategoryGoods {
            category: category.map(str::to_owned),
            amount: euros(minor),
        };
        assert_eq!(parts.goods, [goods(None, 10), goods(Some("Home"), 1_100)]);
        assert_eq!((parts.shipping, parts.tax), (euros(0), euros(209)));
    }

    #[test]
    fn an_order_of_old_adds_up_all_the_same() {
        let mut old = order(vec![line(None, 1, 1_190, 190)], 0, true);
        old.lines[0].tax = None;
        let parts = breakdown(&old);
        assert_eq!((parts.goods[0].amount, parts.tax), (euros(1_000), euros(190)));
    }

    #[test]
    fn units_give_their_own_tax_back_and_an_amount_that_of_the_order() {
        let order = order(vec![line(None, 2, 1_000, 380), line(None, 1, 1_000, 0)], 0, false);
        let of = |lines: &[(usize, i64)], minor| {
            let mut refund = change(Kind::Refund, State::Done, minor, &order.lines);
            let mut given: Vec<_> = refund.lines.drain(..).collect();
            for (n, minor) in lines {
                given[*n].refund = euros(*minor);
                refund.lines.push(given[*n].clone());
            }
            tax_given(&order, &refund, euros(minor)).minor()
        };
        assert_eq!(of(&[(0, 1_190)], 1_190), 190);
        assert_eq!(of(&[(1, 1_000)], 1_000), 0);
        assert_eq!(of(&[], 3_380), 380);
        assert_eq!(of(&[], 338), 38);
    }

    proptest! {
        #[test]
        fn the_parts_sum_to_the_total(
            kinds in prop::collection::vec((1..7_i64, 500..5_000_i64, 0..500_i64, 0..3_u8), 1..5),
            shipping in 0..1_000_i64, is_included in any::<bool>(), is_old in any::<bool>(),
        ) {
            let names = [None, Some("Home"), Some("Garden")];
            let lines = kinds.iter().map(|(units, price, tax, n)| {
                line(names[usize::from(*n)], *units, *price, *tax)
            });
            let mut order = order(lines.collect(), shipping, is_included);
            if is_old {
                for line in &mut order.lines {
                    line.tax = None;
                }
            }
            let parts = breakdown(&order);
            let goods: i64 = parts.goods.iter().map(|goods| goods.amount.minor()).sum();
            let sum = goods + parts.shipping.minor() + parts.tax.minor();
            prop_assert_eq!(sum, order.totals.total.minor());
        }
    }
}
