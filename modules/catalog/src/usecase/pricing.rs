use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;

use kernel::events::ProductPriceChanged;
use kernel::id::ProductId;
use kernel::{Money, Timestamp};
use platform::sql::{self, Db, Tx};
use uuid::Uuid;

use crate::Catalog;
use crate::domain::{
    Applied, Asked, Candidate, Change, DEFAULT_MARKET, LOWEST_WINDOW, Market, Place, Verdict,
    explain, pick, places, reprice,
};
use crate::error::{Error, Result};
use crate::store::{markets, price_history, price_lists, pricing};

/// How many products are priced again in one unit of work.
const BATCH: i64 = 500;
/// The largest quantity a price can be asked for.
pub(crate) const QUANTITY_MAX: i64 = 1_000_000_000;

/// What every shopper of the default market paid for a unit of a product and pays now, by product.
pub(crate) type Changes = HashMap<Uuid, (Money, Money)>;

/// Works out what shoppers pay for products from now on, and notes it with its history. Whoever
/// calls tells the house of the products.
pub(crate) async fn price(tx: &mut Tx, ids: &[Uuid]) -> sql::Result<Changes> {
    let markets = markets::places(tx).await?;
    let products = pricing::locked(tx, ids).await?;
    let now = tx.now();
    let come = |product: &pricing::Priced| {
        let places = places(&markets, product.base);
        let (candidates, applied) = (&product.candidates, &product.applied);
        reprice(product.base, product.shown, &places, candidates, applied, now)
    };
    let repriced: Vec<_> = products.iter().map(|product| (product, come(product))).collect();
    pricing::write(tx, &repriced).await?;
    Ok(repriced.iter().map(|(was, is)| (was.id, (was.public, is.public))).collect())
}

/// The same, and tells the house that prices of the products changed.
pub(crate) async fn price_and_tell(tx: &mut Tx, ids: &[Uuid]) -> sql::Result<()> {
    let changes = price(tx, ids).await?;
    for (id, sku, version) in pricing::count_up(tx, ids).await? {
        let Some(&(before, after)) = changes.get(&id) else { continue };
        tx.emit(&ProductPriceChanged { product_id: id.into(), sku, before, after }, version)?;
    }
    Ok(())
}

/// A change of a product as shoppers see it: of its price, what they pay.
pub(crate) fn as_paid(change: &Change, id: ProductId, changes: &Changes) -> Change {
    match (change, changes.get(&id.uuid())) {
        (Change::Price { .. }, Some(&(before, after))) => Change::Price { before, after },
        (change, _) => change.clone(),
    }
}

/// Sees to price lists whose validity began or ended, and prices a batch of the products again
/// whose prices may be others now. Answers whether there may be more.
pub(crate) async fn price_due(db: &Db) -> sql::Result<bool> {
    // A look costs a reader; the writer is only taken when there is something to do.
    if price_lists::has_changed(db, db.clock().now()).await? {
        let mut tx = db.begin("catalog.price_window").await?;
        let lists = price_lists::see_changed(&mut tx).await?;
        pricing::queue_lists(&mut tx, &lists).await?;
        tx.commit().await?;
    }
    if !pricing::is_any_due(db).await? {
        return Ok(false);
    }
    let mut tx = db.begin("catalog.price_due").await?;
    let due = pricing::take_due(&mut tx, BATCH).await?;
    price_and_tell(&mut tx, &due).await?;
    tx.commit().await?;
    Ok(i64::try_from(due.len()) == Ok(BATCH))
}

/// Deletes a batch of prices that no reduction of the last 30 days is measured by and that ended
/// more than so long before. Answers whether there may be more.
pub(crate) async fn trim_history(db: &Db, kept: TimeDelta) -> sql::Result<bool> {
    let mut tx = db.begin("catalog.price_history").await?;
    let ended_before = tx.now() - LOWEST_WINDOW - kept;
    let trimmed = price_history::trim(&mut tx, ended_before, BATCH).await?;
    tx.commit().await?;
    Ok(trimmed == BATCH.unsigned_abs())
}

/// Whose price is wanted.
#[derive(Debug, Clone)]
pub struct PriceQuery {
    /// The id or the SKU of the product.
    pub key: String,
    /// The code of the market; the default one when there is none.
    pub market: Option<String>,
    /// The country instead of the market it is in.
    pub country: Option<String>,
    /// The customer group of who buys.
    pub group: Option<String>,
    /// How many units.
    pub quantity: i64,
    /// Whether it is to be told what was looked at.
    pub explain: bool,
}

/// What a product costs, and why.
#[derive(Debug, Clone)]
pub struct Price {
    /// The product.
    pub product_id: ProductId,
    /// Its SKU.
    pub sku: String,
    /// The code of the market.
    pub market: String,
    /// Whether prices of the market hold the tax.
    pub tax_included: bool,
    /// The price of one unit; none where it is not sold.
    pub price: Option<Money>,
    /// The base price, in the product's own currency.
    pub base: Money,
    /// The code of the list the price comes from.
    pub list: Option<String>,
    /// When the list is valid no more.
    pub valid_until: Option<Timestamp>,
    /// What every shopper paid at the lowest in the 30 days before the present reduction.
    pub lowest_30d: Option<Money>,
    /// Each price that was looked at, and what became of it.
    pub looked_at: Vec<(Candidate, Verdict)>,
    /// What became of the base price.
    pub base_verdict: Verdict,
}

impl Price {
    /// The base price, when the price is a reduction of it.
    pub fn list_price(&self) -> Option<Money> {
        let price = self.price?;
        let is_reduced =
            self.base.currency() == price.currency() && price.minor() < self.base.minor();
        is_reduced.then_some(self.base)
    }
}

impl Catalog {
    /// What a product costs.
    pub async fn price(&self, query: PriceQuery) -> Result<Price> {
        if query.key.contains('\0') {
            return Err(Error::NotFound);
        }
        if !(1..=QUANTITY_MAX).contains(&query.quantity) {
            return Err(Error::invalid("quantity", format!("must be 1 to {QUANTITY_MAX}")));
        }
        let markets = markets::read_all(&self.db).await?;
        let market = chosen(&markets, &query)?;
        let now = self.db.clock().now();
        let shown = pricing::shown(&self.db, &query.key).await?.ok_or(Error::NotFound)?;
        let (id, sku, base) = shown;
        let place = market.map_or_else(|| places(&[], base).remove(0), Market::place);
        let candidates = if query.explain {
            pricing::candidates_ever(&self.db, id).await?
        } else {
            pricing::candidates(&self.db, [id], now).await?.remove(&id).unwrap_or_default()
        };
        let Place { market: code, currency, .. } = place;
        let asked = Asked {
            market: &code,
            currency,
            group: query.group.as_deref(),
            quantity: query.quantity,
            now,
        };
        let picked = pick(base, &candidates, &asked);
        let from = picked.and_then(|picked| picked.from);
        let (verdicts, base_verdict) = explain(base, &candidates, &asked);
        let mut price = Price {
            product_id: id.into(),
            sku,
            tax_included: market.is_some_and(|market| market.prices_include_tax),
            price: picked.map(|picked| picked.price),
            base,
            list: from.map(|from| from.list.clone()),
            valid_until: from.and_then(|from| from.valid_until),
            lowest_30d: None,
            looked_at: Vec::new(),
            base_verdict,
            market: code,
        };
        if query.explain {
            price.looked_at = candidates.into_iter().zip(verdicts).collect();
        }
        if price.list_price().is_some() {
            let present = price_history::present(&self.db, id, &price.market).await?;
            // A reduction that only some get is not announced to everybody.
            let present = present.filter(|(public, _)| Some(*public) == price.price);
            price.lowest_30d = present.and_then(|(_, lowest)| lowest);
        }
        Ok(price)
    }

    /// The prices that every shopper of a market paid for a unit of a product before an instant,
    /// the newest first.
    pub async fn price_history(
        &self,
        id: ProductId,
        market: Option<&str>,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<Applied>> {
        let before = before.unwrap_or_else(latest);
        let markets = markets::read_all(&self.db).await?;
        let default = markets.iter().find(|market| market.is_default);
        let default = default.map_or(DEFAULT_MARKET, |market| market.code.as_str());
        let market = market.unwrap_or(default);
        Ok(price_history::history(&self.db, id, market, before, i64::from(limit)).await?)
    }

    /// Deletes a batch of prices that are older than is kept; answers whether there may be more.
    pub async fn trim_price_history(&self) -> sql::Result<bool> {
        trim_history(&self.db, TimeDelta::days(self.settings.price_history_days.into())).await
    }

    /// Works out prices that may be others now, a batch of them; answers whether there may be more.
    pub async fn price_due(&self) -> sql::Result<bool> {
        price_due(&self.db).await
    }
}

/// The market that is asked for; none when the shop has set up none.
fn chosen<'m>(markets: &'m [Market], query: &PriceQuery) -> Result<Option<&'m Market>> {
    if query.market.is_some() && query.country.is_some() {
        return Err(Error::invalid("country", "must be left out when market is there"));
    }
    if let Some(code) = &query.market {
        if markets.is_empty() && code == DEFAULT_MARKET {
            return Ok(None);
        }
        let missing = || Error::invalid("market", "must be the code of a market of this shop");
        return markets.iter().find(|market| market.code == *code).map(Some).ok_or_else(missing);
    }
    if let Some(country) = &query.country {
        let is_there = |market: &&Market| market.countries.iter().any(|there| there == country);
        let missing = || Error::invalid("country", "must be a country of a market of this shop");
        return markets.iter().find(is_there).map(Some).ok_or_else(missing);
    }
    Ok(markets.iter().find(|market| market.is_default))
}

/// Later than any price was in force: the year 9999, which both engines can compare.
fn latest() -> Timestamp {
    DateTime::from_timestamp(253_402_300_799, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
