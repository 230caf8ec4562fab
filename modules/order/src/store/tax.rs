//! The table of taxes.

use kernel::Timestamp;
use platform::sql::{Db, Result, Tx};
use uuid::Uuid;

use crate::domain::tax::Rate;

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
            rate_ppm: self.rate_ppm,
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
        .bind(rate.rate_ppm)
        .bind(rate.valid_from)
        .bind(rate.valid_until)
        .bind(RATES_MAX)
        .execute()
        .await?;
    Ok(made == 1)
}

/// Changes what a rate is and until when it holds. False when it is in another version by now.
pub async fn change(tx: &mut Tx, changed: &Kept) -> Result<bool> {
    let done = tx
        .query(CHANGE)
        .bind(changed.id)
        .bind(changed.version)
        .bind(changed.rate.rate_ppm)
        .bind(changed.rate.valid_until)
        .execute()
        .await?;
    Ok(done == 1)
}

/// Takes a rate away. False when it is in another version by now.
pub async fn delete(tx: &mut Tx, gone: &Kept) -> Result<bool> {
    Ok(tx.query(DELETE).bind(gone.id).bind(gone.version).execute().await? == 1)
}
