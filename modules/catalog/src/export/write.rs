use std::collections::BTreeMap;

use kernel::{Currency, Timestamp};
use platform::sql::{Error, Result};
use serde::Serialize;
use serde_json::Value;

use crate::domain::{Format, Product, Related, Status, Translation};

/// A product on its way out, with what the import knows it by.
pub(crate) struct Exported {
    pub product: Product,
    pub parent_sku: Option<String>,
    /// How many units of itself can be promised.
    pub stock: i64,
    pub former_slugs: Vec<String>,
    pub related: Related,
}

/// The names of the fields, as an import reads them.
pub(super) const NAMES: [&str; 21] = [
    "sku",
    "parent_sku",
    "name",
    "description",
    "price",
    "currency",
    "brand",
    "categories",
    "attributes",
    "options",
    "images",
    "stock",
    "status",
    "publish_at",
    "slug",
    "former_slugs",
    "tax_category",
    "weight_g",
    "barcode",
    "translations",
    "related",
];

/// A line of JSON.
#[derive(Serialize)]
struct Line<'p> {
    sku: &'p str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_sku: Option<&'p str>,
    name: &'p str,
    description: &'p str,
    price: String,
    currency: Currency,
    brand: &'p str,
    categories: &'p [String],
    attributes: &'p BTreeMap<String, Value>,
    options: &'p BTreeMap<String, String>,
    images: &'p [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    stock: Option<i64>,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    publish_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slug: Option<&'p str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    former_slugs: &'p [String],
    tax_category: &'p str,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight_g: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    barcode: Option<&'p str>,
    translations: &'p BTreeMap<String, Translation>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    related: &'p Related,
}

fn line(exported: &Exported) -> Line<'_> {
    let content = &exported.product.content;
    Line {
        sku: &content.sku,
        parent_sku: exported.parent_sku.as_deref(),
        name: &content.name,
        description: &content.description,
        price: content.price.amount().to_string(),
        currency: content.price.currency(),
        brand: &content.brand,
        categories: &content.categories,
        attributes: &content.attributes,
        options: &content.options,
        images: &content.images,
        stock: Some(exported.stock).filter(|stock| *stock > 0),
        status: content.status,
        publish_at: content.publish_at,
        slug: content.slug.as_deref(),
        former_slugs: &exported.former_slugs,
        tax_category: &content.tax_category,
        weight_g: content.weight_g,
        barcode: content.barcode.as_deref(),
        translations: &content.translations,
        related: &exported.related,
    }
}

/// Products, one after another.
pub(super) fn products(out: &mut Vec<u8>, format: Format, page: &[Exported]) -> Result<()> {
    let lines: Vec<Line<'_>> = page.iter().map(line).collect();
    match format {
        Format::Jsonl => json_lines(out, &lines),
        Format::Csv => {
            let rows: Result<Vec<_>> = lines.iter().map(cells).collect();
            csv_rows(out, rows?)
        }
    }
}

/// Objects of JSON, one a line.
pub(super) fn json_lines(out: &mut Vec<u8>, lines: &[impl Serialize]) -> Result<()> {
    for line in lines {
        serde_json::to_writer(&mut *out, line).map_err(failed)?;
        out.push(b'\n');
    }
    Ok(())
}

/// Rows of comma separated values.
pub(super) fn csv_rows<const N: usize>(out: &mut Vec<u8>, rows: Vec<[String; N]>) -> Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    for row in rows {
        csv.write_record(row).map_err(failed)?;
    }
    Ok(())
}

/// A row under [`NAMES`].
fn cells(line: &Line<'_>) -> Result<[String; 21]> {
    let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Ok([
        line.sku.to_owned(),
        text(line.parent_sku),
        line.name.to_owned(),
        line.description.to_owned(),
        line.price.clone(),
        line.currency.to_string(),
        line.brand.to_owned(),
        list(line.categories)?,
        object(line.attributes)?,
        object(line.options)?,
        list(line.images)?,
        number(line.stock),
        line.status.word().to_owned(),
        line.publish_at.map(|at| at.to_rfc3339()).unwrap_or_default(),
        text(line.slug),
        list(line.former_slugs)?,
        line.tax_category.to_owned(),
        number(line.weight_g),
        text(line.barcode),
        object(line.translations)?,
        if line.related.is_empty() { String::new() } else { object(line.related)? },
    ])
}

/// Texts between `|`, or a JSON list where that would say something else.
fn list(texts: &[String]) -> Result<String> {
    let is_plain = |text: &String| !text.contains('|') && !text.starts_with('[');
    if texts.iter().all(|text| is_plain(text) && text.trim() == text) {
        return Ok(texts.join("|"));
    }
    serde_json::to_string(texts).map_err(failed)
}

/// JSON.
fn object<K: Serialize, V: Serialize>(members: &BTreeMap<K, V>) -> Result<String> {
    serde_json::to_string(members).map_err(failed)
}

pub(super) fn failed(error: impl std::error::Error) -> Error {
    Error::Inconsistent(format!("an export: {error}"))
}
