//! Disputes, as rows.

use kernel::Timestamp;
use kernel::id::{OrderId, PaymentId};
use kernel::ports::TOLD_MAX;
use platform::personal::Kept;
use platform::sql::{Db, Error, Result, Tx};
use uuid::Uuid;

use super::{inconsistent, personal};
use crate::domain::dispute::{Dispute, State};
use crate::processor::Disputed;

macro_rules! dispute {
    ($rest:literal) => {
        concat!(
            "select d.id, d.payment_id, d.processor_ref, d.amount_minor, d.reason, d.state, \
             d.evidence, d.evidence_sealed, d.respond_by, d.opened_at, d.closed_at from dispute d ",
            $rest
        )
    };
}

platform::statements! {
    INSERT_DISPUTE = "insert into dispute (id, payment_id, processor_ref, amount_minor, reason, state,
                                           respond_by, opened_at)
                      values ($1, $2, $3, $4, $5, 'needs_response', $6, $7)";
    /// What has ended stays so.
    MOVE_DISPUTE = "update dispute set state = $2, closed_at = $3
                     where id = $1 and closed_at is null";
    NEWEST_DISPUTE = dispute!("where d.payment_id = $1 order by d.opened_at desc, d.id desc limit 1");
    /// What was said stays said: the call that says it may be under way.
    SAY_EVIDENCE = "update dispute set evidence = $2, evidence_sealed = $3
                     where payment_id = $1 and closed_at is null
                       and evidence is null and evidence_sealed is null";
    DISPUTES_OF_ORDER = dispute!("join payment p on p.id = d.payment_id where p.order_id = $1
                                  order by d.opened_at, d.id limit $2");
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    payment_id: Uuid,
    processor_ref: String,
    amount_minor: i64,
    reason: String,
    state: String,
    evidence: Option<String>,
    evidence_sealed: Option<String>,
    respond_by: Timestamp,
    opened_at: Timestamp,
    closed_at: Option<Timestamp>,
}

impl TryFrom<Row> for Dispute {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let state = State::from_word(&row.state);
        Ok(Self {
            id: row.id,
            payment_id: row.payment_id.into(),
            processor_ref: row.processor_ref,
            amount: row.amount_minor,
            reason: row.reason,
            state: state.ok_or_else(|| inconsistent(format!("a dispute {}", row.state)))?,
            evidence: match row.evidence_sealed {
                Some(said) => personal::sealed(said),
                None => row.evidence.map(Kept::Plain),
            },
            respond_by: row.respond_by,
            opened_at: row.opened_at,
            closed_at: row.closed_at,
        })
    }
}

/// Writes down a dispute that is new to the shop, as one that was just opened. Returns its id.
pub async fn insert_dispute(tx: &mut Tx, payment: PaymentId, found: &Disputed) -> Result<Uuid> {
    let id = kernel::id::EventId::new().uuid();
    tx.query(INSERT_DISPUTE)
        .bind(id)
        .bind(payment.uuid())
        .bind(found.id.as_str())
        .bind(found.amount)
        .bind(found.reason.as_str())
        .bind(found.respond_by)
        .bind(found.opened_at)
        .execute()
        .await?;
    Ok(id)
}

/// Notes where a dispute stands. False when it has ended.
pub async fn move_dispute(
    tx: &mut Tx,
    id: Uuid,
    to: State,
    closed_at: Option<Timestamp>,
) -> Result<bool> {
    let query = tx.query(MOVE_DISPUTE).bind(id).bind(to.word()).bind(closed_at);
    Ok(query.execute().await? == 1)
}

/// The newest dispute of a payment, with what was said to it opened.
pub async fn newest_dispute(db: &Db, payment: PaymentId) -> Result<Option<Dispute>> {
    let row: Option<Row> = db.query(NEWEST_DISPUTE).bind(payment.uuid()).optional().await?;
    let Some(mut dispute) = row.map(Dispute::try_from).transpose()? else { return Ok(None) };
    personal::open_evidence(db, &mut dispute).await?;
    Ok(Some(dispute))
}

/// The same, as a unit of work sees it.
pub async fn newest_dispute_in(tx: &mut Tx, payment: PaymentId) -> Result<Option<Dispute>> {
    let row: Option<Row> = tx.query(NEWEST_DISPUTE).bind(payment.uuid()).optional().await?;
    row.map(Dispute::try_from).transpose()
}

/// Keeps what the staff has to say to the open dispute of a payment. False when it has said something.
pub async fn say_evidence(tx: &mut Tx, payment: PaymentId, said: &Kept<String>) -> Result<bool> {
    let (plain, sealed) = match said {
        Kept::Plain(text) => (Some(text.as_str()), None),
        Kept::Sealed(sealed) => (None, Some(sealed.as_str())),
    };
    let query = tx.query(SAY_EVIDENCE).bind(payment.uuid()).bind(plain).bind(sealed);
    Ok(query.execute().await? == 1)
}

/// What the staff has to say to the newest dispute of a payment; None when that was erased.
pub async fn evidence(db: &Db, payment: PaymentId) -> Result<Option<String>> {
    let said = newest_dispute(db, payment).await?.and_then(|dispute| dispute.evidence);
    Ok(match said {
        Some(Kept::Plain(text)) => Some(text),
        Some(Kept::Sealed(_)) | None => None,
    })
}

/// The disputes of an order's payments, the first first.
pub async fn of_order(db: &Db, order: OrderId) -> Result<Vec<Dispute>> {
    let rows: Vec<Row> =
        db.query(DISPUTES_OF_ORDER).bind(order.uuid()).bind(TOLD_MAX).all().await?;
    rows.into_iter().map(Dispute::try_from).collect()
}
