//! Settlements, their lines, and what was to be settled.

use std::collections::HashMap;

use kernel::id::PaymentId;
use kernel::{Currency, Timestamp};
use platform::sql::{Db, Error, Json, Result, Tx};
use serde::Serialize;
use uuid::Uuid;

use super::money;
use crate::domain::{Line, LineKind, Movement};

macro_rules! settlements {
    ($rest:literal) => {
        concat!(
            "select id, source, digest, lines, posted, differences, imported_at from settlement ",
            $rest
        )
    };
}

platform::statements! {
    BY_DIGEST = settlements!("where digest = $1");
    SETTLEMENTS = settlements!("where id < $1 order by id desc limit $2");
    INSERT_SETTLEMENT = "insert into settlement (id, source, digest, lines, posted, differences,
                                                 imported_at)
                         values ($1, $2, $3, $4, $5, $6, $7)";
    SEEN =
        "select line, kind, gross_minor, fee_minor, currency from settlement_line
          where line in (select value from json_each($1))",
        "select line, kind, gross_minor, fee_minor, currency from settlement_line
          where line = any(array(select jsonb_array_elements_text($1)))";
    MOVEMENTS =
        "select id, kind, payment_id, charge, amount_minor, currency, occurred_at, line
           from movement where payment_id in (select unhex(value, '-') from json_each($1))
          union
         select id, kind, payment_id, charge, amount_minor, currency, occurred_at, line
           from movement where charge in (select value from json_each($2))
          order by occurred_at, id",
        "select id, kind, payment_id, charge, amount_minor, currency, occurred_at, line
           from movement
          where payment_id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))
          union
         select id, kind, payment_id, charge, amount_minor, currency, occurred_at, line
           from movement where charge = any(array(select jsonb_array_elements_text($2)))
          order by occurred_at, id";
    MOVEMENT = "select id, kind, payment_id, charge, amount_minor, currency, occurred_at, line
                  from movement where id = $1";
    /// What was to be settled in a time, and of which no line told.
    UNTOLD_OF = "select id, kind, payment_id, charge, amount_minor, currency, occurred_at, line
                   from movement m
                  where line is null and occurred_at >= $1 and occurred_at < $2
                    and not exists (select 1 from difference d where d.movement_id = m.id)
                  order by occurred_at limit $3";
    SETTLE =
        "update movement set line = l.line, settled_at = $2
           from (select value->>0 as id, value->>1 as line from json_each($1)) l
          where movement.id = l.id and movement.line is null",
        "update movement set line = l.value->>1, settled_at = $2
           from jsonb_array_elements($1) as l
          where movement.id = l.value->>0 and movement.line is null";
    /// What was missing and is settled after all.
    FOUND_AFTER_ALL =
        "update difference set resolved_at = $2, note = 'It was settled after all.'
          where movement_id in (select value->>0 from json_each($1))
            and reason = 'missing' and resolved_at is null",
        "update difference set resolved_at = $2, note = 'It was settled after all.'
          where movement_id = any(array(select l.value->>0 from jsonb_array_elements($1) as l))
            and reason = 'missing' and resolved_at is null";
    INSERT_LINES =
        "insert into settlement_line (settlement_id, n, line, kind, payment_id, charge, gross_minor,
                fee_minor, net_minor, currency, created_at, available_on, posted)
         select $2, value->>'n', value->>'line', value->>'kind', unhex(value->>'payment_id', '-'),
                value->>'charge', value->>'gross', value->>'fee', value->>'net',
                value->>'currency', value->>'created_at', value->>'available_on', value->>'posted'
           from json_each($1)",
        "insert into settlement_line (settlement_id, n, line, kind, payment_id, charge, gross_minor,
                fee_minor, net_minor, currency, created_at, available_on, posted)
         select $2, l.n, l.line, l.kind, l.payment_id, l.charge, l.gross, l.fee, l.net, l.currency,
                l.created_at, l.available_on, l.posted
           from jsonb_to_recordset($1) as l(n bigint, line text, kind text, payment_id uuid,
                charge text, gross bigint, fee bigint, net bigint, currency text,
                created_at timestamptz, available_on timestamptz, posted boolean)";
    POSTED = "update settlement_line set posted = true where settlement_id = $1 and n = $2";
}

/// What of the processor was taken.
#[derive(platform::sql::Record)]
pub(crate) struct Settlement {
    pub id: Uuid,
    pub source: String,
    pub digest: String,
    /// How many lines it has.
    pub lines: i64,
    /// How many of them were posted.
    pub posted: i64,
    /// How many differences it brought up.
    pub differences: i64,
    pub imported_at: Timestamp,
}

/// The settlement of a file.
pub(crate) async fn by_digest(tx: &mut Tx, digest: &str) -> Result<Option<Settlement>> {
    tx.query(BY_DIGEST).bind(digest).optional().await
}

/// Settlements before one, the newest first.
pub(crate) async fn settlements(db: &Db, before: Uuid, limit: u32) -> Result<Vec<Settlement>> {
    db.query(SETTLEMENTS).bind(before).bind(i64::from(limit)).all().await
}

/// Keeps a settlement.
pub(crate) async fn insert(tx: &mut Tx, settlement: &Settlement) -> Result<()> {
    tx.query(INSERT_SETTLEMENT)
        .bind(settlement.id)
        .bind(settlement.source.as_str())
        .bind(settlement.digest.as_str())
        .bind(settlement.lines)
        .bind(settlement.posted)
        .bind(settlement.differences)
        .bind(settlement.imported_at)
        .execute()
        .await
        .map(drop)
}

/// A line that was read before: kind, gross, fee and currency.
pub(crate) type Seen = (String, i64, i64, String);

/// How these lines were read before, by their ids.
pub(crate) async fn seen(tx: &mut Tx, lines: &[Line]) -> Result<HashMap<String, Vec<Seen>>> {
    let ids: Vec<&str> = lines.iter().map(|line| line.id.as_str()).collect();
    let rows: Vec<(String, String, i64, i64, String)> =
        tx.query(SEEN).bind(Json(ids)).all().await?;
    let mut seen: HashMap<String, Vec<Seen>> = HashMap::new();
    for (id, kind, gross, fee, currency) in rows {
        seen.entry(id).or_default().push((kind, gross, fee, currency));
    }
    Ok(seen)
}

#[derive(platform::sql::Record)]
struct MovementRow {
    id: String,
    kind: String,
    payment_id: Uuid,
    charge: Option<String>,
    amount_minor: i64,
    currency: String,
    occurred_at: Timestamp,
    line: Option<String>,
}

impl MovementRow {
    fn movement(self) -> Result<Movement> {
        Ok(Movement {
            kind: line_kind(&self.kind)?,
            payment_id: self.payment_id.into(),
            charge: self.charge,
            amount: money(self.amount_minor, &self.currency)?,
            occurred_at: self.occurred_at,
            line: self.line,
            id: self.id,
        })
    }
}

pub(super) fn line_kind(word: &str) -> Result<LineKind> {
    LineKind::from_word(word)
        .ok_or_else(|| Error::Inconsistent(format!("a {word} of a settlement")))
}

/// What the payments and charges that lines name are to settle or have settled.
pub(crate) async fn movements(tx: &mut Tx, lines: &[Line]) -> Result<Vec<Movement>> {
    let payments: Vec<_> = lines.iter().filter_map(|line| line.payment_id).collect();
    let charges: Vec<&str> = lines.iter().filter_map(|line| line.charge.as_deref()).collect();
    let query = tx.query(MOVEMENTS).bind(Json(payments)).bind(Json(charges));
    query.all::<MovementRow>().await?.into_iter().map(MovementRow::movement).collect()
}

/// One of them.
pub(crate) async fn movement(tx: &mut Tx, id: &str) -> Result<Option<Movement>> {
    let row: Option<MovementRow> = tx.query(MOVEMENT).bind(id).optional().await?;
    row.map(MovementRow::movement).transpose()
}

/// What happened from one moment on and before another and no line has told of, the first first.
pub(crate) async fn untold(
    tx: &mut Tx,
    (from, before): (Timestamp, Timestamp),
    limit: i64,
) -> Result<Vec<Movement>> {
    let query = tx.query(UNTOLD_OF).bind(from).bind(before).bind(limit);
    let rows: Vec<MovementRow> = query.all().await?;
    rows.into_iter().map(MovementRow::movement).collect()
}

/// Notes which line settled what: pairs of a movement and a line.
pub(crate) async fn settle(tx: &mut Tx, pairs: &[(&str, &str)]) -> Result<()> {
    let now = tx.now();
    let settled = tx.query(SETTLE).bind(Json(pairs)).bind(now).execute().await?;
    if usize::try_from(settled) != Ok(pairs.len()) {
        return Err(Error::Inconsistent("a line settles what is settled".to_owned()));
    }
    tx.query(FOUND_AFTER_ALL).bind(Json(pairs)).bind(now).execute().await.map(drop)
}

#[derive(Serialize)]
struct LineRow<'a> {
    n: i64,
    line: &'a str,
    kind: &'static str,
    payment_id: Option<PaymentId>,
    charge: Option<&'a str>,
    gross: i64,
    fee: i64,
    net: i64,
    currency: Currency,
    posted: bool,
    #[serde(serialize_with = "platform::sql::spell")]
    created_at: Timestamp,
    #[serde(serialize_with = "platform::sql::spell")]
    available_on: Timestamp,
}

impl<'a> LineRow<'a> {
    fn of(n: i64, line: &'a Line, posted: bool) -> Self {
        Self {
            n,
            line: &line.id,
            kind: line.kind.word(),
            payment_id: line.payment_id,
            charge: line.charge.as_deref(),
            gross: line.gross.minor(),
            fee: line.fee.minor(),
            net: line.gross.minor() - line.fee.minor(),
            currency: line.gross.currency(),
            posted,
            created_at: line.created_at,
            available_on: line.available_on,
        }
    }
}

/// Keeps lines, each with its place in the file and whether it was posted.
pub(crate) async fn insert_lines(
    tx: &mut Tx,
    settlement: Uuid,
    lines: &[(i64, &Line, bool)],
) -> Result<()> {
    let rows: Vec<_> =
        lines.iter().map(|(n, line, posted)| LineRow::of(*n, line, *posted)).collect();
    tx.query(INSERT_LINES).bind(Json(rows)).bind(settlement).execute().await.map(drop)
}

/// Notes that a line was posted after all.
pub(crate) async fn posted(tx: &mut Tx, settlement: Uuid, n: i64) -> Result<()> {
    tx.query(POSTED).bind(settlement).bind(n).execute().await.map(drop)
}
