//! The table of taxes.

use kernel::Timestamp;
use platform::sql::{Db, Json, Result, Tx};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::domain::rate::Rate;

/// The most rates of a shop: all of them are kept in memory.
pub const RATES_MAX: i64 = 20_000;

macro_rules! rates {
    ($rest:literal) => {
        concat!(
            "select id, country, region, category, rate_ppm, valid_from, valid_until, version
               from tax_rate ",
            $rest
        )
    };
}

platform::statements! {
    TABLE = rates!("order by id limit $1");
    LIST = rates!("where id > $1 order by id limit $2");
    FIND = rates!("where id = $1");
    CREATE = "insert into tax_rate (id, country, region, category, rate_ppm, valid_from, valid_until)
              select $1, $2, $3, $4, $5, $6, $7
               where (select count(*) from tax_rate) < $8
              on conflict (country, region, category, valid_from) do nothing";
    /// Those that are as they were are left alone.
    PUT =
        "insert into tax_rate (id, country, region, category, rate_ppm, valid_from, valid_until)
         select unhex(value->>'id', '-'), value->>'country', value->>'region', value->>'category',
                value->>'rate_ppm', value->>'valid_from', value->>'valid_until'
           from json_each($1) where true
         on conflict (country, region, category, valid_from) do update
            set rate_ppm = excluded.rate_ppm, valid_until = excluded.valid_until,
                version = tax_rate.version + 1
          where tax_rate.rate_ppm <> excluded.rate_ppm
             or tax_rate.valid_until is distinct from excluded.valid_until",
        "insert into tax_rate (id, country, region, category, rate_ppm, valid_from, valid_until)
         select r.id, r.country, r.region, r.category, r.rate_ppm, r.valid_from, r.valid_until
           from jsonb_to_recordset($1) as r(id uuid, country text, region text, category text,
                rate_ppm bigint, valid_from timestamptz, valid_until timestamptz)
          order by r.country, r.region, r.category, r.valid_from
         on conflict (country, region, category, valid_from) do update
            set rate_ppm = excluded.rate_ppm, valid_until = excluded.valid_until,
                version = tax_rate.version + 1
          where tax_rate.rate_ppm <> excluded.rate_ppm
             or tax_rate.valid_until is distinct from excluded.valid_until";
    COUNT = "select count(*) from tax_rate";
    CHANGE = "update tax_rate set rate_ppm = $3, valid_until = $4, version = version + 1
               where id = $1 and version = $2";
    DELETE = "delete from tax_rate where id = $1 and version = $2";
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    country: String,
    region: String,
    category: String,
    rate_ppm: i64,
    valid_from: Timestamp,
    valid_until: Option<Timestamp>,
    version: i64,
}

/// A rate with its id and how often it was changed.
pub struct Kept {
    /// The rate's id.
    pub id: Uuid,
    /// The rate.
    pub rate: Rate,
    /// 1 when made, one more with each change.
    pub version: i64,
}

impl Row {
    fn kept(self) -> Kept {
        let rate = Rate {
            country: self.country,
            region: self.region,
            category: self.category,
            ppm: self.rate_ppm,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
        };
        Kept { id: self.id, rate, version: self.version }
    }
}

/// Every rate.
pub async fn table(db: &Db) -> Result<Vec<Rate>> {
    let rows: Vec<Row> = db.query(TABLE).bind(RATES_MAX).all().await?;
    Ok(rows.into_iter().map(|row| row.kept().rate).collect())
}

/// Rates after one.
pub async fn list(db: &Db, after: Uuid, limit: i64) -> Result<Vec<Kept>> {
    let rows: Vec<Row> = db.query(LIST).bind(after).bind(limit).all().await?;
    Ok(rows.into_iter().map(Row::kept).collect())
}

/// A rate.
pub async fn find(db: &Db, id: Uuid) -> Result<Option<Kept>> {
    Ok(db.query(FIND).bind(id).optional::<Row>().await?.map(Row::kept))
}

/// A rate, inside a unit of work.
pub async fn load(tx: &mut Tx, id: Uuid) -> Result<Option<Kept>> {
    Ok(tx.query(FIND).bind(id).optional::<Row>().await?.map(Row::kept))
}

/// Makes a rate. False when there is one of this place, category and time, or there are too many.
pub async fn create(tx: &mut Tx, id: Uuid, rate: &Rate) -> Result<bool> {
    let made = tx
        .query(CREATE)
        .bind(id)
        .bind(rate.country.as_str())
        .bind(rate.region.as_str())
        .bind(rate.category.as_str())
        .bind(rate.ppm)
        .bind(rate.valid_from)
        .bind(rate.valid_until)
        .bind(RATES_MAX)
        .execute()
        .await?;
    Ok(made == 1)
}

#[derive(Serialize)]
struct Spelled(#[serde(serialize_with = "platform::sql::spell")] Timestamp);

/// Makes rates, or changes those of the same place, category and beginning: how many are new or other
/// ones now.
pub async fn put(tx: &mut Tx, rates: &[Rate]) -> Result<u64> {
    let row = |rate: &Rate| {
        json!({
            "id": Uuid::now_v7(), "country": rate.country, "region": rate.region,
            "category": rate.category, "rate_ppm": rate.ppm,
            "valid_from": Spelled(rate.valid_from), "valid_until": rate.valid_until.map(Spelled),
        })
    };
    let rows: Vec<_> = rates.iter().map(row).collect();
    tx.query(PUT).bind(Json(rows)).execute().await
}

/// How many rates there are.
pub async fn count(tx: &mut Tx) -> Result<i64> {
    let (count,): (i64,) = tx.query(COUNT).one().await?;
    Ok(count)
}

/// Changes what a rate is and until when it holds. False when it is in another version by now.
pub async fn change(tx: &mut Tx, changed: &Kept) -> Result<bool> {
    let done = tx
        .query(CHANGE)
        .bind(changed.id)
        .bind(changed.version)
        .bind(changed.rate.ppm)
        .bind(changed.rate.valid_until)
        .execute()
        .await?;
    Ok(done == 1)
}

/// Takes a rate away. False when it is in another version by now.
pub async fn delete(tx: &mut Tx, gone: &Kept) -> Result<bool> {
    Ok(tx.query(DELETE).bind(gone.id).bind(gone.version).execute().await? == 1)
}
