use std::collections::{HashMap, HashSet};

use kernel::problem::FieldError;
use kernel::{Currency, Money};
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::row::{parse_price, take, wrong};
use super::{LineError, Listed, ListedInput};

/// What a file says of one price of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PriceRow {
    pub sku: String,
    pub min_quantity: i64,
    /// None takes it out of the list.
    pub price: Option<Decimal>,
    pub currency: Option<Currency>,
}

/// A line of a file of prices whose product is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlacedPrice {
    pub line: u64,
    /// The price; where it is to be taken out, nothing counts but the product and the quantity.
    pub listed: Listed,
    pub is_removal: bool,
}

/// What becomes of one price of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedChange {
    pub before: Option<Listed>,
    pub after: Option<Listed>,
}

impl ListedChange {
    /// The product and the quantity whose price it is.
    pub(crate) fn of(&self) -> Option<&Listed> {
        self.after.as_ref().or(self.before.as_ref())
    }
}

/// Reads a record by the names of its fields. `price` is there as the text it was written with.
pub(crate) fn price_row(mut record: Map<String, Value>) -> Result<PriceRow, FieldError> {
    let record = &mut record;
    let sku = take(record, "sku", "a text")?.ok_or_else(|| wrong("sku", "must be there"))?;
    let min_quantity = take(record, "min_quantity", "a whole number")?.unwrap_or(1);
    if !record.contains_key("price") {
        return Err(wrong("price", "must be there; an empty one takes the price out of the list"));
    }
    let text: Option<String> = take(record, "price", "a decimal number such as 19.99")?;
    let text = text.filter(|text| !text.trim().is_empty());
    let price = text.map(|text| parse_price(&text)).transpose();
    let code: Option<String> = take(record, "currency", "an ISO 4217 code such as EUR")?;
    let currency = code.map(|code| code.parse::<Currency>()).transpose();
    match record.keys().next() {
        Some(name) => Err(wrong(name, "is no field of a price")),
        None => Ok(PriceRow {
            sku,
            min_quantity,
            price: price.map_err(|message| wrong("price", message))?,
            currency: currency.map_err(|error| wrong("currency", error.to_string()))?,
        }),
    }
}

/// The lines with the products they are for, by SKU; what is not allowed goes to `errors`.
pub(crate) fn place_prices(
    rows: Vec<(u64, PriceRow)>,
    products: &HashMap<String, Uuid>,
    currency: Currency,
    errors: &mut Vec<LineError>,
) -> Vec<PlacedPrice> {
    let mut seen = HashSet::new();
    let mut placed = Vec::with_capacity(rows.len());
    for (line, row) in rows {
        let one = place(line, row, products, currency).and_then(|one| {
            let key = (one.listed.product_id, one.listed.min_quantity);
            let message = "the product has a line for this quantity further up";
            if seen.insert(key) { Ok(one) } else { Err(vec![wrong("min_quantity", message)]) }
        });
        match one {
            Ok(one) => placed.push(one),
            Err(found) => errors.extend(found.into_iter().map(|error| error_at(line, error))),
        }
    }
    placed
}

fn place(
    line: u64,
    row: PriceRow,
    products: &HashMap<String, Uuid>,
    currency: Currency,
) -> Result<PlacedPrice, Vec<FieldError>> {
    let is_removal = row.price.is_none();
    let amount = row.price.unwrap_or_default();
    let price = Money::new(amount, row.currency.unwrap_or(currency))
        .map_err(|error| vec![wrong("price", error.to_string())])?;
    let (sku, min_quantity) = (Some(row.sku), row.min_quantity);
    let input = ListedInput { product_id: None, sku, min_quantity, price };
    let mut errors = input.check(currency);
    let sku = input.sku.unwrap_or_default();
    let Some(id) = products.get(&sku) else {
        errors.push(wrong("sku", "must be a product of this shop"));
        return Err(errors);
    };
    let listed = Listed { product_id: (*id).into(), sku, min_quantity, price };
    if errors.is_empty() { Ok(PlacedPrice { line, listed, is_removal }) } else { Err(errors) }
}

/// What is wrong with a field of a line.
pub(crate) fn error_at(line: u64, error: FieldError) -> LineError {
    LineError { line, field: error.field, message: error.message }
}

/// What becomes of a price that is `stored` now; none when it stays as it is.
pub(crate) fn change_of(
    one: &Listed,
    is_removal: bool,
    stored: Option<Money>,
) -> Option<ListedChange> {
    let after = (!is_removal).then(|| one.clone());
    if stored == after.as_ref().map(|after| after.price) {
        return None;
    }
    let before = stored.map(|price| Listed { price, ..one.clone() });
    Some(ListedChange { before, after })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<PriceRow, FieldError> {
        let Value::Object(record) = value else { panic!("an object") };
        price_row(record)
    }

    #[test]
    fn an_empty_price_is_not_a_missing_one() {
        for empty in [json!(null), json!(""), json!(" ")] {
            let row = read(json!({"sku": "A", "price": empty})).unwrap();
            assert_eq!((row.price, row.min_quantity), (None, 1));
        }
        assert_eq!(read(json!({"sku": "A"})).unwrap_err().field, "price");
    }

    #[test]
    fn the_wrong_field_is_named() {
        let field = |value| read(value).unwrap_err().field;
        assert_eq!(field(json!({"price": "1"})), "sku");
        assert_eq!(field(json!({"sku": "A", "price": "1,50"})), "price");
        assert_eq!(field(json!({"sku": "A", "price": "1", "min_quantity": "x"})), "min_quantity");
        assert_eq!(field(json!({"sku": "A", "price": "1", "currency": "EURO"})), "currency");
        assert_eq!(field(json!({"sku": "A", "price": "1", "colour": "red"})), "colour");
    }
}
