//! The table of search terms.

use chrono::NaiveDate;
use kernel::Timestamp;
use kernel::events::SearchPerformed;
use platform::sql::{Db, Json, Result, Tx};
use serde_json::{Value, json};

use crate::domain::{Period, TermSort};

platform::statements! {
    ADD =
        "insert into search_term (day, text, searches, without_results, clicks, positions)
         select $1, value->>'text', sum(value->>'searches'), sum(value->>'without_results'),
                sum(value->>'clicks'), sum(value->>'positions')
           from json_each($2) where true group by value->>'text'
             on conflict (day, text) do update
            set searches = search_term.searches + excluded.searches,
                without_results = search_term.without_results + excluded.without_results,
                clicks = search_term.clicks + excluded.clicks,
                positions = search_term.positions + excluded.positions",
        "insert into search_term (day, text, searches, without_results, clicks, positions)
         select $1, t.text, sum(t.searches), sum(t.without_results), sum(t.clicks), sum(t.positions)
           from jsonb_to_recordset($2) as t(text text, searches bigint, without_results bigint,
                                            clicks bigint, positions bigint)
          group by t.text order by t.text
             on conflict (day, text) do update
            set searches = search_term.searches + excluded.searches,
                without_results = search_term.without_results + excluded.without_results,
                clicks = search_term.clicks + excluded.clicks,
                positions = search_term.positions + excluded.positions";
    CLEAR = "delete from search_term";
    TRIM = "delete from search_term where (day, text) in
               (select day, text from search_term where day < $1 order by day, text limit $2)";
    TOP = "select text, cast(sum(searches) as bigint) as searches,
                  cast(sum(without_results) as bigint) as without_results,
                  cast(sum(clicks) as bigint) as clicks,
                  cast(sum(positions) as bigint) as positions
             from search_term where day >= $1 and day <= $2 group by text
           having case $3 when 'searches' then sum(searches)
                          when 'without_results' then sum(without_results)
                          else sum(clicks) end > 0
            order by case $3 when 'searches' then sum(searches)
                             when 'without_results' then sum(without_results)
                             else sum(clicks) end desc, text limit $4";
}

/// What was searched for in a period.
#[derive(Debug, platform::sql::Record)]
pub(crate) struct Term {
    pub text: String,
    pub searches: i64,
    pub without_results: i64,
    pub clicks: i64,
    pub positions: i64,
}

/// Adds what was counted to the day it was told on.
pub(crate) async fn add(tx: &mut Tx, told_at: Timestamp, counted: &SearchPerformed) -> Result<()> {
    let searches = counted.searches.iter().map(|count| {
        let (searches, without) = (count.searches, count.without_results);
        term(&count.text, [searches, without, 0, 0])
    });
    let clicks = counted.clicks.iter();
    let clicks = clicks.map(|count| term(&count.text, [0, 0, count.clicks, count.positions]));
    let terms: Vec<Value> = searches.chain(clicks).collect();
    tx.query(ADD).bind(told_at.date_naive().to_string()).bind(Json(terms)).execute().await?;
    Ok(())
}

fn term(text: &str, [searches, without_results, clicks, positions]: [i64; 4]) -> Value {
    json!({
        "text": text, "searches": searches, "without_results": without_results,
        "clicks": clicks, "positions": positions,
    })
}

/// Empties the table.
pub(crate) async fn clear(tx: &mut Tx) -> Result<()> {
    tx.query(CLEAR).execute().await.map(drop)
}

/// Deletes texts of days before a day: how many.
pub(crate) async fn trim(tx: &mut Tx, before: NaiveDate, limit: i64) -> Result<u64> {
    tx.query(TRIM).bind(before.to_string()).bind(limit).execute().await
}

/// The texts that come first in an order, of a period.
pub(crate) async fn top(db: &Db, period: Period, sort: TermSort, limit: u32) -> Result<Vec<Term>> {
    let (from, to) = (period.from.to_string(), period.to.to_string());
    db.query(TOP).bind(from).bind(to).bind(sort.name()).bind(i64::from(limit)).all().await
}
