//! What of an entry the tamper-evident log commits to: all of it.

use kernel::Timestamp;
use platform::audit;
use platform::seal::{Note, Payload};
use platform::sql::{Db, Result};
use uuid::Uuid;

use super::pages;

/// The source that entries of the journal are.
pub(crate) const SOURCE: &str = "journal";
/// Counted up by whoever changes what follows, who then has to keep the way of before for what is sealed.
const VERSION: u8 = 1;

platform::statements! {
    WRITTEN = "select number, key, kind, occurred_at, recorded_at, order_id, payment_id, description
                 from entry where number > $1 order by number limit $2";
}

/// An entry as it is stored.
#[derive(Debug, Clone, platform::sql::Record)]
pub(crate) struct Written {
    pub number: i64,
    pub key: String,
    pub kind: String,
    pub occurred_at: Timestamp,
    pub recorded_at: Timestamp,
    pub order_id: Option<Uuid>,
    pub payment_id: Option<Uuid>,
    pub description: String,
}

/// What is noted of an entry. Nothing in the journal is personal, so that all of it has one subject.
pub(crate) fn note(entry: &Written, postings: &[pages::Written]) -> Note {
    let payload = Payload::new(VERSION)
        .integer(entry.number)
        .text(&entry.key)
        .time(entry.occurred_at)
        .maybe(entry.order_id, Payload::id)
        .maybe(entry.payment_id, Payload::id)
        .text(&entry.description);
    let payload = postings.iter().fold(payload, |payload, (debit, credit, currency, minor)| {
        payload.text(debit).text(credit).text(currency).integer(*minor)
    });
    Note {
        id: audit::named(SOURCE, &entry.key),
        kind: entry.kind.clone(),
        subject: audit::named(SOURCE, "entries"),
        at: entry.recorded_at,
        payload: payload.bytes(),
    }
}

/// What was noted of the next entries after one, if they are as they were written; and the last of them.
pub(crate) async fn notes(db: &Db, after: i64, limit: i64) -> Result<(Vec<Note>, i64)> {
    let entries: Vec<Written> = db.query(WRITTEN).bind(after).bind(limit).all().await?;
    let numbers: Vec<i64> = entries.iter().map(|entry| entry.number).collect();
    let postings = pages::postings(db, &numbers).await?;
    let last = entries.last().map_or(after, |entry| entry.number);
    let of = |entry: &Written| postings.get(&entry.number).map_or(&[][..], Vec::as_slice);
    Ok((entries.iter().map(|entry| note(entry, of(entry))).collect(), last))
}
