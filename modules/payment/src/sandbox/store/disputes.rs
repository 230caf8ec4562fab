//! The sandbox's disputes, as rows.

use kernel::{Currency, Timestamp};
use platform::sql::{Db, Error, Result, Tx};
use uuid::Uuid;

use super::ChargeRow;
use crate::domain::dispute::State;
use crate::processor::Disputed;

macro_rules! dispute {
    ($rest:literal) => {
        concat!(
            "select id, amount_minor, reason, state, respond_by, opened_at, closed_at from dispute ",
            $rest
        )
    };
}

platform::statements! {
    /// A charge whose card's holder disputes it now.
    DUE_CHARGE = "select id from charge where dispute_at <= $1 order by dispute_at limit 1";
    INSERT_DISPUTE = "insert into dispute (id, charge_id, amount_minor, reason, state, respond_by,
                                           opened_at)
                      values ($1, $2, $3, $4, 'needs_response', $5, $6) on conflict do nothing";
    DISPUTE = dispute!("where charge_id = $1");
    REVIEW = "update dispute set state = 'under_review', evidence = $2
               where charge_id = $1 and state = 'needs_response'";
    CLOSE = "update dispute set state = $2, closed_at = $3, evidence = coalesce(evidence, $4)
              where charge_id = $1 and closed_at is null";
    DISPUTES = "select d.id, d.charge_id, c.reference, d.amount_minor, c.currency, d.state,
                       d.opened_at, d.closed_at
                  from dispute d join charge c on c.id = d.charge_id
                 where d.id > $1 order by d.id limit $2";
    OVERDUE = "select charge_id from dispute where closed_at is null and respond_by <= $1
               order by respond_by limit 1";
}

#[derive(platform::sql::Record)]
struct Row {
    id: String,
    amount_minor: i64,
    reason: String,
    state: String,
    respond_by: Timestamp,
    opened_at: Timestamp,
    closed_at: Option<Timestamp>,
}

impl TryFrom<Row> for Disputed {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let state = State::from_word(&row.state);
        Ok(Self {
            id: row.id,
            amount: row.amount_minor,
            reason: row.reason,
            state: state.ok_or_else(|| Error::Inconsistent(format!("a dispute {}", row.state)))?,
            respond_by: row.respond_by,
            opened_at: row.opened_at,
            closed_at: row.closed_at,
        })
    }
}

/// The dispute of a charge.
pub async fn dispute(db: &Db, charge: &str) -> Result<Option<Disputed>> {
    let row: Option<Row> = db.query(DISPUTE).bind(charge).optional().await?;
    row.map(Disputed::try_from).transpose()
}

/// The same, as a unit of work sees it.
pub async fn dispute_in(tx: &mut Tx, charge: &str) -> Result<Option<Disputed>> {
    let row: Option<Row> = tx.query(DISPUTE).bind(charge).optional().await?;
    row.map(Disputed::try_from).transpose()
}

/// A charge that its card's holder disputes now.
pub async fn due_charge(db: &Db) -> Result<Option<String>> {
    let row: Option<(String,)> = db.query(DUE_CHARGE).bind(db.clock().now()).optional().await?;
    Ok(row.map(|(id,)| id))
}

/// A charge whose dispute nobody has answered in time, or whose answer convinced nobody.
pub async fn overdue(db: &Db) -> Result<Option<String>> {
    let row: Option<(String,)> = db.query(OVERDUE).bind(db.clock().now()).optional().await?;
    Ok(row.map(|(id,)| id))
}

/// A dispute as it moves money.
#[derive(platform::sql::Record)]
pub struct BookedDispute {
    pub id: String,
    pub charge_id: String,
    pub reference: Uuid,
    pub amount_minor: i64,
    currency: String,
    pub state: String,
    pub opened_at: Timestamp,
    pub closed_at: Option<Timestamp>,
}

impl BookedDispute {
    pub fn currency(&self) -> Result<Currency> {
        let unknown = |_| Error::Inconsistent(format!("dispute {}: {}", self.id, self.currency));
        self.currency.parse().map_err(unknown)
    }

    /// The id of the line that takes its amount away.
    pub fn line(&self) -> String {
        format!("txn_{}", self.id)
    }
}

/// The next disputes after one.
pub async fn disputes(db: &Db, after: &str, limit: i64) -> Result<Vec<BookedDispute>> {
    db.query(DISPUTES).bind(after).bind(limit).all().await
}

/// Opens a dispute over an amount of a charge. False when it was disputed before.
pub async fn insert_dispute(
    tx: &mut Tx,
    charge: &ChargeRow,
    (amount, reason): (i64, &str),
    respond_by: Timestamp,
) -> Result<bool> {
    let (id, now) = (kernel::id::EventId::new().uuid().simple(), tx.now());
    let query = tx.query(INSERT_DISPUTE).bind(format!("dp_{id}")).bind(charge.id.as_str());
    let query = query.bind(amount).bind(reason).bind(respond_by).bind(now);
    Ok(query.execute().await? == 1)
}

/// Notes that the bank reads what the merchant says. False when there is nothing to answer any more.
pub async fn review(tx: &mut Tx, charge: &str, evidence: &str) -> Result<bool> {
    Ok(tx.query(REVIEW).bind(charge).bind(evidence).execute().await? == 1)
}

/// Ends a dispute. False when it has ended.
pub async fn close(tx: &mut Tx, charge: &str, end: State, evidence: Option<&str>) -> Result<bool> {
    let now = tx.now();
    let query = tx.query(CLOSE).bind(charge).bind(end.word()).bind(now).bind(evidence);
    Ok(query.execute().await? == 1)
}
