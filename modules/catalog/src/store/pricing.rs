//! What prices are worked out from, and what they come to.

use std::collections::HashMap;

use kernel::ports::{TaxRounding, TaxTerms};
use kernel::{Currency, Money, Timestamp};
use platform::sql::{Db, Error, Json, Query, Result, Tx};
use serde_json::json;
use uuid::Uuid;

use super::{id_list, price_history};
use crate::domain::{Applied, Candidate, Repriced};

macro_rules! candidates {
    ($of:literal, $valid:literal) => {
        concat!(
            "select e.product_id, l.code, l.priority, l.currency, l.market, l.customer_group,
                    l.valid_from, l.valid_until, e.min_quantity, e.amount
               from price_list_entry e join price_list l on l.id = e.list_id
              where e.product_id ",
            $of,
            $valid,
            " order by e.product_id, l.code, e.min_quantity"
        )
    };
}
macro_rules! offers {
    ($of:literal) => {
        concat!(
            "select p.id, p.sku, p.name, p.price, p.currency, c.path as category, m.code as market,
                    m.currency as market_currency, m.prices_include_tax, m.tax_rounding,
                    p.tax_category, coalesce(p.weight_g, u.weight_g, 0) as weight_g, p.bundled,
                    (p.shown
                     and not exists (select 1 from product r where r.id = p.parent_id and not r.shown)
                     and not exists (select 1 from product v where v.parent_id = p.id)) as sellable,
                    l.code as list, l.priority, l.currency as list_currency, l.market as list_market,
                    l.customer_group, l.valid_from, l.valid_until, e.min_quantity, e.amount
               from product p
                    left join market m on m.code = coalesce(
                         (select a.market from market_country a where a.country = $2),
                         (select d.code from market d where d.is_default))
                    left join product u on u.id = p.parent_id
                    left join category c on c.id = coalesce(p.category_id, u.category_id)
                    left join price_list_entry e on e.product_id = p.id
                    left join price_list l on l.id = e.list_id
                         and (l.valid_until is null or l.valid_until > $3)
              where p.id ",
            $of,
            " order by p.id, l.code, e.min_quantity"
        )
    };
}

platform::statements! {
    /// Every price of products that is valid now or may be later.
    CANDIDATES =
        candidates!("in (select unhex(value, '-') from json_each($1))",
                    " and (l.valid_until is null or l.valid_until > $2)"),
        candidates!("= any(array(select cast(jsonb_array_elements_text($1) as uuid)))",
                    " and (l.valid_until is null or l.valid_until > $2)");
    /// Every price of one product, those of lists that have expired too.
    CANDIDATES_EVER = candidates!("= $1", "");
    OFFERS =
        offers!("in (select unhex(value, '-') from json_each($1))"),
        offers!("= any(array(select cast(jsonb_array_elements_text($1) as uuid)))");
    SHOWN_PRICE =
        "select p.id, p.sku, p.price, p.currency from product p where p.id = $1 and p.shown
            and not exists (select 1 from product r where r.id = p.parent_id and not r.shown)";
    ID_OF_SKU = "select id from product where sku = $1";
    /// Products that nobody else changes until the unit of work is over.
    LOCKED =
        "select p.id, p.price, p.currency, p.shown, p.public_price, p.public_currency,
                p.public_lowest from product p
          where p.id in (select unhex(value, '-') from json_each($1)) order by p.id",
        "select p.id, p.price, p.currency, p.shown, p.public_price, p.public_currency,
                p.public_lowest from product p
          where p.id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))
          order by p.id for no key update";
    SET_PUBLIC =
        "update product set public_price = l.amount, public_currency = l.currency,
                public_lowest = l.lowest
           from (select unhex(value->>'id', '-') as id, value->>'amount' as amount,
                        value->>'currency' as currency, value->>'lowest' as lowest
                   from json_each($1)) l
          where product.id = l.id",
        "update product p set public_price = l.amount, public_currency = l.currency,
                public_lowest = l.lowest
           from jsonb_to_recordset($1) as l(id uuid, amount bigint, currency text, lowest bigint)
          where p.id = l.id";
    COUNT_UP =
        "update product set version = version + 1
          where id in (select unhex(value, '-') from json_each($1)) returning id, sku, version",
        "update product set version = version + 1
          where id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))
         returning id, sku, version";
    QUEUE_LISTS =
        "insert into price_due (product_id)
         select distinct e.product_id from price_list_entry e
          where e.list_id in (select unhex(value, '-') from json_each($1))
         on conflict (product_id) do nothing",
        "insert into price_due (product_id)
         select distinct e.product_id from price_list_entry e
          where e.list_id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))
         order by e.product_id on conflict (product_id) do nothing";
    QUEUE_ALL = "insert into price_due (product_id) select p.id from product p where true
                 order by p.id on conflict (product_id) do nothing";
    ANY_DUE = "select product_id from price_due limit 1";
    /// Taken before anything is read: who asks for a product meanwhile waits, and asks anew.
    TAKE_DUE =
        "delete from price_due where product_id in
            (select product_id from price_due order by product_id limit $1)
         returning product_id",
        "delete from price_due where product_id in
            (select product_id from price_due order by product_id limit $1 for update skip locked)
         returning product_id";
}

#[derive(platform::sql::Record)]
struct CandidateRow {
    product_id: Uuid,
    code: String,
    priority: i64,
    currency: String,
    market: Option<String>,
    customer_group: Option<String>,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    min_quantity: i64,
    amount: i64,
}

pub(super) fn currency(code: &str, of: impl std::fmt::Display) -> Result<Currency> {
    code.parse().map_err(|_| Error::Inconsistent(format!("{of}: currency")))
}

impl CandidateRow {
    fn candidate(self) -> Result<Candidate> {
        Ok(Candidate {
            currency: currency(&self.currency, &self.code)?,
            list: self.code,
            priority: self.priority,
            market: self.market,
            group: self.customer_group,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            min_quantity: self.min_quantity,
            amount: self.amount,
        })
    }
}

/// The prices that lists have, by product.
pub(crate) type Candidates = HashMap<Uuid, Vec<Candidate>>;

async fn by_product(query: Query<'_>) -> Result<Candidates> {
    let rows: Vec<CandidateRow> = query.all().await?;
    let mut candidates = Candidates::new();
    for row in rows {
        candidates.entry(row.product_id).or_default().push(row.candidate()?);
    }
    Ok(candidates)
}

/// The prices that lists which have not expired have for products.
pub(crate) async fn candidates(
    db: &Db,
    ids: impl IntoIterator<Item = Uuid>,
    now: Timestamp,
) -> Result<Candidates> {
    by_product(db.query(CANDIDATES).bind(id_list(ids)).bind(now)).await
}

/// The prices that lists have or had for a product.
pub(crate) async fn candidates_ever(db: &Db, id: Uuid) -> Result<Vec<Candidate>> {
    let mut candidates = by_product(db.query(CANDIDATES_EVER).bind(id)).await?;
    Ok(candidates.remove(&id).unwrap_or_default())
}

/// A product with one price that a list has for it; without the last columns if none that has not
/// expired has one.
#[derive(platform::sql::Record)]
pub(crate) struct OfferRow {
    pub id: Uuid,
    pub sku: String,
    pub name: String,
    price: i64,
    currency: String,
    pub category: Option<String>,
    pub market: Option<String>,
    market_currency: Option<String>,
    prices_include_tax: Option<bool>,
    tax_rounding: Option<String>,
    pub tax_category: String,
    pub weight_g: i64,
    pub bundled: bool,
    pub sellable: bool,
    list: Option<String>,
    priority: Option<i64>,
    list_currency: Option<String>,
    list_market: Option<String>,
    customer_group: Option<String>,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    min_quantity: Option<i64>,
    amount: Option<i64>,
}

impl OfferRow {
    /// The base price.
    pub fn base(&self) -> Result<Money> {
        Ok(Money::from_minor(self.price, currency(&self.currency, self.id)?))
    }

    /// How the market's prices stand to the tax.
    pub fn tax(&self) -> Result<TaxTerms> {
        let nonsense = || Error::Inconsistent("market: tax_rounding".to_owned());
        let rounding = match &self.tax_rounding {
            Some(word) => TaxRounding::from_word(word).ok_or_else(nonsense)?,
            None => TaxRounding::default(),
        };
        Ok(TaxTerms { included: self.prices_include_tax.unwrap_or(false), rounding })
    }

    /// The currency of the market, if there is one.
    pub fn market_currency(&self) -> Result<Option<Currency>> {
        self.market_currency.as_deref().map(|code| currency(code, "market")).transpose()
    }

    fn candidate(&self) -> Option<CandidateRow> {
        Some(CandidateRow {
            product_id: self.id,
            code: self.list.clone()?,
            priority: self.priority?,
            currency: self.list_currency.clone()?,
            market: self.list_market.clone(),
            customer_group: self.customer_group.clone(),
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            min_quantity: self.min_quantity?,
            amount: self.amount?,
        })
    }
}

/// Products with the market of a country, or the default one, and the prices that lists which have not
/// expired have for them.
pub(crate) async fn offers(
    db: &Db,
    ids: impl IntoIterator<Item = Uuid>,
    country: Option<&str>,
    now: Timestamp,
) -> Result<Vec<(OfferRow, Vec<Candidate>)>> {
    let rows: Vec<OfferRow> =
        db.query(OFFERS).bind(id_list(ids)).bind(country).bind(now).all().await?;
    let mut offers: Vec<(OfferRow, Vec<Candidate>)> = Vec::new();
    for row in rows {
        let candidate = row.candidate().map(CandidateRow::candidate).transpose()?;
        match offers.last_mut() {
            Some((product, candidates)) if product.id == row.id => candidates.extend(candidate),
            _ => offers.push((row, candidate.into_iter().collect())),
        }
    }
    Ok(offers)
}

/// A product that shoppers see: id, SKU and base price.
pub(crate) async fn shown(db: &Db, key: &str) -> Result<Option<(Uuid, String, Money)>> {
    let id = if let Ok(id) = Uuid::try_parse(key) {
        Some(id)
    } else {
        let found: Option<(Uuid,)> = db.query(ID_OF_SKU).bind(key).optional().await?;
        found.map(|(id,)| id)
    };
    let Some(id) = id else { return Ok(None) };
    let row: Option<(Uuid, String, i64, String)> =
        db.query(SHOWN_PRICE).bind(id).optional().await?;
    row.map(|(id, sku, price, code)| Ok((id, sku, Money::from_minor(price, currency(&code, id)?))))
        .transpose()
}

#[derive(platform::sql::Record)]
struct LockedRow {
    id: Uuid,
    price: i64,
    currency: String,
    shown: bool,
    public_price: i64,
    public_currency: String,
    public_lowest: Option<i64>,
}

/// A product whose prices are being worked out.
pub(crate) struct Priced {
    pub id: Uuid,
    pub base: Money,
    pub shown: bool,
    /// What every shopper of the default market paid.
    pub public: Money,
    pub lowest_before: Option<i64>,
    pub candidates: Vec<Candidate>,
    pub applied: Vec<Applied>,
}

/// Products with everything that their prices depend on, which stand still until the unit of work
/// is over.
pub(crate) async fn locked(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<Priced>> {
    let now = tx.now();
    let list = id_list(ids.iter().copied());
    let rows: Vec<LockedRow> = tx.query(LOCKED).bind(list.clone()).all().await?;
    let mut candidates = by_product(tx.query(CANDIDATES).bind(list).bind(now)).await?;
    let mut applied = price_history::applied(tx, ids).await?;
    let priced = |row: LockedRow| {
        let public = currency(&row.public_currency, row.id)?;
        Ok(Priced {
            base: Money::from_minor(row.price, currency(&row.currency, row.id)?),
            shown: row.shown,
            public: Money::from_minor(row.public_price, public),
            lowest_before: row.public_lowest,
            candidates: candidates.remove(&row.id).unwrap_or_default(),
            applied: applied.remove(&row.id).unwrap_or_default(),
            id: row.id,
        })
    };
    rows.into_iter().map(priced).collect()
}

/// Writes what the prices of products came to.
pub(crate) async fn write(tx: &mut Tx, repriced: &[(&Priced, Repriced)]) -> Result<()> {
    let mut public = Vec::new();
    for (product, come) in repriced {
        if product.public != come.public || product.lowest_before != come.lowest_before {
            public.push(json!({
                "id": product.id, "amount": come.public.minor(),
                "currency": come.public.currency(), "lowest": come.lowest_before,
            }));
        }
    }
    price_history::write(tx, repriced.iter().map(|(product, come)| (product.id, come))).await?;
    if !public.is_empty() {
        tx.query(SET_PUBLIC).bind(Json(public)).execute().await?;
    }
    Ok(())
}

/// Counts the versions of products up: id, SKU and new version of each.
pub(crate) async fn count_up(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<(Uuid, String, i64)>> {
    tx.query(COUNT_UP).bind(id_list(ids.iter().copied())).all().await
}

/// Notes that the prices of all products of some lists are to be worked out again.
pub(crate) async fn queue_lists(tx: &mut Tx, lists: &[Uuid]) -> Result<()> {
    tx.query(QUEUE_LISTS).bind(id_list(lists.iter().copied())).execute().await.map(drop)
}

/// Notes that the prices of every product are to be worked out again.
pub(crate) async fn queue_all(tx: &mut Tx) -> Result<()> {
    tx.query(QUEUE_ALL).execute().await.map(drop)
}

/// Whether prices are to be worked out again.
pub(crate) async fn is_any_due(db: &Db) -> Result<bool> {
    let due: Option<(Uuid,)> = db.query(ANY_DUE).optional().await?;
    Ok(due.is_some())
}

/// Takes products whose prices are to be worked out again.
pub(crate) async fn take_due(tx: &mut Tx, limit: i64) -> Result<Vec<Uuid>> {
    let due: Vec<(Uuid,)> = tx.query(TAKE_DUE).bind(limit).all().await?;
    Ok(due.into_iter().map(|(id,)| id).collect())
}
