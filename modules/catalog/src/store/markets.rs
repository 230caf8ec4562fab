//! Where prices are for.

use kernel::ports::TaxRounding;
use platform::sql::{Db, Error, Json, Query, Result, Tx};
use uuid::Uuid;

use crate::domain::{MARKETS_MAX, Market, Place, Rounding};

macro_rules! market {
    ($countries:literal, $tail:literal) => {
        concat!(
            "select m.id, m.code, m.name, m.currency, m.prices_include_tax, m.rounding_step,
                    m.rounding_ending, m.rounding_mode, m.tax_rounding, m.is_default, m.version,
                    coalesce((select ",
            $countries,
            " from market_country c where c.market = m.code), '[]') as countries from market m ",
            $tail
        )
    };
}

platform::statements! {
    ALL =
        market!("json_group_array(c.country order by c.country)", "order by m.code limit $1"),
        market!("jsonb_agg(c.country order by c.country)", "order by m.code limit $1");
    BY_CODE =
        market!("json_group_array(c.country order by c.country)", "where m.code = $1"),
        market!("jsonb_agg(c.country order by c.country)", "where m.code = $1");
    PLACES = "select code, currency, is_default from market order by code limit $1";
    /// Who works prices out, or makes a list for a market, holds this row with others, so that the
    /// markets stay as they are.
    KEEP_SET =
        "select version from market_set",
        "select version from market_set for share";
    CHANGE_SET = "update market_set set version = version + 1";
    COUNT = "select count(*) from market";
    INSERT =
        "insert into market (id, code, name, currency, prices_include_tax, rounding_step,
                             rounding_ending, rounding_mode, is_default, tax_rounding, version,
                             created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $11) on conflict (code) do nothing";
    UPDATE = "update market set name = $2, prices_include_tax = $3, rounding_step = $4,
                     rounding_ending = $5, rounding_mode = $6, is_default = $7,
                     tax_rounding = $8, version = version + 1, updated_at = $9
               where id = $1 and version = $10";
    /// No other market is the default one.
    CLEAR_DEFAULT = "update market set is_default = false, version = version + 1, updated_at = $2
                      where is_default and id <> $1 returning id, code, version";
    DELETE = "delete from market where id = $1 and version = $2
                 and not exists (select 1 from price_list l where l.market = market.code)";
    DROP_COUNTRIES = "delete from market_country where market = $1";
    ADD_COUNTRIES =
        "insert into market_country (country, market)
         select value, $2 from json_each($1) where true on conflict (country) do nothing",
        "insert into market_country (country, market)
         select jsonb_array_elements_text($1), $2 on conflict (country) do nothing";
    COUNTRIES_OF_OTHERS =
        "select country, market from market_country
          where market <> $2 and country in (select value from json_each($1)) order by country",
        "select country, market from market_country
          where market <> $2 and country = any(array(select jsonb_array_elements_text($1)))
          order by country";
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    code: String,
    name: String,
    currency: String,
    countries: Json<Vec<String>>,
    prices_include_tax: bool,
    rounding_step: i64,
    rounding_ending: i64,
    rounding_mode: String,
    tax_rounding: String,
    is_default: bool,
    version: i64,
}

impl Row {
    fn market(self) -> Result<Market> {
        let wrong = |what: &str| Error::Inconsistent(format!("market {}: {what}", self.code));
        let mode = self.rounding_mode.parse().map_err(|_| wrong("rounding_mode"))?;
        let tax_rounding =
            TaxRounding::from_word(&self.tax_rounding).ok_or_else(|| wrong("tax_rounding"))?;
        let (step, ending) = (self.rounding_step, self.rounding_ending);
        Ok(Market {
            id: self.id,
            currency: self.currency.parse().map_err(|_| wrong("currency"))?,
            code: self.code,
            name: self.name,
            countries: self.countries.0,
            prices_include_tax: self.prices_include_tax,
            tax_rounding,
            rounding: Rounding { step, ending, mode },
            is_default: self.is_default,
            version: self.version,
        })
    }
}

async fn all_of(query: Query<'_>) -> Result<Vec<Market>> {
    let rows: Vec<Row> = query.bind(MARKETS_MAX).all().await?;
    rows.into_iter().map(Row::market).collect()
}

/// Every market, by code.
pub(crate) async fn read_all(db: &Db) -> Result<Vec<Market>> {
    all_of(db.query(ALL)).await
}

/// Every market, by code.
pub(crate) async fn all(tx: &mut Tx) -> Result<Vec<Market>> {
    all_of(tx.query(ALL)).await
}

pub(crate) async fn find(db: &Db, code: &str) -> Result<Option<Market>> {
    let row: Option<Row> = db.query(BY_CODE).bind(code).optional().await?;
    row.map(Row::market).transpose()
}

pub(crate) async fn by_code(tx: &mut Tx, code: &str) -> Result<Option<Market>> {
    let row: Option<Row> = tx.query(BY_CODE).bind(code).optional().await?;
    row.map(Row::market).transpose()
}

/// Keeps every market as it is until the unit of work is over.
pub(crate) async fn keep(tx: &mut Tx) -> Result<()> {
    tx.query(KEEP_SET).one::<(i64,)>().await.map(drop)
}

/// Every market as far as prices depend on it. None is changed until the unit of work is over.
pub(crate) async fn places(tx: &mut Tx) -> Result<Vec<Place>> {
    keep(tx).await?;
    let rows: Vec<(String, String, bool)> = tx.query(PLACES).bind(MARKETS_MAX).all().await?;
    rows.into_iter()
        .map(|(market, currency, is_default)| {
            let wrong = |_| Error::Inconsistent(format!("market {market}: currency"));
            let currency = currency.parse().map_err(wrong)?;
            Ok(Place { market, currency, is_default })
        })
        .collect()
}

/// Takes the row that whoever changes the markets holds, and tells how many there are.
pub(crate) async fn lock(tx: &mut Tx) -> Result<i64> {
    tx.query(CHANGE_SET).execute().await?;
    let (count,): (i64,) = tx.query(COUNT).one().await?;
    Ok(count)
}

/// False when another market has the code.
pub(crate) async fn insert(tx: &mut Tx, new: &Market) -> Result<bool> {
    let now = tx.now();
    let inserted = tx
        .query(INSERT)
        .bind(new.id)
        .bind(new.code.as_str())
        .bind(new.name.as_str())
        .bind(new.currency.code())
        .bind(new.prices_include_tax)
        .bind(new.rounding.step)
        .bind(new.rounding.ending)
        .bind(new.rounding.mode.word())
        .bind(new.is_default)
        .bind(new.tax_rounding.word())
        .bind(now)
        .execute()
        .await?;
    Ok(inserted == 1)
}

/// False when it is not in the version any more that it was read in.
pub(crate) async fn update(tx: &mut Tx, changed: &Market) -> Result<bool> {
    let now = tx.now();
    let updated = tx
        .query(UPDATE)
        .bind(changed.id)
        .bind(changed.name.as_str())
        .bind(changed.prices_include_tax)
        .bind(changed.rounding.step)
        .bind(changed.rounding.ending)
        .bind(changed.rounding.mode.word())
        .bind(changed.is_default)
        .bind(changed.tax_rounding.word())
        .bind(now)
        .bind(changed.version)
        .execute()
        .await?;
    Ok(updated == 1)
}

/// Makes every other market one that is not the default: id, code and new version of the one that
/// was.
pub(crate) async fn clear_default(tx: &mut Tx, but: Uuid) -> Result<Vec<(Uuid, String, i64)>> {
    let now = tx.now();
    tx.query(CLEAR_DEFAULT).bind(but).bind(now).all().await
}

/// Gives a market its countries. The first one that is in another market is answered with that
/// market, and the unit of work must be given up.
pub(crate) async fn set_countries(
    tx: &mut Tx,
    market: &Market,
) -> Result<Option<(String, String)>> {
    tx.query(DROP_COUNTRIES).bind(market.code.as_str()).execute().await?;
    let (list, code) = (Json(&market.countries), market.code.as_str());
    let added = tx.query(ADD_COUNTRIES).bind(list).bind(code).execute().await?;
    if added == market.countries.len() as u64 {
        return Ok(None);
    }
    let list = Json(&market.countries);
    let others: Vec<(String, String)> =
        tx.query(COUNTRIES_OF_OTHERS).bind(list).bind(code).all().await?;
    Ok(others.into_iter().next())
}

/// Deletes a market that still is in its version and that no price list is for. False when not.
pub(crate) async fn delete(tx: &mut Tx, market: &Market) -> Result<bool> {
    tx.query(DROP_COUNTRIES).bind(market.code.as_str()).execute().await?;
    Ok(tx.query(DELETE).bind(market.id).bind(market.version).execute().await? == 1)
}
