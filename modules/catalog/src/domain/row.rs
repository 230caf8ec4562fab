use std::collections::BTreeMap;

use kernel::problem::FieldError;
use kernel::{Currency, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Related, STOCK_MAX, Status, Translation, normalize};

/// A line of an import that was left out, with why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineError {
    /// The line of the file, from 1.
    pub line: u64,
    /// The field, when it is one field's fault.
    pub field: String,
    /// What is allowed there.
    pub message: String,
}

impl std::fmt::Display for LineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.field.as_str() {
            "" => write!(f, "line {}: {}", self.line, self.message),
            field => write!(f, "line {}: {field}: {}", self.line, self.message),
        }
    }
}

/// What an import says of one product. What it leaves out stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ImportRow {
    pub sku: String,
    pub parent_sku: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub price: Option<Decimal>,
    pub currency: Option<Currency>,
    pub brand: Option<String>,
    pub categories: Option<Vec<String>>,
    pub attributes: Option<BTreeMap<String, Value>>,
    pub options: Option<BTreeMap<String, String>>,
    pub images: Option<Vec<String>>,
    pub stock: Option<i64>,
    pub status: Option<Status>,
    pub publish_at: Option<Timestamp>,
    pub slug: Option<String>,
    /// Slugs that lead to it too; it keeps those it has.
    pub former_slugs: Option<Vec<String>>,
    pub related: Option<Related>,
    pub tax_category: Option<String>,
    pub weight_g: Option<i64>,
    pub barcode: Option<String>,
    pub translations: Option<BTreeMap<String, Translation>>,
}

/// The exact decimal a price is written as, in digits or with an exponent.
pub fn parse_price(text: &str) -> Result<Decimal, &'static str> {
    let text = text.trim();
    Decimal::from_str_exact(text)
        .or_else(|_| Decimal::from_scientific(text))
        .map_err(|_| "must be a decimal number such as 19.99")
}

/// Reads a record by the names of its fields. `price` is there as the text it was written with.
/// Names it does not know go to `ignored`.
pub(crate) fn row(
    mut record: Map<String, Value>,
    mut ignored: impl FnMut(&str),
) -> Result<ImportRow, FieldError> {
    let record = &mut record;
    let row = ImportRow {
        sku: take::<String>(record, "sku", "a text")?
            .ok_or_else(|| wrong("sku", "must be there"))?,
        parent_sku: take(record, "parent_sku", "the sku of another product")?,
        name: take(record, "name", "a text")?,
        description: take(record, "description", "a text")?,
        price: price(record)?,
        currency: currency(record)?,
        brand: take(record, "brand", "a text")?,
        categories: take(record, "categories", "a list of texts")?,
        attributes: take(record, "attributes", "an object")?.map(normalize),
        options: take(record, "options", "an object of texts")?,
        images: images(record)?,
        stock: stock(record)?,
        status: status(record)?,
        publish_at: take(record, "publish_at", "a time such as 2026-12-01T08:00:00Z")?,
        slug: take(record, "slug", "a text")?,
        former_slugs: take(record, "former_slugs", "a list of texts")?,
        related: take(record, "related", "lists of skus by accessory, alternative and upsell")?,
        tax_category: take(record, "tax_category", "a text")?,
        weight_g: take(record, "weight_g", "a whole number of grams")?,
        barcode: take(record, "barcode", "a text")?,
        translations: take(record, "translations", "names and descriptions by language")?,
    };
    record.keys().for_each(|name| ignored(name));
    Ok(row)
}

pub(super) fn wrong(field: &str, message: impl Into<String>) -> FieldError {
    FieldError { field: field.to_owned(), message: message.into() }
}

pub(super) fn take<T: for<'de> Deserialize<'de>>(
    record: &mut Map<String, Value>,
    field: &str,
    what: &str,
) -> Result<Option<T>, FieldError> {
    match record.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            T::deserialize(value).map(Some).map_err(|_| wrong(field, format!("must be {what}")))
        }
    }
}

fn price(record: &mut Map<String, Value>) -> Result<Option<Decimal>, FieldError> {
    let text: Option<String> = take(record, "price", "a decimal number such as 19.99")?;
    text.map(|text| parse_price(&text).map_err(|message| wrong("price", message))).transpose()
}

fn currency(record: &mut Map<String, Value>) -> Result<Option<Currency>, FieldError> {
    let code: Option<String> = take(record, "currency", "an ISO 4217 code such as EUR")?;
    code.map(|code| code.parse().map_err(|error| wrong("currency", format!("{error}")))).transpose()
}

fn status(record: &mut Map<String, Value>) -> Result<Option<Status>, FieldError> {
    let word: Option<String> = take(record, "status", "draft, active or archived")?;
    word.map(|word| word.parse().map_err(|error| wrong("status", format!("{error}")))).transpose()
}

fn stock(record: &mut Map<String, Value>) -> Result<Option<i64>, FieldError> {
    let what = format!("a whole number from 0 to {STOCK_MAX}");
    match take::<i64>(record, "stock", &what)? {
        Some(stock) if !(0..=STOCK_MAX).contains(&stock) => {
            Err(wrong("stock", format!("must be {what}")))
        }
        stock => Ok(stock),
    }
}

/// A list, or a single one under the names that suppliers use.
fn images(record: &mut Map<String, Value>) -> Result<Option<Vec<String>>, FieldError> {
    let list = take(record, "images", "a list of texts")?;
    let url: Option<String> = take(record, "image_url", "a text")?;
    let image: Option<String> = take(record, "image", "a text")?;
    let single = || url.or(image).map(|one| if one.is_empty() { Vec::new() } else { vec![one] });
    Ok(list.or_else(single))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<ImportRow, FieldError> {
        let Value::Object(record) = value else { panic!("an object") };
        row(record, |_| {})
    }

    #[test]
    fn what_is_left_out_stays_out() {
        let row = read(json!({"sku": "A", "name": null})).unwrap();
        assert_eq!(row, ImportRow { sku: "A".to_owned(), ..ImportRow::default() });
    }

    #[test]
    fn the_wrong_field_is_named() {
        let field = |value| read(value).unwrap_err().field;
        assert_eq!(field(json!({})), "sku");
        assert_eq!(field(json!({"sku": "A", "price": "1,50"})), "price");
        assert_eq!(field(json!({"sku": "A", "currency": "EURO"})), "currency");
        assert_eq!(field(json!({"sku": "A", "categories": "Men"})), "categories");
        assert_eq!(field(json!({"sku": "A", "stock": -1})), "stock");
        assert_eq!(field(json!({"sku": "A", "status": "sold"})), "status");
    }

    #[test]
    fn unknown_fields_are_told() {
        let mut ignored = Vec::new();
        let Value::Object(record) = json!({"sku": "A", "colour": "red"}) else { panic!() };
        row(record, |name| ignored.push(name.to_owned())).unwrap();
        assert_eq!(ignored, ["colour"]);
    }

    proptest! {
        #[test]
        fn a_price_is_read_digit_by_digit(whole in 0_i64..1_000_000_000, cents in 0_i64..100) {
            let text = format!("{whole}.{cents:02}");
            prop_assert_eq!(parse_price(&text), Ok(Decimal::new(whole * 100 + cents, 2)));
        }

        #[test]
        fn no_text_breaks_the_reader_of_prices(text in ".{0,40}") {
            if let Ok(price) = parse_price(&text) {
                prop_assert_eq!(parse_price(&price.to_string()), Ok(price));
            }
        }

        #[test]
        fn a_price_with_an_exponent_is_the_same_price(digits in 1_i64..1_000_000, zeros in 0_u32..6) {
            let exact = Decimal::from(digits * 10_i64.pow(zeros));
            prop_assert_eq!(parse_price(&format!("{digits}e{zeros}")), Ok(exact));
        }
    }
}
