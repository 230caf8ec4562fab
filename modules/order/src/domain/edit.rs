//! An edit of a confirmed order before anything of it has left: what it asks for, and what the order
//! is after it.
//!
//! What was sold keeps its price, its rate of tax and what the shipping costs. What promotions took off
//! stays with the units it was taken off: fewer units lose their share of it, and more have none.

use std::collections::BTreeSet;

use kernel::events::ParcelLine;
use kernel::id::{LineId, ProductId};
use kernel::ports::{StockLine, TaxTerms, Taxed};
use kernel::problem::{Problem, code};
use kernel::{Address, Money, MoneyError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bundle::{difference, exploded};
use super::cart::{LINES_MAX, QUANTITY_MAX};
use super::order::{Line, Order};
use super::spread::part;
use super::tax::{LineTax, taxes};
use super::totals::{Priced, Totals, totals};

/// A product that comes to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddedLine {
    /// The product; it is not in the order yet.
    pub product_id: ProductId,
    /// How many units.
    #[schema(minimum = 1, maximum = 10000, example = 1)]
    pub quantity: i64,
}

/// Another quantity of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedLine {
    /// The line of the order.
    pub line_id: LineId,
    /// How many units it has from now on; with 0 the line goes.
    #[schema(minimum = 0, maximum = 10000, example = 1)]
    pub quantity: i64,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Products that come to it.
    pub add: &'a [AddedLine],
    /// Lines that have another quantity.
    pub change: &'a [ChangedLine],
    /// Where it goes from now on.
    pub address: Option<&'a Address>,
}

/// An order after its edit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edited {
    /// Its lines.
    pub lines: Vec<Line>,
    /// The tax of its shipping.
    pub shipping_tax: Option<LineTax>,
    /// What it costs.
    pub totals: Totals,
    /// Where it goes.
    pub address: Address,
    /// Units that have to be promised to it first.
    pub added: Vec<StockLine>,
    /// Units that are promised to it no longer.
    pub released: Vec<ParcelLine>,
}

/// Refuses what no edit of this order can be, and what its state does not allow.
pub fn check(order: &Order, asked: &Asked<'_>) -> Result<(), Problem> {
    if asked.add.is_empty() && asked.change.is_empty() && asked.address.is_none() {
        return Err(Problem::invalid("change", "or `add` or `shipping_address` must be given"));
    }
    let mut products: BTreeSet<ProductId> =
        order.lines.iter().map(|line| line.product_id).collect();
    for (n, add) in asked.add.iter().enumerate() {
        check_quantity(&format!("add[{n}].quantity"), add.quantity, 1)?;
        if !products.insert(add.product_id) {
            let detail = "must be in the order no more than once; change the quantity of its line";
            return Err(Problem::invalid(format!("add[{n}].product_id"), detail));
        }
    }
    let mut lines = BTreeSet::new();
    for (n, change) in asked.change.iter().enumerate() {
        check_quantity(&format!("change[{n}].quantity"), change.quantity, 0)?;
        let is_ours = order.lines.iter().any(|line| line.id == change.line_id);
        if !is_ours || !lines.insert(change.line_id) {
            let detail = "must be a line of the order, named once";
            return Err(Problem::invalid(format!("change[{n}].line_id"), detail));
        }
    }
    let dropped = asked.change.iter().filter(|change| change.quantity == 0).count();
    let left = order.lines.len() + asked.add.len() - dropped;
    if left == 0 {
        let detail = "must leave something in the order; else cancel it";
        return Err(Problem::invalid("change", detail));
    }
    if i64::try_from(left).unwrap_or(i64::MAX) > LINES_MAX {
        return Err(Problem::invalid("add", format!("must leave at most {LINES_MAX} lines")));
    }
    if let Some(to) = asked.address {
        let from = &order.shipping_address;
        if to.country != from.country || to.region != from.region {
            let detail = "must be the country and region that the order was sold for: prices, \
                          tax and shipping go by them";
            return Err(Problem::invalid("shipping_address.country", detail));
        }
    }
    let is_taxed =
        order.shipping_tax.is_some() && order.lines.iter().all(|line| line.tax.is_some());
    let is_of_lines = !asked.add.is_empty() || !asked.change.is_empty();
    if is_of_lines && !is_taxed {
        let detail = "The order is of a time when lines had no tax of their own; only its address \
                      can be changed.";
        return Err(Problem::new(code::ORDER_STATE, detail).with("order_status", order.status));
    }
    Ok(())
}

fn check_quantity(field: &str, quantity: i64, least: i64) -> Result<(), Problem> {
    if (least..=QUANTITY_MAX).contains(&quantity) {
        return Ok(());
    }
    Err(Problem::invalid(field, format!("must be {least} to {QUANTITY_MAX}")))
}

/// The order after an edit that was checked. `new` are the lines of what is added, with their rates.
pub fn edited(
    order: &Order,
    asked: &Asked<'_>,
    new: Vec<Line>,
    terms: TaxTerms,
) -> Result<Edited, MoneyError> {
    let mut lines = Vec::with_capacity(order.lines.len() + new.len());
    for line in &order.lines {
        let change = asked.change.iter().find(|change| change.line_id == line.id);
        let quantity = change.map_or(line.quantity, |change| change.quantity);
        if quantity > 0 {
            lines.push(resized(line, quantity)?);
        }
    }
    lines.extend(new);
    let in_stock = |lines: &[Line]| exploded(lines.iter().map(|line| line.units(line.quantity)));
    let (added, released) = difference(&in_stock(&order.lines), &in_stock(&lines));
    let released = released.into_iter();
    let released =
        released.map(|StockLine { product_id, quantity }| ParcelLine { product_id, quantity });
    let address = asked.address.unwrap_or(&order.shipping_address).clone();
    let mut edited = Edited {
        lines,
        shipping_tax: order.shipping_tax,
        totals: order.totals,
        address,
        added,
        released: released.collect(),
    };
    // Otherwise it is as it was sold, to the cent.
    let units = |line: &Line| (line.id, line.quantity);
    if !edited.lines.iter().map(units).eq(order.lines.iter().map(units)) {
        add_up(order, &mut edited, terms)?;
    }
    Ok(edited)
}

/// A line with another quantity.
fn resized(line: &Line, quantity: i64) -> Result<Line, MoneyError> {
    let kept = part(line.discount.minor(), quantity.min(line.quantity), line.quantity);
    Ok(Line {
        quantity,
        total: line.unit_price.times(quantity)?,
        discount: Money::from_minor(kept, line.discount.currency()),
        ..line.clone()
    })
}

/// Taxes the lines and the shipping anew, at their rates, and sums all of it up.
fn add_up(order: &Order, edited: &mut Edited, terms: TaxTerms) -> Result<(), MoneyError> {
    let currency = order.totals.total.currency();
    let shipping = order.totals.shipping;
    let mut amounts = Vec::with_capacity(edited.lines.len() + 1);
    for line in &edited.lines {
        amounts.push(line.total.checked_sub(line.discount)?.minor());
    }
    amounts.push(shipping.minor());
    let of_lines = edited.lines.iter().map(|line| line.tax);
    let rates: Vec<i64> =
        of_lines.chain([order.shipping_tax]).map(|tax| tax.map_or(0, LineTax::rate_ppm)).collect();
    let mut taxed = taxes(&amounts, &rates, terms).into_iter().zip(rates).map(|(tax, rate_ppm)| {
        LineTax::from(Taxed { rate_ppm, tax: Money::from_minor(tax, currency) })
    });
    for line in &mut edited.lines {
        line.tax = taxed.next();
    }
    edited.shipping_tax = taxed.next();
    let priced: Vec<Priced> = edited
        .lines
        .iter()
        .map(|line| Priced { unit: line.unit_price, quantity: line.quantity })
        .collect();
    let discount = Money::sum(currency, edited.lines.iter().map(|line| line.discount))?;
    let of_lines = edited.lines.iter().filter_map(|line| line.tax);
    let tax = Money::sum(currency, of_lines.chain(edited.shipping_tax).map(|tax| tax.amount))?;
    edited.totals = totals(currency, &priced, discount, shipping, tax, terms.included)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use kernel::Currency;
    use kernel::id::{CartId, CustomerId, OrderId};
    use kernel::ports::TaxRounding;
    use proptest::prelude::*;

    use super::super::status::Status;
    use super::*;

    fn euros(minor: i64) -> Money {
        Money::from_minor(minor, Currency::EUR)
    }

    fn taxed(rate_ppm: i64) -> LineTax {
        LineTax::from(Taxed { rate_ppm, tax: euros(0) })
    }

    fn line(quantity: i64, unit: i64, discount: i64, rate_ppm: i64) -> Line {
        Line {
            id: LineId::new(),
            product_id: ProductId::new(),
            sku: "A".to_owned(),
            name: "A".to_owned(),
            quantity,
            unit_price: euros(unit),
            total: euros(unit * quantity),
            discount: euros(discount.min(unit * quantity)),
            tax: Some(taxed(rate_ppm)),
            shipped: 0,
            delivered: 0,
            lost: 0,
            cancelled: 0,
            returned: 0,
            refunded: 0,
            parts: vec![],
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
            created_at: kernel::Timestamp::UNIX_EPOCH,
            updated_at: kernel::Timestamp::UNIX_EPOCH,
            confirmed_at: None,
        };
        let mut all = Edited {
            lines: order.lines.clone(),
            shipping_tax: order.shipping_tax,
            totals: order.totals,
            address: address(),
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
        assert_eq!(after.address.line1, "Elsewhere 2");
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
}
