//! What of settlements is not as it should be.

use kernel::id::{EventId, PaymentId};
use kernel::{Currency, Timestamp};
use platform::sql::{Db, Error, Json, Result, Tx};
use serde_json::json;
use uuid::Uuid;

use super::currency;
use super::settlement::line_kind;
use crate::domain::{Difference, Line, Reason};

macro_rules! differences {
    ($rest:literal) => {
        concat!(
            "select d.id, d.reason, d.settlement_id, d.movement_id, d.payment_id, d.currency, \
             d.expected_minor, d.found_minor, d.exposed_minor, d.found_at, d.resolved_at, d.note, \
             l.n, l.line, l.kind, l.charge, l.gross_minor, l.fee_minor, l.created_at, \
             l.available_on, l.currency as line_currency \
             from difference d left join settlement_line l \
             on l.settlement_id = d.settlement_id and l.n = d.n ",
            $rest
        )
    };
}

platform::statements! {
    INSERT_DIFFERENCES =
        "insert into difference (id, reason, settlement_id, n, movement_id, payment_id, currency,
                expected_minor, found_minor, exposed_minor, found_at)
         select unhex(value->>'id', '-'), value->>'reason', $2, value->>'n', value->>'movement_id',
                unhex(value->>'payment_id', '-'), value->>'currency', value->>'expected',
                value->>'found', value->>'exposed', $3
           from json_each($1)",
        "insert into difference (id, reason, settlement_id, n, movement_id, payment_id, currency,
                expected_minor, found_minor, exposed_minor, found_at)
         select d.id, d.reason, $2, d.n, d.movement_id, d.payment_id, d.currency, d.expected,
                d.found, d.exposed, $3
           from jsonb_to_recordset($1) as d(id uuid, reason text, n bigint, movement_id text,
                payment_id uuid, currency text, expected bigint, found bigint, exposed bigint)";
    DIFFERENCES = differences!("where d.id > $1 order by d.id limit $2");
    OPEN_DIFFERENCES = differences!("where d.id > $1 and d.resolved_at is null
                                     order by d.id limit $2");
    DIFFERENCE = differences!("where d.id = $1");
    RESOLVE = "update difference set resolved_at = $2, note = $3
                where id = $1 and resolved_at is null";
}

/// A difference on its way into the list.
pub(crate) struct NewDifference<'a> {
    /// The place of its line in the file, if it is of one.
    pub n: Option<i64>,
    pub movement: Option<&'a str>,
    pub payment: Option<PaymentId>,
    pub currency: Currency,
    pub difference: Difference,
}

/// Puts differences on the list.
pub(crate) async fn insert_differences(
    tx: &mut Tx,
    settlement: Uuid,
    found: &[NewDifference<'_>],
) -> Result<()> {
    let row = |new: &NewDifference<'_>| {
        let Difference { reason, expected, found, exposed } = &new.difference;
        json!({
            "id": EventId::new(), "reason": reason.word(), "n": new.n,
            "movement_id": new.movement, "payment_id": new.payment, "currency": new.currency,
            "expected": expected, "found": found, "exposed": exposed,
        })
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    let now = tx.now();
    let query = tx.query(INSERT_DIFFERENCES).bind(Json(rows)).bind(settlement).bind(now);
    query.execute().await.map(drop)
}

#[derive(platform::sql::Record)]
pub(crate) struct DifferenceRow {
    pub id: Uuid,
    reason: String,
    pub settlement_id: Uuid,
    pub movement_id: Option<String>,
    pub payment_id: Option<Uuid>,
    pub currency: String,
    pub expected_minor: Option<i64>,
    pub found_minor: Option<i64>,
    pub exposed_minor: i64,
    pub found_at: Timestamp,
    pub resolved_at: Option<Timestamp>,
    pub note: Option<String>,
    pub n: Option<i64>,
    pub line: Option<String>,
    kind: Option<String>,
    charge: Option<String>,
    gross_minor: Option<i64>,
    fee_minor: Option<i64>,
    created_at: Option<Timestamp>,
    available_on: Option<Timestamp>,
    line_currency: Option<String>,
}

impl DifferenceRow {
    /// Why it is on the list.
    pub(crate) fn reason(&self) -> Result<Reason> {
        let unknown = || Error::Inconsistent(format!("difference {}: {}", self.id, self.reason));
        Reason::from_word(&self.reason).ok_or_else(unknown)
    }

    /// The line that it is of, if there is one.
    pub(crate) fn line(&self) -> Result<Option<Line>> {
        let Some(id) = &self.line else { return Ok(None) };
        let parts = (|| {
            let amounts = (self.gross_minor?, self.fee_minor?, self.line_currency.as_deref()?);
            Some((self.kind.as_deref()?, amounts, self.created_at?, self.available_on?))
        })();
        let gone = || Error::Inconsistent(format!("difference {}: its line", self.id));
        let (kind, (gross, fee, code), created_at, available_on) = parts.ok_or_else(gone)?;
        let currency = currency(code)?;
        let money = |minor| kernel::Money::from_minor(minor, currency);
        Ok(Some(Line {
            id: id.clone(),
            kind: line_kind(kind)?,
            payment_id: self.payment_id.map(Into::into),
            charge: self.charge.clone(),
            gross: money(gross),
            fee: money(fee),
            created_at,
            available_on,
        }))
    }
}

/// Differences after one, the first first.
pub(crate) async fn differences(
    db: &Db,
    is_open: bool,
    after: Uuid,
    limit: u32,
) -> Result<Vec<DifferenceRow>> {
    let query = db.query(if is_open { OPEN_DIFFERENCES } else { DIFFERENCES });
    query.bind(after).bind(i64::from(limit)).all().await
}

/// One of them.
pub(crate) async fn difference(tx: &mut Tx, id: Uuid) -> Result<Option<DifferenceRow>> {
    tx.query(DIFFERENCE).bind(id).optional().await
}

/// Takes a difference off the list. False when somebody else has.
pub(crate) async fn resolve(tx: &mut Tx, id: Uuid, note: &str) -> Result<bool> {
    let now = tx.now();
    Ok(tx.query(RESOLVE).bind(id).bind(now).bind(note).execute().await? == 1)
}
