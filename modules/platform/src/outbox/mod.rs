//! The outbox: events written in the commit of the change they tell of.
//!
//! Each module has one. A reader follows `pos`, which is dense and in the order of commits. On
//! SQLite the one writer makes `seq` that already. On PostgreSQL a transaction that commits late
//! would fill a gap behind a reader's back, so a sequencer gives committed rows their `pos`
//! afterwards, under the lock of one row. Within a subject the order is that of the aggregate's
//! version: whoever takes version n+1 holds the aggregate's row and so comes after n's commit.
//!
//! Nothing is ever deleted: projections are built from the first event. What is old lies in packs (`pack.rs`), which
//! whoever reads does not notice.

mod pack;

use std::collections::BTreeMap;

use kernel::{Envelope, Event, Timestamp};
use platform::sql::Json;
use serde::Serialize;
use uuid::Uuid;

use crate::sql::{Db, Engine, Error, Result, Tx};

pub use pack::STATEMENTS as PACK_STATEMENTS;
pub(crate) use pack::{pack, verify};

/// An event on its way into the outbox.
#[derive(Serialize)]
pub(crate) struct Outgoing {
    id: String,
    kind: &'static str,
    source: &'static str,
    subject: String,
    version: i64,
    trace: String,
    time: Timestamp,
    data: serde_json::Value,
}

crate::statements! {
    APPEND =
        concat!(crate::json_rows!(),
        "insert into outbox (id, kind, source, subject, version, trace, time, data)
         select unhex(value->>'id'), value->>'kind', value->>'source', unhex(value->>'subject'),
                value->>'version', value->>'trace', $2, value->>'data'
           from given order by key"),
        "insert into outbox (id, kind, source, subject, version, trace, time, data)
         select e.id, e.kind, e.source, e.subject, e.version, e.trace, $2, e.data
           from rows from (jsonb_to_recordset($1) as (id uuid, kind text, source text,
                subject uuid, version bigint, trace text, data jsonb)) with ordinality
                as e(id, kind, source, subject, version, trace, data, n) order by e.n";
    READ_AFTER =
        "select seq as pos, id, kind, source, subject, version, trace, time, data from outbox
          where seq > $1 order by seq limit $2",
        "select pos, id, kind, source, subject, version, trace, time, data from outbox
          where pos > $1 order by pos limit $2";
    /// Also those that have no place yet.
    OF_SUBJECT =
        "select cast(0 as bigint) as pos, id, kind, source, subject, version, trace, time, data
           from outbox where subject = $1";
    LAST =
        "select coalesce(max(seq), 0) from outbox",
        "select pos from outbox_head";
    /// Numbers committed rows, under the lock of the head, and says how many.
    SEQUENCE =
        "select cast(0 as bigint) where $1 < 0",
        "select sequence_outbox($1)";
}

/// The table of events.
pub(crate) const TABLE: &str = "outbox";

/// Whether a column is there because PostgreSQL numbers events after their commit: SQLite has no such table or column.
pub(crate) fn is_of_sequencer(table: &str, column: &str) -> bool {
    table == "outbox_head" || (table == TABLE && column == "pos")
}

/// The events of a schema of PostgreSQL with the places that they have, or are given next, as SQLite numbers them.
pub(crate) fn in_places(schema: &str) -> String {
    format!(
        "(select coalesce(o.pos, h.pos + row_number() over (partition by o.pos is null order by o.seq)) as seq,
                 o.id, o.kind, o.source, o.subject, o.version, o.trace, o.time, o.data
            from \"{schema}\".outbox o, \"{schema}\".outbox_head h order by 1) places"
    )
}

/// Makes PostgreSQL number events on from those that a schema was given.
pub(crate) fn go_on(schema: &str) -> String {
    format!(
        "update \"{schema}\".outbox_head
            set pos = (select coalesce(max(pos), 0) from \"{schema}\".outbox)"
    )
}

/// How many committed rows the sequencer numbers at a time.
const SEQUENCE_MAX: i64 = 1_000;

impl Tx {
    /// Records an event; it becomes visible with this unit of work or not at all.
    ///
    /// `version` is the subject's version after the change: the first event of a subject has 1, and
    /// each change that emits takes the next. The caller holds the aggregate's row, which it got by
    /// changing it in this unit of work.
    pub fn emit<E: Event>(&mut self, event: &E, version: i64) -> Result<()> {
        let data = serde_json::to_value(event)
            .map_err(|error| Error::Inconsistent(format!("event {}: {error}", E::TYPE)))?;
        let outgoing = Outgoing {
            id: kernel::id::EventId::new().uuid().simple().to_string(),
            kind: E::TYPE,
            source: E::SOURCE,
            subject: event.subject().simple().to_string(),
            version,
            trace: crate::trace::current(),
            time: self.now(),
            data,
        };
        self.outgoing.push(outgoing);
        Ok(())
    }
}

/// Writes the recorded events; part of every commit.
pub(crate) async fn append(tx: &mut Tx) -> Result<()> {
    if tx.outgoing.is_empty() || crate::fault::bug("outbox_forgets") {
        return Ok(());
    }
    let (rows, now) = (std::mem::take(&mut tx.outgoing), tx.now());
    let appended = tx.query(APPEND).bind(Json(&rows)).bind(now).execute().await;
    tx.outgoing = rows;
    appended.map(drop)
}

/// An event with its place in its module's outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Its place: dense, in the order of commits.
    pub pos: i64,
    /// The event.
    pub envelope: Envelope,
}

#[derive(platform::sql::Record)]
struct Row {
    pos: i64,
    id: Uuid,
    kind: String,
    source: String,
    subject: Uuid,
    version: i64,
    trace: String,
    time: Timestamp,
    data: Json<serde_json::Value>,
}

/// The committed events after a place, in order and, unless some were lost, without a gap.
pub async fn read_after(db: &Db, pos: i64, limit: i64) -> Result<Vec<Published>> {
    let mut found: Vec<Published> = Vec::new();
    loop {
        let after = found.last().map_or(pos, |event| event.pos);
        let left = limit.saturating_sub_unsigned(found.len() as u64);
        // Before the packs: what was a row a moment ago is in one by then, and the other way round it would be missed.
        let rows = rows_after(db, after, left).await?;
        if rows.first().is_none_or(|row| row.pos == after + 1) {
            found.extend(rows);
            return Ok(found);
        }
        let packed = pack::read_after(db, after, left).await?;
        if packed.is_empty() {
            found.extend(rows);
            return Ok(found);
        }
        found.extend(packed);
        if found.len() as u64 >= limit.unsigned_abs() {
            return Ok(found);
        }
    }
}

/// The events after a place that are not packed.
async fn rows_after(db: &Db, pos: i64, limit: i64) -> Result<Vec<Published>> {
    let rows: Vec<Row> = db.query(READ_AFTER).bind(pos).bind(limit).all().await?;
    Ok(rows.into_iter().map(Published::from).collect())
}

/// All events of a subject, in their order.
pub async fn of_subject(db: &Db, subject: Uuid) -> Result<Vec<Envelope>> {
    let rows: Vec<Row> = db.query(OF_SUBJECT).bind(subject).all().await?;
    let rows = rows.into_iter().map(|row| Published::from(row).envelope);
    // One that was packed in between is found twice.
    let all: BTreeMap<i64, Envelope> = rows
        .chain(pack::of_subject(db, subject).await?)
        .map(|envelope| (envelope.version, envelope))
        .collect();
    Ok(all.into_values().collect())
}

impl From<Row> for Published {
    fn from(row: Row) -> Self {
        let envelope = Envelope {
            id: row.id.into(),
            source: row.source,
            kind: row.kind,
            version: row.version,
            time: row.time,
            subject: row.subject,
            trace: row.trace,
            data: row.data.0,
        };
        Self { pos: row.pos, envelope }
    }
}

/// The place of the newest event a reader can see.
pub async fn last(db: &Db) -> Result<i64> {
    let (pos,): (i64,) = db.query(LAST).one().await?;
    Ok(pos)
}

/// Gives committed events their place. Any number of nodes may do so at once; a row is numbered
/// once. Returns how many were numbered.
pub async fn sequence(db: &Db) -> Result<usize> {
    if db.engine() == Engine::Sqlite {
        return Ok(0);
    }
    let (numbered,): (i64,) = db.query(SEQUENCE).bind(SEQUENCE_MAX).one().await?;
    if numbered > 0 {
        db.tell_readable();
    }
    Ok(usize::try_from(numbered).unwrap_or_default())
}
