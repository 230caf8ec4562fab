use kernel::Currency;
use platform::sql::Result;
use serde::Serialize;

use super::write::{csv_rows, json_lines};
use crate::domain::{Format, Listed};

/// The names of the fields, as an import reads them.
pub(super) const NAMES: [&str; 4] = ["sku", "min_quantity", "price", "currency"];

/// A line of JSON.
#[derive(Serialize)]
struct Line<'l> {
    sku: &'l str,
    min_quantity: i64,
    price: String,
    currency: Currency,
}

fn line(listed: &Listed) -> Line<'_> {
    Line {
        sku: &listed.sku,
        min_quantity: listed.min_quantity,
        price: listed.price.amount().to_string(),
        currency: listed.price.currency(),
    }
}

/// A row under [`NAMES`].
fn cells(line: Line<'_>) -> [String; 4] {
    let Line { sku, min_quantity, price, currency } = line;
    [sku.to_owned(), min_quantity.to_string(), price, currency.to_string()]
}

/// Prices of a list, one after another.
pub(super) fn prices(out: &mut Vec<u8>, format: Format, page: &[Listed]) -> Result<()> {
    let lines = page.iter().map(line);
    match format {
        Format::Jsonl => json_lines(out, &lines.collect::<Vec<_>>()),
        Format::Csv => csv_rows(out, lines.map(cells).collect()),
    }
}
