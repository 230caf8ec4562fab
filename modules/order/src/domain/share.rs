//! What units of an order are worth: what is given back for them.
//!
//! A line is worth its price less its discount, with the tax that comes on top of it. Of that, so many of its
//! units have a share that depends only on how many are paid back in all, so that whoever pays them back one
//! by one, in whatever order, has paid back exactly the whole. What an order costs beside its lines, the
//! shipping, is paid back with the last unit.

use kernel::id::LineId;

use super::order::{Line, Order};
use super::shipment::ShipmentLine;
use super::spread::part;

/// What is owed for units of an order, in minor units of its currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// For the units of each line, in the order of the request.
    pub lines: Vec<i64>,
    /// For the shipping, when nothing remains of the order.
    pub rest: i64,
}

impl Owed {
    /// All of it, but at most what is left.
    pub fn total(&self, left: i64) -> i64 {
        (self.lines.iter().sum::<i64>() + self.rest).min(left)
    }
}

/// What is owed for units that are paid back, before they are counted. The units are of lines of the order.
pub fn owed(order: &Order, units: &[ShipmentLine]) -> Owed {
    let on_top = order.totals.tax.minor() > 0;
    let of_line = |id: LineId| {
        let named = units.iter().filter(|unit| unit.line_id == id);
        named.map(|unit| unit.quantity).sum::<i64>()
    };
    let share = |unit: &ShipmentLine| {
        let Some(line) = order.lines.iter().find(|line| line.id == unit.line_id) else { return 0 };
        let through = |gone: i64| part(worth(line, on_top), gone.min(line.quantity), line.quantity);
        through(line.gone() + unit.quantity) - through(line.gone())
    };
    let is_all = order.lines.iter().all(|line| line.gone() + of_line(line.id) >= line.quantity);
    let lines: i64 = order.lines.iter().map(|line| worth(line, on_top)).sum();
    let rest = if is_all { order.totals.total.minor() - lines } else { 0 };
    Owed { lines: units.iter().map(share).collect(), rest }
}

/// What all units of a line are worth, in minor units; `on_top` when the tax comes on top of prices.
pub fn worth(line: &Line, on_top: bool) -> i64 {
    let tax = line.tax.filter(|_| on_top).map_or(0, |tax| tax.amount.minor());
    line.total.minor() - line.discount.minor() + tax
}

#[cfg(test)]
pub(super) mod tests {
    use kernel::id::{CartId, CustomerId, OrderId};
    use kernel::ports::Taxed;
    use kernel::{Address, Currency, Money, Timestamp};
    use proptest::prelude::*;

    use super::super::exchange::settle;
    use super::super::status::Status;
    use super::super::totals::Totals;
    use super::*;

    fn euros(minor: i64) -> Money {
        Money::from_minor(minor, Currency::EUR)
    }

    /// A line of so many units at a price, of which so many percent are taken off.
    fn line((quantity, unit, percent): (i64, i64, i64), tax: i64) -> Line {
        Line {
            discount: euros(quantity * unit * percent / 100),
            tax: Some(Taxed { rate_ppm: 190_000, tax: euros(tax) }.into()),
            ..Line::lamps(quantity, unit)
        }
    }

    /// A confirmed order of these lines; the tax of its shipping is a fifth of that.
    pub fn order(lines: Vec<Line>, shipping: i64, is_included: bool) -> Order {
        let sum = |amount: fn(&Line) -> i64| lines.iter().map(amount).sum::<i64>();
        let (items, discount) = (sum(|line| line.total.minor()), sum(|line| line.discount.minor()));
        let tax = sum(|line| line.tax.map_or(0, |tax| tax.amount.minor())) + shipping / 5;
        let (on_top, included) = if is_included { (0, tax) } else { (tax, 0) };
        let address: Address = serde_json::from_value(serde_json::json!({
            "name": "Ada", "line1": "Street 1", "city": "Berlin", "postal_code": "10115",
            "country": "DE",
        }))
        .unwrap();
        let at = Timestamp::default();
        Order {
            id: OrderId::new(),
            number: "1".to_owned(),
            customer_id: CustomerId::new(),
            cart_id: CartId::new(),
            status: Status::Confirmed,
            lines,
            totals: Totals {
                items: euros(items),
                discount: euros(discount),
                shipping: euros(shipping),
                tax: euros(on_top),
                included_tax: euros(included),
                total: euros(items - discount + shipping + on_top),
            },
            coupon: None,
            promotions: vec![],
            credit: vec![],
            shipments: vec![],
            shipping_address: address,
            billing_address: None,
            shipping_method: "standard".to_owned(),
            shipping_tax: None,
            email: None,
            locale: None,
            failure: None,
            version: 1,
            editing: None,
            replaces: None,
            created_at: at,
            updated_at: at,
            confirmed_at: Some(at),
        }
    }

    #[test]
    fn a_third_of_a_price_is_not_lost() {
        let mut order = order(vec![line((3, 333, 0), 1)], 490, true);
        order.lines[0].total = euros(1_000);
        order.totals.items = euros(1_000);
        order.totals.total = euros(1_490);
        let one = [ShipmentLine { line_id: order.lines[0].id, quantity: 1 }];
        let mut paid = Vec::new();
        for _ in 0..3 {
            let owed = owed(&order, &one);
            paid.push((owed.lines[0], owed.rest));
            order.lines[0].returned += 1;
        }
        assert_eq!(paid, [(333, 0), (333, 0), (334, 490)]);
    }

    proptest! {
        #[test]
        fn units_that_are_paid_back_one_by_one_are_the_whole_order(
            kinds in prop::collection::vec(((1..7_i64, 0..5_000_i64, 0..=100_i64), 0..500_i64), 1..5),
            shipping in 0..1_000_i64, is_included in any::<bool>(),
            picks in prop::collection::vec((0..5_usize, 1..4_i64, 0..3_u8), 0..40),
        ) {
            let lines = kinds.into_iter().map(|(kind, tax)| line(kind, tax)).collect();
            let mut order = order(lines, shipping, is_included);
            let total = order.totals.total.minor();
            let mut paid = 0;
            let all = order.lines.len();
            // What was not picked is paid back at the end.
            let rest = (0..all).map(|n| (n, i64::MAX, 0));
            for (n, wanted, how) in picks.into_iter().map(|(n, units, how)| (n % all, units, how)).chain(rest) {
                let line = &order.lines[n];
                let quantity = wanted.min(line.quantity - line.gone());
                if quantity == 0 {
                    continue;
                }
                let owed = owed(&order, &[ShipmentLine { line_id: line.id, quantity }]);
                prop_assert!(owed.lines[0] >= 0 && owed.rest >= 0);
                paid += owed.total(total - paid);
                let line = &mut order.lines[n];
                match how {
                    0 => line.cancelled += quantity,
                    1 => line.returned += quantity,
                    _ => line.refunded += quantity,
                }
            }
            prop_assert_eq!(paid, total);
        }

        /// The model knows an order by what was paid and what of that went back, and an exchange by what the
        /// customer has in the end.
        #[test]
        fn whatever_is_accepted_an_exchange_costs_what_is_sent_instead(
            kinds in prop::collection::vec(((1..7_i64, 0..5_000_i64, 0..=100_i64), 0..500_i64), 1..5),
            shipping in 0..1_000_i64, is_included in any::<bool>(),
            steps in prop::collection::vec((0..5_usize, 1..4_i64, 0..20_000_i64, any::<bool>()), 0..40),
        ) {
            let lines = kinds.into_iter().map(|(kind, tax)| line(kind, tax)).collect();
            let mut order = order(lines, shipping, is_included);
            let total = order.totals.total.minor();
            // What the payments of all orders took, gave back, and what the customer has for it.
            let (mut taken, mut given, mut sent) = (total, 0, 0);
            // What went out of this order's balance.
            let mut gone = 0;
            for (n, accepted, price, is_paid) in steps {
                let n = n % order.lines.len();
                let line = &order.lines[n];
                let quantity = accepted.min(line.quantity - line.gone());
                if quantity == 0 {
                    continue;
                }
                let unit = ShipmentLine { line_id: line.id, quantity };
                let accepted = owed(&order, &[unit]).total(total - gone);
                order.lines[n].returned += quantity;
                gone += accepted;
                let how = settle(euros(accepted), euros(price)).unwrap();
                let (credit, due, refund) = (how.credit.minor(), how.due.minor(), how.refund.minor());
                prop_assert_eq!(accepted + due - refund, price);
                prop_assert_eq!(credit + refund, accepted, "what went out is explained");
                prop_assert_eq!(credit + due, price, "what is sent is paid, once");
                prop_assert!(credit >= 0 && due >= 0 && refund >= 0 && (due == 0 || refund == 0));
                if due > 0 && !is_paid {
                    given += accepted;
                    continue;
                }
                taken += due;
                given += refund;
                sent += price;
            }
            let kept: i64 = order.lines.iter().map(|line| line.quantity - line.gone()).sum();
            let worth = total - gone;
            prop_assert_eq!(taken - given, worth + sent);
            prop_assert!(kept > 0 || worth == 0, "{} of {}", worth, total);
        }
    }
}
