//! What must be there before the clock starts: the catalogue is found, guests have arrived, and the
//! products to be bought are known to go through.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::client::Client;
use crate::error::{Error, Result};
use crate::scenario::{self, Buyer, Outcome, Scenario, Shelf};

/// How many products are tried; with some 200 units of each this is enough for minutes.
const PRODUCTS_TRIED_MAX: usize = 300;
/// How long the shop may take to load and index the demo catalogue.
const FOUND_WITHIN: Duration = Duration::from_mins(2);
const LOOKED_FOR_EVERY: Duration = Duration::from_millis(200);

/// How many characters of a query are typed when suggestions are asked for; none of the queries has
/// an escape in its first ones.
const TYPED: usize = 3;

/// What shoppers look for.
const QUERIES: &[&str] = &[
    "hdmi%20cable",
    "toner%20black",
    "wireless%20mouse",
    "laptop%20bag",
    "usb%20stick",
    "keyboard",
    "monitor%2024",
    "headphones",
    "ssd%20500gb",
    "patch%20cable%20cat6",
    "ink%20cartridge%20cyan",
    "hoodie",
    "camera%20lens",
    "projector",
    "router",
    "t-shirt",
];

/// A line of the catalogue, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Entry {
    sku: String,
    stock: usize,
    parent_sku: Option<String>,
}

/// A shop that is ready to be driven.
pub struct Shop {
    shelf: Arc<Shelf>,
    buyers: Vec<Arc<Buyer>>,
    product_ids: Vec<String>,
}

impl Shop {
    /// Waits for the catalogue, tries the products, and lets so many guests arrive.
    pub async fn prepare(address: SocketAddr, catalog: &Path, guests: usize) -> Result<Self> {
        let entries = plentiful(&std::fs::read_to_string(catalog)?)?;
        let mut client = Client::behind_proxy(address, 0);
        wait_for_search(&mut client).await?;

        let mut product_ids = Vec::new();
        let mut units_of_each = usize::MAX;
        let mut last_outcome = Outcome::Done;
        let mut buyer = Buyer::arrive(&mut client).await?;
        for (number, entry) in entries.iter().enumerate() {
            let product = client.must_get(&format!("/v1/products/{}", entry.sku)).await?;
            let id = scenario::text(&product, "id")?;
            // Far above the numbers that a shelf hands out, so that no key is used twice.
            let trial = usize::MAX - number;
            match scenario::buy(&mut client, &buyer, &id, trial, false).await? {
                Outcome::Done => {
                    product_ids.push(id);
                    units_of_each = units_of_each.min(entry.stock - 1);
                }
                outcome @ Outcome::Other(_) => {
                    last_outcome = outcome;
                    buyer = Buyer::arrive(&mut client).await?;
                }
            }
        }
        if product_ids.is_empty() {
            let tried = entries.len();
            let why = format!("none of {tried} products could be bought; last: {last_outcome:?}");
            return Err(Error::Setup(why));
        }
        let mut buyers = Vec::new();
        for _ in 0..guests {
            buyers.push(Arc::new(Buyer::arrive(&mut client).await?));
        }
        let shelf = Arc::new(Shelf::new(product_ids.clone(), units_of_each));
        Ok(Self { shelf, buyers, product_ids })
    }

    /// What is measured, in this order: the books grow only with the last.
    pub fn scenarios(&self) -> [Scenario; 6] {
        let read =
            |name, paths| Scenario::Read { name, paths: Arc::new(paths), guests: Vec::new() };
        [
            self.products(),
            read("product list", vec!["/v1/products?limit=24".to_owned()]),
            read("list with facets", vec!["/v1/products?limit=24&facets=true".to_owned()]),
            read("suggestions", suggestions().collect()),
            read("search", searches("").collect()),
            self.checkout(),
        ]
    }

    /// Pages of products, asked for by nobody in particular.
    pub fn products(&self) -> Scenario {
        self.products_for(Vec::new())
    }

    /// The same, each with a token.
    pub fn products_by_guests(&self) -> Scenario {
        self.products_for(self.buyers.clone())
    }

    fn products_for(&self, guests: Vec<Arc<Buyer>>) -> Scenario {
        let paths = self.product_ids.iter().map(|id| format!("/v1/products/{id}"));
        Scenario::Read { name: "product by id", paths: Arc::new(paths.collect()), guests }
    }

    /// Carts that become orders.
    pub fn checkout(&self) -> Scenario {
        let (shelf, buyers) = (Arc::clone(&self.shelf), self.buyers.clone());
        Scenario::Checkout { name: "checkout", quoted: false, shelf, buyers }
    }
}

/// Searches, with a further parameter.
pub fn searches(more: &str) -> impl Iterator<Item = String> {
    QUERIES.iter().map(move |query| format!("/v1/products?q={query}{more}"))
}

/// Suggestions for the first letters of what shoppers look for.
pub fn suggestions() -> impl Iterator<Item = String> {
    let begun = QUERIES.iter().map(|query| query.split_at(query.len().min(TYPED)).0);
    begun.map(|begun| format!("/v1/products/suggest?q={begun}"))
}

/// The products with the most units, without those that have variants or are one.
fn plentiful(catalog: &str) -> Result<Vec<Entry>> {
    let entries = catalog.lines().map(serde_json::from_str::<Entry>);
    let mut entries = entries.collect::<std::result::Result<Vec<_>, _>>()?;
    let parents: HashSet<_> = entries.iter().filter_map(|entry| entry.parent_sku.clone()).collect();
    entries.retain(|entry| {
        entry.stock > 1 && entry.parent_sku.is_none() && !parents.contains(&entry.sku)
    });
    entries.sort_by_key(|entry| Reverse(entry.stock));
    entries.truncate(PRODUCTS_TRIED_MAX);
    Ok(entries)
}

/// Waits until the shop finds what it loaded.
pub async fn wait_for_search(client: &mut Client) -> Result<()> {
    let path = format!("/v1/products?q={}", QUERIES[0]);
    let until = Instant::now() + FOUND_WITHIN;
    loop {
        let found = client.must_get(&path).await;
        let items = found.as_ref().ok().and_then(|found| found["items"].as_array());
        if items.is_some_and(|items| !items.is_empty()) {
            return Ok(());
        }
        if Instant::now() > until {
            found?;
            return Err(Error::Setup(format!("{path} still finds nothing")));
        }
        tokio::time::sleep(LOOKED_FOR_EVERY).await;
    }
}

#[cfg(test)]
impl Shop {
    /// How many products can be bought.
    pub fn product_count(&self) -> usize {
        self.product_ids.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_plentiful_single_products_come_first() {
        let catalog = r#"{"sku":"few","stock":2}
{"sku":"gone","stock":0}
{"sku":"parent","stock":90}
{"sku":"variant","stock":80,"parent_sku":"parent"}
{"sku":"many","stock":70}"#;
        let skus: Vec<_> = plentiful(catalog).unwrap().into_iter().map(|entry| entry.sku).collect();
        assert_eq!(skus, ["many", "few"]);
    }
}
