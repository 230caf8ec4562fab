//! What operators see of sagas and can do about them.

use kernel::Timestamp;
use kernel::problem::{Problem, code};
use platform::sql::Json;
use uuid::Uuid;

use super::store::{COMPENSATE, LIST, OPEN_COUNT, OVERDUE, RETRY, STEPS, STEPS_OF_SUBJECT, Step};
use crate::audit::{self, Actor, Entry};
use crate::sql::{Db, Result, Tx};
use crate::verify::Check;

/// A saga that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, platform::sql::Record)]
pub struct Instance {
    /// The saga.
    pub id: Uuid,
    /// Its kind, e.g. `checkout.v1`.
    pub kind: String,
    /// What it is about, e.g. the order.
    pub subject: Uuid,
    /// `forward`, `undoing` or `stuck`.
    pub phase: String,
    /// The step it was last recorded at, from 0. It may have come further.
    pub step: i64,
    /// How often that step has failed.
    pub attempts: i64,
    /// The node that runs it.
    pub owner: Option<String>,
    /// When it goes on, or when its lease ends.
    pub due_at: Timestamp,
    /// When it is given up.
    pub deadline: Timestamp,
    /// What went wrong the last time.
    pub last_error: Option<String>,
    /// Since when it runs.
    pub started_at: Timestamp,
}

/// The sagas that have not ended; stuck ones first.
pub async fn list(db: &Db, limit: i64) -> Result<Vec<Instance>> {
    db.query(LIST).bind(limit).all().await
}

/// The history of one saga, or of all sagas about a subject, oldest first.
pub async fn history(db: &Db, saga_or_subject: Uuid) -> Result<Vec<Step>> {
    let steps: Vec<Step> = db.query(STEPS).bind(saga_or_subject).all().await?;
    if !steps.is_empty() {
        return Ok(steps);
    }
    db.query(STEPS_OF_SUBJECT).bind(saga_or_subject).all().await
}

/// Lets a saga go on at once, with fresh patience; a stuck one goes on undoing. False when there is
/// no such saga or it has ended.
pub async fn retry(db: &Db, saga: Uuid, actor: &Actor) -> Result<bool> {
    let mut tx = db.begin("saga.retry").await?;
    let now = tx.now();
    let found: Option<(Uuid,)> = tx.query(RETRY).bind(saga).bind(now).optional().await?;
    noted(tx, "saga.retry", saga, found, actor).await
}

/// Gives a saga up and undoes its steps, the present one included. False when there is no such saga
/// or it does not go forward.
pub async fn compensate(db: &Db, saga: Uuid, actor: &Actor) -> Result<bool> {
    let reason = Problem::new(code::ORDER_NOT_COMPLETED, "The order was given up by our staff.");
    let mut tx = db.begin("saga.compensate").await?;
    let now = tx.now();
    let query = tx.query(COMPENSATE).bind(saga).bind(now).bind(Json(reason));
    let found: Option<(Uuid,)> = query.optional().await?;
    noted(tx, "saga.compensate", saga, found, actor).await
}

/// Ends a unit that may have found a saga, with an entry of the audit log that says what it is about.
async fn noted(
    mut tx: Tx,
    action: &'static str,
    saga: Uuid,
    about: Option<(Uuid,)>,
    actor: &Actor,
) -> Result<bool> {
    let Some((about,)) = about else { return Ok(false) };
    let entry = Entry::done(action, saga, &serde_json::json!({"about": about}))?;
    audit::record(&mut tx, actor, &[entry]).await?;
    tx.commit().await?;
    Ok(true)
}

/// The invariant that no saga is stuck or older than its deadline.
pub async fn overdue(db: &Db, now: Timestamp) -> Result<Check> {
    let mut check = Check::new("no saga is stuck or past its deadline");
    let (open,): (i64,) = db.query(OPEN_COUNT).one().await?;
    check.rows = open.unsigned_abs();
    let late: Vec<(String, String, Uuid)> = db.query(OVERDUE).bind(now).all().await?;
    for (phase, kind, subject) in late {
        check.broken(format!("{kind} of {subject} is {phase}"));
    }
    Ok(check)
}
