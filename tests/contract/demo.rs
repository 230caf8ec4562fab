//! The demo catalogue: what a first start shows must be sound, and may be given away.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

/// A clone of the repository should stay small.
const BYTES_MAX: usize = 3_000_000;
const PRODUCTS_MIN: usize = 2_000;
/// More would not be plausible.
const STOCK_MAX: u32 = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    sku: String,
    name: String,
    description: String,
    price: String,
    currency: String,
    categories: Vec<String>,
    attributes: BTreeMap<String, Value>,
    brand: String,
    images: Vec<String>,
    parent_sku: Option<String>,
    #[serde(default)]
    options: BTreeMap<String, String>,
    stock: u32,
}

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("demo").join(file)).unwrap()
}

/// What is wrong with a catalogue, each in a phrase.
fn faults(catalog: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut before = BTreeSet::new();
    for (number, line) in catalog.lines().enumerate() {
        match serde_json::from_str::<Entry>(line) {
            Ok(entry) => {
                let faults = faults_of(&entry, &before).into_iter();
                found.extend(faults.map(|fault| format!("line {}: {fault}", number + 1)));
                before.insert(entry.sku);
            }
            Err(error) => found.push(format!("line {}: {error}", number + 1)),
        }
    }
    found
}

fn faults_of(entry: &Entry, before: &BTreeSet<String>) -> Vec<&'static str> {
    let mut texts = [&entry.sku, &entry.name, &entry.brand].into_iter().chain(&entry.categories);
    let mut links = entry.images.iter().chain([&entry.description]);
    let price = Decimal::from_str(&entry.price).unwrap_or_default();
    let rules = [
        (
            texts.all(|text| !text.trim().is_empty()) && !entry.categories.is_empty(),
            "a text that must be there is empty",
        ),
        (
            price > Decimal::ZERO && price.scale() == 2 && entry.currency == "USD",
            "no price in dollars and cents",
        ),
        (
            entry.parent_sku.is_some() != entry.options.is_empty(),
            "a variant without options, or options without a parent",
        ),
        (
            entry.parent_sku.as_ref().is_none_or(|parent| before.contains(parent)),
            "its parent does not stand before it",
        ),
        (
            links.all(|text| !text.contains("://"))
                && entry.attributes.values().all(|value| !value.to_string().contains("://")),
            "a link leads out of the shop",
        ),
        (entry.stock <= STOCK_MAX, "a shop does not have that many"),
        (!before.contains(&entry.sku), "its sku stands there twice"),
    ];
    rules.into_iter().filter(|(holds, _)| !holds).map(|(_, fault)| fault).collect()
}

#[test]
fn the_demo_catalogue_is_sound() {
    let catalog = read("catalog.jsonl");
    assert_eq!(faults(&catalog), [""; 0]);
    assert!(catalog.len() <= BYTES_MAX, "{} bytes", catalog.len());
    assert!(catalog.lines().count() >= PRODUCTS_MIN);
}

#[test]
fn the_notice_names_every_source_and_its_licence_lies_beside() {
    let notice = read("NOTICE.md");
    for line in read("catalog.jsonl").lines() {
        let prefix = line.trim_start_matches("{\"sku\":\"").split('-').next().unwrap().to_owned();
        assert!(notice.contains(&format!("`{prefix}-`")), "{prefix}");
    }
    for licence in ["LICENSES/OpenContent-OPL-1.0.txt", "LICENSES/BSD-3-saleor.txt"] {
        assert!(notice.contains(licence));
        assert!(!read(licence).is_empty());
    }
}

#[test]
fn an_unsound_catalogue_is_found() {
    let sound = r#"{"sku":"A","name":"A","description":"","price":"1.00","currency":"USD","categories":["C"],"attributes":{},"brand":"B","images":[],"stock":1}"#;
    assert_eq!(faults(sound), [""; 0]);
    let variant =
        sound.replace(r#""sku":"A""#, r#""sku":"A-1","parent_sku":"A","options":{"size":"S"}"#);
    assert_eq!(faults(&format!("{sound}\n{variant}")), [""; 0]);
    assert_eq!(faults(&format!("{variant}\n{sound}")).len(), 1);
    assert_eq!(faults(&format!("{sound}\n{sound}")).len(), 1);
    for (good, bad) in [
        ("\"1.00\"", "\"0.00\""),
        ("\"1.00\"", "\"1.001\""),
        ("USD", "PLN"),
        ("\"description\":\"\"", "\"description\":\"http://example.org\""),
        ("\"images\":[]", "\"images\":[\"https://example.org/a.jpg\"]"),
        ("[\"C\"]", "[]"),
        ("\"stock\":1", "\"stock\":-1"),
        ("\"stock\":1", "\"stock\":1,\"colour\":\"red\""),
    ] {
        assert_eq!(faults(&sound.replace(good, bad)).len(), 1, "{bad}");
    }
}
