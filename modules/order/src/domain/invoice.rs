//! What stands on an invoice and on a packing slip.

use kernel::{Address, Money, Timestamp};
use serde::{Deserialize, Serialize};

use super::order::Order;
use super::sheet::{Align, Cell, PLAIN, Row, TEXT_WIDTH};
use super::shipment::Shipment;
use super::tax::TaxLine;
use super::totals::Totals;

/// How large the name of a paper is.
const TITLE: f32 = 18.0;
/// What is free between the parts of a paper.
const GAP: f32 = 18.0;
/// Where the second of two columns begins.
const HALF: f32 = TEXT_WIDTH / 2.0;

/// An invoice as it was issued: what it says never changes.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Invoice {
    /// Who sells, line by line.
    pub seller: Vec<String>,
    /// The order's number.
    pub order: String,
    /// When it was ordered.
    pub ordered_at: Timestamp,
    /// Whose invoice it is.
    pub billing: Address,
    /// Where the goods go.
    pub shipping: Address,
    /// What was bought.
    pub lines: Vec<Item>,
    /// What it costs.
    pub totals: Totals,
    /// The tax by its rates; none of an order of old.
    pub taxes: Vec<TaxLine>,
}

/// A line of an invoice.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    sku: String,
    name: String,
    quantity: i64,
    unit_price: Money,
    total: Money,
}

/// An invoice with its number.
#[derive(Clone, PartialEq)]
pub struct Issued {
    /// Its place in the series.
    pub number: i64,
    /// When it was issued.
    pub at: Timestamp,
    /// What it says.
    pub invoice: Invoice,
}

impl Invoice {
    /// What the invoice of an order says.
    pub fn of(order: &Order, seller: &[String]) -> Self {
        let item = |line: &super::order::Line| Item {
            sku: line.sku.clone(),
            name: line.name.clone(),
            quantity: line.quantity,
            unit_price: line.unit_price,
            total: line.total,
        };
        let shipping = order.shipping_address.clone();
        Self {
            seller: seller.to_vec(),
            order: order.number.clone(),
            ordered_at: order.created_at,
            billing: order.billing_address.clone().unwrap_or_else(|| shipping.clone()),
            shipping,
            lines: order.lines.iter().map(item).collect(),
            totals: order.totals,
            taxes: order.tax_lines(),
        }
    }
}

impl Issued {
    /// Its number as people read it.
    pub fn name(&self) -> String {
        format!("INV-{:06}", self.number)
    }

    /// Its rows.
    pub fn rows(&self) -> Vec<Row> {
        let Self { at, invoice, .. } = self;
        let mut rows = head(&invoice.seller, &format!("Invoice {}", self.name()));
        rows.push(Row::text(format!("Date: {}", day(*at))));
        let order = format!("Order {} of {}", invoice.order, day(invoice.ordered_at));
        rows.push(Row::text(order));
        let (billing, shipping) = (&invoice.billing, &invoice.shipping);
        rows.extend(beside(("Invoice to", billing), ("Goods to", shipping)));
        rows.push(item(["Item", "Units", "Price", "Amount"].map(str::to_owned)).below(GAP));
        for line in &invoice.lines {
            let price = [line.unit_price, line.total].map(amount);
            let [unit, total] = price;
            let name = format!("{} ({})", line.name, line.sku);
            rows.push(item([name, line.quantity.to_string(), unit, total]).below(2.0));
        }
        let totals = &invoice.totals;
        rows.push(sum("Items", amount(totals.items)).below(GAP));
        if totals.discount.minor() > 0 {
            rows.push(sum("Discount", format!("-{}", amount(totals.discount))));
        }
        rows.push(sum("Shipping", amount(totals.shipping)));
        let is_included = totals.included_tax.minor() > 0;
        let tax = if is_included { "Tax included" } else { "Tax" };
        for line in &invoice.taxes {
            let what = format!("{tax}, {} % of {}", line.rate, amount(line.base));
            // What is included already is told, and not added once more.
            let what = if is_included { format!("{what}: {}", amount(line.tax)) } else { what };
            rows.push(sum(&what, if is_included { String::new() } else { amount(line.tax) }));
        }
        if invoice.taxes.is_empty() && totals.tax.minor() > 0 {
            rows.push(sum(tax, amount(totals.tax)));
        }
        rows.push(sum("Total", amount(totals.total)).sized(PLAIN * 1.3).below(4.0));
        rows
    }
}

/// The rows of the slip that goes with a parcel. It tells no prices: a parcel may be a present.
pub fn packing_slip(order: &Order, parcel: &Shipment, seller: &[String]) -> Vec<Row> {
    let mut rows = head(seller, "Packing slip");
    rows.push(Row::text(format!("Order {} of {}", order.number, day(order.created_at))));
    for (what, text) in [("Carrier", &parcel.carrier), ("Tracking number", &parcel.tracking)] {
        rows.extend(text.iter().map(|text| Row::text(format!("{what}: {text}"))));
    }
    rows.push(Row::text("Goods to").below(GAP));
    rows.extend(lines_of(&order.shipping_address).into_iter().map(Row::text));
    let line = |name, units| item([name, units, String::new(), String::new()]);
    rows.push(line("Item".to_owned(), "Units".to_owned()).below(GAP));
    for packed in &parcel.lines {
        let of = order.lines.iter().filter(|line| line.id == packed.line_id);
        for of in of {
            let (name, units) = (format!("{} ({})", of.name, of.sku), packed.quantity.to_string());
            rows.push(line(name, units).below(2.0));
            // What is to be put into the parcel for it.
            rows.extend(of.parts.iter().map(|part| {
                let units = part.quantity * packed.quantity;
                line(format!("– {} ({})", part.name, part.sku), format!("{units}"))
            }));
        }
    }
    rows
}

fn head(seller: &[String], title: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = seller.iter().map(Row::text).collect();
    rows.push(Row::text(title).sized(TITLE).below(GAP));
    rows
}

fn day(at: Timestamp) -> String {
    at.format("%Y-%m-%d").to_string()
}

/// An amount with the sign of its currency, where everybody knows it.
fn amount(money: Money) -> String {
    match money.currency().code() {
        "EUR" => format!("{} €", money.amount()),
        _ => money.to_string(),
    }
}

fn lines_of(address: &Address) -> Vec<String> {
    let town = [address.postal_code.as_deref(), Some(&address.city), address.region.as_deref()];
    let town = town.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let lines = [
        Some(&address.name),
        Some(&address.line1),
        address.line2.as_ref(),
        Some(&town),
        Some(&address.country),
    ];
    lines.into_iter().flatten().filter(|line| !line.is_empty()).cloned().collect()
}

fn cell(from: f32, to: f32, align: Align, text: impl Into<String>) -> Cell {
    Cell { from, to, align, text: text.into() }
}

/// Two addresses beside each other.
fn beside(left: (&str, &Address), right: (&str, &Address)) -> Vec<Row> {
    let column = |(title, address): (&str, &Address)| {
        let mut lines = vec![title.to_owned()];
        lines.extend(lines_of(address));
        lines
    };
    let (left, right) = (column(left), column(right));
    (0..left.len().max(right.len()))
        .map(|n| {
            let text = |column: &[String]| column.get(n).cloned().unwrap_or_default();
            let cells = vec![
                cell(0.0, HALF - 10.0, Align::Left, text(&left)),
                cell(HALF, TEXT_WIDTH, Align::Left, text(&right)),
            ];
            Row { cells, size: PLAIN, above: if n == 0 { GAP } else { 0.0 } }
        })
        .collect()
}

fn item([name, units, price, total]: [String; 4]) -> Row {
    let cells = vec![
        cell(0.0, 250.0, Align::Left, name),
        cell(255.0, 300.0, Align::Right, units),
        cell(305.0, 390.0, Align::Right, price),
        cell(395.0, TEXT_WIDTH, Align::Right, total),
    ];
    Row { cells, size: PLAIN, above: 0.0 }
}

fn sum(what: &str, total: String) -> Row {
    let cells =
        vec![cell(120.0, 390.0, Align::Right, what), cell(395.0, TEXT_WIDTH, Align::Right, total)];
    Row { cells, size: PLAIN, above: 0.0 }
}
