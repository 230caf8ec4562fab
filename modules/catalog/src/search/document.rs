use serde_json::Value;
use tantivy::{TantivyDocument, Term};
use uuid::Uuid;

use super::schema::Fields;
use crate::domain::category;
use crate::store::searching::Source;

/// How many first letters of a word lead to it at once.
pub(super) const START_MAX: usize = 3;
/// The longest value of an attribute that products are filtered by, in bytes.
const VALUE_MAX: usize = 100;

/// What finds the document of a product.
pub(super) fn key(fields: &Fields, id: Uuid) -> Term {
    Term::from_field_text(fields.id, &id.simple().to_string())
}

/// How the value of an attribute or option is written in its column, so that all values of one
/// name are neighbours.
pub(super) fn value(kind: &str, name: &str, value: &str) -> String {
    format!("{kind}.{name}\0{value}")
}

/// The document of a product.
pub(super) fn document(fields: &Fields, source: &Source) -> TantivyDocument {
    let mut document = TantivyDocument::default();
    let (high, low) = source.id.as_u64_pair();
    document.add_text(fields.id, source.id.simple().to_string());
    document.add_u64(fields.id_high, high);
    document.add_u64(fields.id_low, low);
    add_texts(&mut document, fields, source);
    add_columns(&mut document, fields, source);
    document
}

fn add_texts(document: &mut TantivyDocument, fields: &Fields, source: &Source) {
    let mut names = vec![source.name.as_str()];
    if let Some((own, others)) = fields.spoken.split_first() {
        document.add_text(own.name, &source.name);
        document.add_text(own.description, &source.description);
        for spoken in others {
            if let Some(texts) = source.translations.0.get(&spoken.tag) {
                document.add_text(spoken.name, &texts.name);
                document.add_text(spoken.description, &texts.description);
                names.push(&texts.name);
            }
        }
    }
    document.add_text(fields.brand, &source.brand);
    for path in source.category.iter().flat_map(|path| category::prefixes(path)) {
        let name = category::split(path).1;
        document.add_text(fields.categories, name);
        document.add_text(fields.words, name);
    }
    document.add_text(fields.words, &source.brand);
    for name in names {
        document.add_text(fields.words, name);
        document.add_text(fields.starts, starts(name));
    }
    for (name, value) in &source.attributes.0 {
        let words = attribute(value);
        if !words.is_empty() {
            document.add_text(fields.attributes, format!("{name} {words}"));
        }
    }
    let variants = source.variants.iter();
    let codes = variants.flat_map(|variant| [Some(&variant.sku), variant.barcode.as_ref()]);
    for code in codes.chain([Some(&source.sku), source.barcode.as_ref()]).flatten() {
        document.add_text(fields.code, code);
    }
}

fn add_columns(document: &mut TantivyDocument, fields: &Fields, source: &Source) {
    document.add_bool(fields.shown, source.shown);
    document.add_text(fields.status, &source.status);
    for path in source.category.iter().flat_map(|path| category::prefixes(path)) {
        document.add_text(fields.category, path);
    }
    if !source.brand.is_empty() {
        document.add_text(fields.brand_name, &source.brand);
    }
    let mut values = Vec::new();
    for (name, value) in &source.attributes.0 {
        scalars(value, &mut |text| values.push(self::value("attr", name, text)));
    }
    let shown = || source.variants.iter().filter(|variant| variant.shown);
    let options = shown().flat_map(|variant| &variant.options.0).chain(&source.options.0);
    values.extend(options.map(|(name, value)| self::value("option", name, value)));
    values.sort_unstable();
    values.dedup();
    for value in values {
        document.add_text(fields.values, value);
    }
    document.add_i64(fields.price, source.price);
    document.add_text(fields.currency, &source.currency);
    document.add_bool(fields.in_stock, source.in_stock || shown().any(|variant| variant.in_stock));
    document.add_i64(fields.created, source.created_at.timestamp_micros());
    document.add_u64(fields.popularity, source.popularity.unsigned_abs());
    document.add_text(fields.name_order, source.name.to_lowercase());
}

/// The first letters of each word.
fn starts(name: &str) -> String {
    let mut starts = String::new();
    for word in name.split(|c: char| !c.is_alphanumeric()) {
        for (at, letter) in word.char_indices().take(START_MAX) {
            starts.push_str(&word[..at + letter.len_utf8()]);
            starts.push(' ');
        }
    }
    starts
}

/// The words of an attribute. What a product does not have is not among them.
fn attribute(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Array(values) => values.iter().map(attribute).collect::<Vec<_>>().join(" "),
        Value::Bool(false) | Value::Null | Value::Object(_) => String::new(),
    }
}

/// Each value that products can be filtered by.
fn scalars(value: &Value, each: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) if !text.is_empty() && text.len() <= VALUE_MAX => each(text),
        Value::Number(number) => each(&number.to_string()),
        Value::Bool(yes) => each(if *yes { "true" } else { "false" }),
        Value::Array(values) => values.iter().for_each(|value| scalars(value, each)),
        Value::String(_) | Value::Null | Value::Object(_) => {}
    }
}
