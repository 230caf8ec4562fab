//! Saga instances and their history, as rows.

use kernel::{Problem, Timestamp};
use platform::sql::Json;
use serde::Serialize;
use uuid::Uuid;

use super::plan::{At, Next, Phase, When};
use crate::sql::{Db, Error, Result, Tx};

crate::statements! {
    START = "insert into saga (id, kind, subject, trace, state, phase, step, epoch, owner, due_at,
                               deadline, started_at, steps)
             values ($1, $2, $3, $4, $5, 'forward', 0, 1, $6, $7, $8, $9, $10)";
    CLAIM =
        "update saga set epoch = epoch + 1, owner = $1, due_at = $2
          where id = (select id from saga where kind = $3 and phase in ('forward', 'undoing')
                         and due_at <= $4 order by due_at limit 1)
         returning id, trace, state, phase, step, attempts, epoch, deadline, reason, nudges,
                   steps, (select count(*) from saga_history h where h.saga_id = saga.id) as turns",
        "update saga set epoch = epoch + 1, owner = $1, due_at = $2
          where id = (select id from saga where kind = $3 and phase in ('forward', 'undoing')
                         and due_at <= $4 order by due_at limit 1 for update skip locked)
         returning id, trace, state, phase, step, attempts, epoch, deadline, reason, nudges,
                   steps, (select count(*) from saga_history h where h.saga_id = saga.id) as turns";
    /// The epoch is the fence: a node whose lease was taken over changes nothing.
    RECORD = "update saga set state = $3, phase = $4, step = $5, attempts = $6, owner = $7,
                     due_at = $8, reason = $9, last_error = $10, ended_at = $11
               where id = $1 and epoch = $2";
    HISTORY =
        "insert into saga_history (saga_id, n, step, phase, outcome, detail, at)
         select $1, $2 + key, value->>'step', value->>'phase', value->>'outcome', value->>'detail',
                value->>'at'
           from json_each($3)",
        "insert into saga_history (saga_id, n, step, phase, outcome, detail, at)
         select $1, $2 + e.n - 1, e.step, e.phase, e.outcome, e.detail, e.at
           from rows from (jsonb_to_recordset($3) as (step text, phase text, outcome text,
                detail text, at timestamptz)) with ordinality
                as e(step, phase, outcome, detail, at, n)";
    /// A waiting saga has no owner and is due at once. One at work may have looked already and be
    /// about to wait; it sees the count when it records that.
    NUDGE =
        "update saga set nudges = nudges + 1,
                due_at = case when owner is null and due_at > $2 then $2 else due_at end
          where subject in (select unhex(value, '-') from json_each($1)) and phase = 'forward'",
        "update saga set nudges = nudges + 1,
                due_at = case when owner is null and due_at > $2 then $2 else due_at end
          where subject = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))
            and phase = 'forward'";
    WAIT_NOT = "update saga set due_at = $2 where id = $1 and nudges <> $3";
    /// Only where no other process can be at work: SQLite, at the start of the one server.
    ORPHANS = "update saga set due_at = $1 where kind = $2
                  and owner is not null and phase in ('forward', 'undoing') and due_at > $1";
    LIST = "select id, kind, subject, phase, step, attempts, owner, due_at, deadline, last_error,
                   started_at
              from saga where phase in ('forward', 'undoing', 'stuck')
             order by phase desc, started_at limit $1";
    STEPS = "select step, phase, outcome, detail, at from saga_history where saga_id = $1 order by n";
    STEPS_OF_SUBJECT = "select h.step, h.phase, h.outcome, h.detail, h.at
              from saga_history h join saga s on s.id = h.saga_id
             where s.subject = $1 order by h.at, h.n";
    /// One that is at work keeps its lease: two nodes never work on one step.
    RETRY = "update saga set attempts = 0,
                    due_at = case when owner is null then $2 else due_at end,
                    phase = case when phase = 'stuck' then 'undoing' else phase end
              where id = $1 and phase in ('forward', 'undoing', 'stuck') returning subject";
    /// A step that is at work is cut off from its record by the epoch, and undone when its node has
    /// noticed or its lease has ended: an undo never overtakes it.
    COMPENSATE = "update saga set attempts = 0, epoch = epoch + 1, phase = 'undoing', reason = $3,
                         step = case when steps - 1 > step then steps - 1 else step end,
                         owner = owner || ' (leaving)',
                         due_at = case when owner is null then $2 else due_at end
                   where id = $1 and phase = 'forward' returning subject";
    ABANDON = "update saga set attempts = 0, epoch = epoch + 1, phase = 'undoing', reason = $3,
                      step = case when steps - 1 > step then steps - 1 else step end,
                      owner = owner || ' (leaving)',
                      due_at = case when owner is null then $2 else due_at end
                where subject = $1 and phase = 'forward'";
    /// The node that was cut off has nothing at work any more: the undo need not wait for its lease.
    /// A claim of any node since then has another owner.
    LEAVE = "update saga set owner = null, due_at = $4
              where id = $1 and epoch = $2 + 1 and owner = $3 || ' (leaving)'";
    OPEN_COUNT = "select count(*) from saga where phase in ('forward', 'undoing', 'stuck')";
    OVERDUE = "select cast(phase as text), kind, subject from saga
                where phase = 'stuck' or (phase in ('forward', 'undoing') and deadline < $1)
                order by started_at limit 20";
}

/// A claimed instance.
#[derive(Debug)]
pub(super) struct Claimed {
    pub id: Uuid,
    pub trace: String,
    pub state: serde_json::Value,
    pub at: At,
    pub epoch: i64,
    pub reason: Option<Problem>,
    /// How many turns its history holds.
    pub turns: i64,
    /// How often it had been nudged when it was claimed.
    pub nudges: i64,
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    trace: String,
    state: Json<serde_json::Value>,
    phase: String,
    step: i64,
    attempts: i64,
    epoch: i64,
    deadline: Timestamp,
    reason: Option<Json<Problem>>,
    turns: i64,
    nudges: i64,
    steps: i64,
}

/// What a new instance begins with.
pub(super) struct Start<'a> {
    pub id: Uuid,
    pub kind: &'static str,
    pub subject: Uuid,
    pub state: serde_json::Value,
    pub owner: &'a str,
    pub lease_until: Timestamp,
    pub deadline: Timestamp,
    pub steps: usize,
}

/// Inserts an instance that its node already holds the lease of.
pub(super) async fn start(tx: &mut Tx, new: Start<'_>) -> Result<Claimed> {
    let (now, trace) = (tx.now(), crate::trace::current());
    tx.query(START)
        .bind(new.id)
        .bind(new.kind)
        .bind(new.subject)
        .bind(trace.as_str())
        .bind(Json(&new.state))
        .bind(new.owner)
        .bind(new.lease_until)
        .bind(new.deadline)
        .bind(now)
        .bind(count(new.steps))
        .execute()
        .await?;
    let at = At { phase: Phase::Forward, step: 0, reach: 0, attempts: 0, deadline: new.deadline };
    let (id, state) = (new.id, new.state);
    Ok(Claimed { id, trace, state, at, epoch: 1, reason: None, turns: 0, nudges: 0 })
}

fn count(steps: usize) -> i64 {
    i64::try_from(steps).unwrap_or(i64::MAX)
}

/// Takes one that is due. Whoever had it before may have come up to its last step.
pub(super) async fn claim(
    db: &Db,
    kind: &str,
    owner: &str,
    lease_until: Timestamp,
) -> Result<Option<Claimed>> {
    let mut tx = db.begin("saga.claim").await?;
    let now = tx.now();
    let row: Option<Row> =
        tx.query(CLAIM).bind(owner).bind(lease_until).bind(kind).bind(now).optional().await?;
    tx.commit().await?;
    row.map(Claimed::try_from).transpose()
}

impl TryFrom<Row> for Claimed {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let nonsense = || Error::Inconsistent(format!("saga {} has no such phase or step", row.id));
        let phase = Phase::from_word(&row.phase).ok_or_else(nonsense)?;
        let step = usize::try_from(row.step).map_err(|_| nonsense())?;
        let reach = usize::try_from(row.steps - 1).unwrap_or(0).max(step);
        Ok(Self {
            id: row.id,
            trace: row.trace,
            state: row.state.0,
            at: At { phase, step, reach, attempts: row.attempts, deadline: row.deadline },
            epoch: row.epoch,
            reason: row.reason.map(|reason| reason.0),
            turns: row.turns,
            nudges: row.nudges,
        })
    }
}

/// One turn, as its history tells it.
#[derive(Debug, Serialize)]
pub(super) struct Turned {
    pub step: &'static str,
    pub phase: &'static str,
    pub outcome: &'static str,
    pub detail: Option<String>,
    #[serde(serialize_with = "crate::sql::spell")]
    pub at: Timestamp,
}

/// What is recorded: the turns since the last record, and where they lead.
pub(super) struct Record<'a> {
    pub turns: &'a [Turned],
    pub next: &'a Next,
    pub state: &'a serde_json::Value,
    pub owner: &'a str,
    pub lease_until: Timestamp,
}

/// Records turns. False when the lease was lost: then nothing may be kept.
pub(super) async fn record(tx: &mut Tx, of: &Claimed, record: Record<'_>) -> Result<bool> {
    let (now, next) = (tx.now(), record.next);
    let (owner, due_at) = match next.when {
        When::Now => (Some(record.owner), record.lease_until),
        When::At(then) | When::Waiting(then) => (None, then),
        When::Never => (None, now),
    };
    let reason = next.failure.as_ref().or(of.reason.as_ref());
    let kept = tx
        .query(RECORD)
        .bind(of.id)
        .bind(of.epoch)
        .bind(Json(record.state))
        .bind(next.phase.word())
        .bind(count(next.step))
        .bind(next.attempts)
        .bind(owner)
        .bind(due_at)
        .bind(reason.map(Json))
        .bind(record.turns.last().and_then(|turn| turn.detail.as_deref()))
        .bind(next.phase.has_ended().then_some(now))
        .execute()
        .await?;
    if kept == 0 {
        return Ok(false);
    }
    if let When::Waiting(_) = next.when {
        tx.query(WAIT_NOT).bind(of.id).bind(now).bind(of.nudges).execute().await?;
    }
    tx.query(HISTORY).bind(of.id).bind(of.turns + 1).bind(Json(record.turns)).execute().await?;
    Ok(true)
}

/// Lets sagas that wait for something about their subjects, or are about to, look again. Returns how
/// many will.
pub async fn nudge(tx: &mut Tx, subjects: &[Uuid]) -> Result<u64> {
    if subjects.is_empty() {
        return Ok(0);
    }
    let now = tx.now();
    tx.query(NUDGE).bind(Json(subjects)).bind(now).execute().await
}

/// Gives the sagas about a subject up that go forward, in the caller's unit of work: their steps are
/// undone from the last one on, and a node that is at one of them records nothing more. Returns how
/// many there were; none when they have ended or are being undone already.
///
/// The caller wakes the coordinator once that is on disk.
pub async fn abandon(tx: &mut Tx, subject: Uuid, reason: &Problem) -> Result<u64> {
    let now = tx.now();
    tx.query(ABANDON).bind(subject).bind(now).bind(Json(reason)).execute().await
}

/// Lets go of a saga that was given up while this node was at work on it. False when it was taken
/// over instead.
pub(super) async fn leave(db: &Db, of: &Claimed, owner: &str) -> Result<bool> {
    let mut tx = db.begin("saga.leave").await?;
    let now = tx.now();
    let left = tx.query(LEAVE).bind(of.id).bind(of.epoch).bind(owner).bind(now).execute().await?;
    tx.commit().await?;
    Ok(left == 1)
}

/// One turn of a saga's history.
#[derive(Debug, Clone, PartialEq, Eq, platform::sql::Record)]
pub struct Step {
    /// The step.
    pub step: String,
    /// `forward` or `undoing`.
    pub phase: String,
    /// `done`, `waits`, `unknown`, `refused`, `undone`, `failed`.
    pub outcome: String,
    /// What was said, e.g. why it was refused.
    pub detail: Option<String>,
    /// When.
    pub at: Timestamp,
}
