//! Who fetches what the processor settled, and until when it was.

use kernel::Timestamp;
use platform::sql::{Db, Result};

platform::statements! {
    CLAIM_FETCHING = "update fetching set due_at = $2 where due_at is null or due_at <= $1
                      returning fetched_until";
    EXTEND_FETCHING = "update fetching set due_at = $1";
    FETCHED = "update fetching set fetched_until = $1, due_at = $2";
    FETCHED_UNTIL = "select fetched_until from fetching";
}

/// Takes the fetching over until then, if it is due: answers until when it was fetched, if it ever was.
pub(crate) async fn claim(
    db: &Db,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Option<Timestamp>>> {
    let mut tx = db.begin("ledger.claim_fetching").await?;
    let row: Option<(Option<Timestamp>,)> =
        tx.query(CLAIM_FETCHING).bind(now).bind(until).optional().await?;
    tx.commit().await?;
    Ok(row.map(|(fetched_until,)| fetched_until))
}

/// Keeps it for longer.
pub(crate) async fn extend(db: &Db, until: Timestamp) -> Result<()> {
    let mut tx = db.begin("ledger.extend_fetching").await?;
    tx.query(EXTEND_FETCHING).bind(until).execute().await?;
    tx.commit().await
}

/// Notes until when it was fetched, and when it is due again.
pub(crate) async fn done(db: &Db, until: Timestamp, next: Timestamp) -> Result<()> {
    let mut tx = db.begin("ledger.fetched").await?;
    tx.query(FETCHED).bind(until).bind(next).execute().await?;
    tx.commit().await
}

/// Until when it was fetched, if it ever was.
pub(crate) async fn fetched_until(db: &Db) -> Result<Option<Timestamp>> {
    let (until,): (Option<Timestamp>,) = db.query(FETCHED_UNTIL).one().await?;
    Ok(until)
}
