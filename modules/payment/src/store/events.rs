//! What processors tell: their calls as they came.

use kernel::Timestamp;
use kernel::id::{EventId, PaymentId};
use platform::sql::{Db, Result, Tx};
use uuid::Uuid;

macro_rules! event {
    ($rest:literal) => {
        concat!(
            "select id, processor, event_id, kind, payment_id, state, note, attempts, received_at \
             from processor_event ",
            $rest
        )
    };
}

platform::statements! {
    /// Whatever is repeated, an event is kept once.
    RECEIVE = "insert into processor_event (id, processor, event_id, kind, payment_id, raw, state,
                                            due_at, received_at)
               values ($1, $2, $3, $4, $5, $6, 'waiting', $7, $7)
               on conflict (processor, event_id) do nothing";
    DUE_EVENTS = "select id, kind, payment_id, attempts from processor_event
                   where state = 'waiting' and due_at <= $1 order by due_at, id limit $2";
    /// Of two who handle an event at once, one is too late. Its body may name whoever paid, and nobody reads it
    /// any more.
    END_EVENT = "update processor_event set state = $2, note = $3, handled_at = $4, raw = ''
                  where id = $1 and state = 'waiting'";
    AGAIN = "update processor_event set attempts = attempts + 1, due_at = $3, note = $4
              where id = $1 and attempts = $2 and state = 'waiting'";
    RETRY_EVENT = "update processor_event set state = 'waiting', attempts = 0, due_at = $2,
                          handled_at = null
                    where id = $1 and state = 'stuck'";
    EVENT = event!("where id = $1");
    ALL_EVENTS = event!("where id < $1 order by id desc limit $2");
    EVENTS_IN = event!("where state = $1 and id < $2 order by id desc limit $3");
}

/// An event that came.
pub struct NewEvent<'a> {
    /// Whose it is.
    pub processor: &'a str,
    /// The processor's id of it.
    pub event_id: &'a str,
    /// What happened, as the processor spells it.
    pub kind: &'a str,
    /// The payment it is about.
    pub payment_id: PaymentId,
    /// The call as it came; it is kept until the event was handled.
    pub raw: &'a str,
}

/// An event that came and is not handled yet.
#[derive(Debug, Clone, platform::sql::Record)]
pub struct Waiting {
    /// The shop's id of it.
    pub id: Uuid,
    /// What happened, as the processor spells it.
    pub kind: String,
    /// The payment it is about.
    pub payment_id: Uuid,
    /// How often it was tried in vain.
    pub attempts: i64,
}

/// An event as the staff sees it.
#[derive(Debug, Clone, platform::sql::Record)]
pub struct KeptEvent {
    pub id: Uuid,
    pub processor: String,
    pub event_id: String,
    pub kind: String,
    pub payment_id: Uuid,
    pub state: String,
    pub note: Option<String>,
    pub attempts: i64,
    pub received_at: Timestamp,
}

/// Keeps an event, once.
pub async fn receive(tx: &mut Tx, new: &NewEvent<'_>) -> Result<()> {
    let now = tx.now();
    tx.query(RECEIVE)
        .bind(EventId::new().uuid())
        .bind(new.processor)
        .bind(new.event_id)
        .bind(new.kind)
        .bind(new.payment_id.uuid())
        .bind(new.raw)
        .bind(now)
        .execute()
        .await
        .map(drop)
}

/// Events whose time has come.
pub async fn due_events(db: &Db, limit: i64) -> Result<Vec<Waiting>> {
    db.query(DUE_EVENTS).bind(db.clock().now()).bind(limit).all().await
}

/// Ends an event. False when somebody else has.
pub async fn end_event(tx: &mut Tx, id: Uuid, state: &str, note: Option<&str>) -> Result<bool> {
    let now = tx.now();
    let query = tx.query(END_EVENT).bind(id).bind(state).bind(note).bind(now);
    Ok(query.execute().await? == 1)
}

/// Lets an event be tried again at `at`.
pub async fn again(tx: &mut Tx, event: &Waiting, at: Timestamp, note: &str) -> Result<()> {
    let query = tx.query(AGAIN).bind(event.id).bind(event.attempts).bind(at).bind(note);
    query.execute().await.map(drop)
}

/// Lets a stuck event be tried again now. False when it is not stuck.
pub async fn retry(tx: &mut Tx, id: Uuid) -> Result<bool> {
    let now = tx.now();
    Ok(tx.query(RETRY_EVENT).bind(id).bind(now).execute().await? == 1)
}

/// One event.
pub async fn event(tx: &mut Tx, id: Uuid) -> Result<Option<KeptEvent>> {
    tx.query(EVENT).bind(id).optional().await
}

/// Events before one, the newest first; those that stand so, if that is asked for.
pub async fn list(
    db: &Db,
    state: Option<&str>,
    before: Uuid,
    limit: u32,
) -> Result<Vec<KeptEvent>> {
    let query = match state {
        Some(state) => db.query(EVENTS_IN).bind(state),
        None => db.query(ALL_EVENTS),
    };
    query.bind(before).bind(i64::from(limit)).all().await
}
