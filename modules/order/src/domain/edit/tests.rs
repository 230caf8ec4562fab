//! What an edited order is, and what no edit can be.
#![cfg(test)]

use kernel::Currency;
use kernel::id::{CartId, CustomerId, OrderId};
use kernel::ports::TaxRounding;
use proptest::prelude::*;

use super::*;
use crate::domain::status::Status;

fn euros(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR)
}

fn taxed(rate_ppm: i64) -> LineTax {
    LineTax::from(Taxed { rate_ppm, tax: euros(0) })
}

fn line(quantity: i64, unit: i64, discount: i64, rate_ppm: i64) -> Line {
    Line {
        discount: euros(discount.min(unit * quantity)),
        tax: Some(taxed(rate_ppm)),
        ..Line::lamps(quantity, unit)
    }
}

fn address() -> Address {
    serde_json::from_value(serde_json::json!({
        "name": "Ada", "line1": "Unter den Linden 1", "city": "Berlin",
        "postal_code": "10117", "country": "DE",
    }))
    .unwrap()
}

/// An order that adds up.
fn order(lines: Vec<Line>, terms: TaxTerms) -> Order {
    let zero = euros(0);
    let mut order = Order {
        id: OrderId::new(),
        number: "N".to_owned(),
        customer_id: CustomerId::new(),
        cart_id: CartId::new(),
        status: Status::Confirmed,
        lines,
        totals: Totals {
            items: zero,
            discount: zero,
            shipping: euros(490),
            tax: zero,
            included_tax: zero,
            total: zero,
        },
        coupon: None,
        promotions: vec![],
        credit: vec![],
        shipments: vec![],
        shipping_address: address(),
        billing_address: None,
        shipping_method: "standard".to_owned(),
        shipping_tax: Some(taxed(190_000)),
        email: None,
        locale: None,
        failure: None,
        version: 2,
        editing: None,
        replaces: None,
        created_at: kernel::Timestamp::UNIX_EPOCH,
        updated_at: kernel::Timestamp::UNIX_EPOCH,
        confirmed_at: None,
    };
    let mut all = Edited {
        lines: order.lines.clone(),
        shipping_tax: order.shipping_tax,
        totals: order.totals,
        address: Kept::Plain(address()),
        added: vec![],
        released: vec![],
    };
    add_up(&order, &mut all, terms).unwrap();
    (order.lines, order.totals, order.shipping_tax) = (all.lines, all.totals, all.shipping_tax);
    order
}

fn asked<'a>(add: &'a [AddedLine], change: &'a [ChangedLine]) -> Asked<'a> {
    Asked { add, change, address: None }
}

fn field(order: &Order, asked: &Asked<'_>) -> String {
    let problem = check(order, asked).unwrap_err();
    serde_json::to_value(&problem.errors).unwrap()[0]["field"].as_str().unwrap().to_owned()
}

#[test]
fn what_no_edit_can_be_is_refused_by_its_field() {
    let order = order(vec![line(2, 1_000, 0, 190_000)], TaxTerms::default());
    let (line_id, product_id) = (order.lines[0].id, order.lines[0].product_id);
    assert_eq!(field(&order, &asked(&[], &[])), "change");
    for quantity in [0, -1, QUANTITY_MAX + 1, i64::MAX] {
        let add = AddedLine { product_id: ProductId::new(), quantity };
        assert_eq!(field(&order, &asked(&[add], &[])), "add[0].quantity");
    }
    for quantity in [-1, QUANTITY_MAX + 1] {
        let change = ChangedLine { line_id, quantity };
        assert_eq!(field(&order, &asked(&[], &[change])), "change[0].quantity");
    }
    let again = AddedLine { product_id, quantity: 1 };
    assert_eq!(field(&order, &asked(&[again], &[])), "add[0].product_id");
    let strange = ChangedLine { line_id: LineId::new(), quantity: 1 };
    assert_eq!(field(&order, &asked(&[], &[strange])), "change[0].line_id");
    let one = ChangedLine { line_id, quantity: 1 };
    assert_eq!(field(&order, &asked(&[], &[one, one])), "change[1].line_id");
    assert_eq!(field(&order, &asked(&[], &[ChangedLine { quantity: 0, ..one }])), "change");
    let abroad = Address { country: "FR".to_owned(), ..address() };
    let moved = Asked { add: &[], change: &[], address: Some(&abroad) };
    assert_eq!(field(&order, &moved), "shipping_address.country");
    assert!(check(&order, &asked(&[], &[one])).is_ok());
}

#[test]
fn fewer_units_lose_their_share_of_the_discount_and_more_have_none() {
    let order = order(vec![line(4, 1_000, 403, 190_000)], TaxTerms::default());
    let line_id = order.lines[0].id;
    let edit = |quantity| {
        let change = [ChangedLine { line_id, quantity }];
        edited(&order, &asked(&[], &change), vec![], TaxTerms::default()).unwrap()
    };
    assert_eq!(edit(3).lines[0].discount, euros(302));
    assert_eq!((edit(6).lines[0].discount, edit(6).lines[0].total), (euros(403), euros(6_000)));
    assert_eq!(edit(3).released[0].quantity, 1);
    assert_eq!(edit(6).added[0].quantity, 2);
}

#[test]
fn another_address_costs_nothing() {
    let order = order(vec![line(2, 1_999, 7, 190_000)], TaxTerms::default());
    let to = Address { line1: "Elsewhere 2".to_owned(), ..address() };
    let moved = Asked { add: &[], change: &[], address: Some(&to) };
    let after = edited(&order, &moved, vec![], TaxTerms::default()).unwrap();
    assert_eq!((after.totals, &after.lines), (order.totals, &order.lines));
    assert_eq!(after.address, Kept::Plain(to));
}

proptest! {
    #[test]
    fn an_edited_order_adds_up_and_back_again_it_is_what_it_was(
        rows in prop::collection::vec((1..50_i64, 1..100_000_i64, 0..9_000_i64, 0..3_usize), 1..6),
        to in prop::collection::vec(0..60_i64, 6),
        fresh in prop::option::of((1..50_i64, 1..100_000_i64, 0..3_usize)),
        included in any::<bool>(), per_line in any::<bool>(),
    ) {
        const RATES: [i64; 3] = [0, 70_000, 190_000];
        let rounding = if per_line { TaxRounding::PerLine } else { TaxRounding::PerOrder };
        let terms = TaxTerms { included, rounding };
        let lines = rows.iter().map(|(n, unit, off, rate)| line(*n, *unit, *off, RATES[*rate]));
        let order = order(lines.collect(), terms);
        let of = |(line, to): (&Line, &i64)| ChangedLine { line_id: line.id, quantity: *to };
        let change: Vec<_> = order.lines.iter().zip(&to).map(of).collect();
        let new: Vec<Line> =
            fresh.iter().map(|(n, unit, rate)| line(*n, *unit, 0, RATES[*rate])).collect();
        let after = edited(&order, &asked(&[], &change), new, terms).unwrap();

        let sum = |of: fn(&Line) -> Money| after.lines.iter().map(|it| of(it).minor()).sum::<i64>();
        let t = after.totals;
        prop_assert_eq!(t.items.minor(), sum(|line| line.total));
        prop_assert_eq!(t.discount.minor(), sum(|line| line.discount));
        prop_assert_eq!(
            t.total.minor(),
            t.items.minor() - t.discount.minor() + t.shipping.minor() + t.tax.minor()
        );
        let of_lines: i64 = after.lines.iter().map(|line| line.tax.unwrap().amount.minor()).sum();
        let tax = of_lines + after.shipping_tax.map_or(0, |tax| tax.amount.minor());
        prop_assert_eq!(t.tax.minor() + t.included_tax.minor(), tax);
        prop_assert_eq!(t.shipping, order.totals.shipping);
        for line in &after.lines {
            prop_assert!(line.quantity > 0);
            prop_assert!((0..=line.total.minor()).contains(&line.discount.minor()));
        }
        // Units are conserved: what it has now is what it had, with what came and without what went.
        let units = |lines: &[Line]| lines.iter().map(|line| line.quantity).sum::<i64>();
        let came: i64 = after.added.iter().map(|line| line.quantity).sum();
        let went: i64 = after.released.iter().map(|line| line.quantity).sum();
        prop_assert_eq!(units(&after.lines), units(&order.lines) + came - went);
    }
}
