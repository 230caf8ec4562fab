//! An edit of a confirmed order before anything of it has left: what it asks for, and what the order
//! is after it.
//!
//! What was sold keeps its price, its rate of tax and what the shipping costs. What promotions took off
//! stays with the units it was taken off: fewer units lose their share of it, and more have none.

mod tests;

use std::collections::BTreeSet;

use kernel::events::ParcelLine;
use kernel::id::{LineId, ProductId};
use kernel::ports::{StockLine, TaxTerms, Taxed};
use kernel::problem::{Problem, code};
use kernel::{Address, Money, MoneyError};
use platform::personal::Kept;
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
    pub address: Kept<Address>,
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
    let address = Kept::Plain(asked.address.unwrap_or(&order.shipping_address).clone());
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
