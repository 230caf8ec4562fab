//! Cursors and dead letters, as rows of the subscriber's database.

use std::collections::HashSet;

use kernel::{Envelope, Timestamp};
use platform::sql::Json;
use uuid::Uuid;

use super::{Handler, Subscription};
use crate::audit::{self, Actor, Entry};
use crate::outbox::{self, Published};
use crate::sql::{Db, Error, Result, Tx};

crate::statements! {
    REGISTER = "insert into cursor (subscription, source) values ($1, $2)
                on conflict (subscription, source) do nothing";
    POSITION = "select pos, generation from cursor where subscription = $1 and source = $2";
    STANDING = "select c.pos, c.generation,
                       exists (select 1 from dead_letter d
                                where d.subscription = $1 and d.source = $2) as has_parked,
                       exists (select 1 from dead_letter d
                                where d.subscription = $1 and d.source = $2
                                  and d.state = 'retrying' and d.due_at <= $3) as is_due
                  from cursor c where c.subscription = $1 and c.source = $2";
    /// Where a cursor stands, and the first event that is parked.
    REACHED = "select c.pos, (select min(d.pos) from dead_letter d
                               where d.subscription = $1 and d.source = $2)
                 from cursor c where c.subscription = $1 and c.source = $2";
    /// Moves a cursor, if it still is where this relay found it.
    MOVE = "update cursor set pos = $4
             where subscription = $1 and source = $2 and pos = $3 and generation = $5";
    LEASE = "update cursor set lease_owner = $3, lease_until = $4
              where subscription = $1 and source = $2
                and (lease_owner = $3 or lease_until is null or lease_until < $5)";
    REWIND = "update cursor set pos = 0, generation = generation + 1 where subscription = $1";
    FORGET_PARKED = "delete from dead_letter where subscription = $1";
    PARKED_SUBJECTS =
        "select distinct subject from dead_letter where subscription = $1 and source = $2
            and subject in (select unhex(value, '-') from json_each($3))",
        "select distinct subject from dead_letter where subscription = $1 and source = $2
            and subject = any(array(select cast(value as uuid) from jsonb_array_elements_text($3)))";
    /// Events are parked and taken out one relay at a time; SQLite's writer sees to that already.
    HOLD =
        "select pos from cursor where subscription = $1 and source = $2",
        "select pos from cursor where subscription = $1 and source = $2 for update";
    PARK = "insert into dead_letter (subscription, source, pos, event_id, subject, envelope, state,
                                     attempts, due_at, last_error, parked_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    DUE = "select pos, envelope, attempts from dead_letter
            where subscription = $1 and source = $2 and state = 'retrying' and due_at <= $3
            order by due_at limit $4";
    UNPARK = "delete from dead_letter where subscription = $1 and source = $2 and pos = $3";
    /// The next event of the subject takes the place of the one that was handled.
    PROMOTE = "update dead_letter set state = 'retrying', due_at = $4
                where subscription = $1 and source = $2 and pos =
                      (select min(pos) from dead_letter
                        where subscription = $1 and source = $2 and subject = $3)
                  and state = 'waiting'";
    FAILED_AGAIN = "update dead_letter set state = $4, attempts = attempts + 1, due_at = $5,
                           last_error = $6
                     where subscription = $1 and source = $2 and pos = $3
                       and state = 'retrying' and attempts = $7";
    LIST = "select subscription, source, pos, event_id, subject, envelope, state, attempts,
                   last_error, parked_at
              from dead_letter where cast($1 as text) is null or subscription = $1
             order by parked_at, pos limit $2";
    REDRIVE = "update dead_letter set state = 'retrying', attempts = 0, due_at = $2
                where subscription = $1 and state = 'dead'";
    REDRIVE_ONE = "update dead_letter set state = 'retrying', attempts = 0, due_at = $3
                    where subscription = $1 and event_id = $2 and state = 'dead'";
}

pub(super) async fn register(tx: &mut Tx, subscription: &str, source: &str) -> Result<()> {
    tx.query(REGISTER).bind(subscription).bind(source).execute().await.map(drop)
}

/// Where a cursor stands, and how often it was rewound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, platform::sql::Record)]
pub(super) struct Position {
    pub pos: i64,
    pub generation: i64,
}

pub(super) async fn position(db: &Db, subscription: &str, source: &str) -> Result<Position> {
    db.query(POSITION).bind(subscription).bind(source).one().await
}

/// Where a cursor stands, and what is parked behind it.
#[derive(Debug, Clone, Copy, platform::sql::Record)]
pub(super) struct Standing {
    pub pos: i64,
    pub generation: i64,
    /// Whether any event is parked. Whoever parks one moves the cursor: while it stands here, none is if none was.
    pub has_parked: bool,
    /// Whether the time of one has come.
    pub is_due: bool,
}

impl Standing {
    pub fn at(&self) -> Position {
        Position { pos: self.pos, generation: self.generation }
    }
}

/// The last event before which a subscription has handled all.
pub(super) async fn reached(db: &Db, subscription: &str, source: &str) -> Result<i64> {
    let (pos, parked): (i64, Option<i64>) =
        db.query(REACHED).bind(subscription).bind(source).one().await?;
    Ok(parked.map_or(pos, |parked| pos.min(parked - 1)))
}

pub(super) async fn standing(
    db: &Db,
    subscription: &str,
    source: &str,
    now: Timestamp,
) -> Result<Standing> {
    db.query(STANDING).bind(subscription).bind(source).bind(now).one().await
}

/// False when another relay was here first.
pub(super) async fn move_cursor(
    tx: &mut Tx,
    subscription: &str,
    source: &str,
    from: Position,
    to: i64,
) -> Result<bool> {
    let moved = tx
        .query(MOVE)
        .bind(subscription)
        .bind(source)
        .bind(from.pos)
        .bind(to)
        .bind(from.generation)
        .execute()
        .await?;
    Ok(moved == 1)
}

/// Takes or renews the right to perform a subscription's effects. False when another node has it.
pub(super) async fn lease(
    db: &Db,
    subscription: &str,
    source: &str,
    owner: &str,
    until: Timestamp,
) -> Result<bool> {
    let mut tx = db.begin("bus.lease").await?;
    let now = tx.now();
    let taken = tx
        .query(LEASE)
        .bind(subscription)
        .bind(source)
        .bind(owner)
        .bind(until)
        .bind(now)
        .execute()
        .await?;
    tx.commit().await?;
    Ok(taken == 1)
}

/// Those subjects of the events of which earlier events are parked.
pub(super) async fn parked_subjects(
    tx: &mut Tx,
    subscription: &str,
    source: &str,
    events: &[&Published],
) -> Result<HashSet<Uuid>> {
    if events.is_empty() {
        return Ok(HashSet::new());
    }
    let subjects: Vec<Uuid> = events.iter().map(|event| event.envelope.subject).collect();
    let rows: Vec<(Uuid,)> = tx
        .query(PARKED_SUBJECTS)
        .bind(subscription)
        .bind(source)
        .bind(Json(subjects))
        .all()
        .await?;
    Ok(rows.into_iter().map(|(subject,)| subject).collect())
}

/// Why an event is parked.
pub(super) enum Parked {
    /// It failed and is tried again at this time.
    Failed { due_at: Timestamp, error: String },
    /// An earlier event of its subject is parked.
    Behind,
}

pub(super) async fn park(
    tx: &mut Tx,
    subscription: &str,
    event: &Published,
    why: Parked,
) -> Result<()> {
    let now = tx.now();
    let (state, attempts, due_at, error) = match why {
        Parked::Failed { due_at, error } => ("retrying", 1_i64, due_at, Some(error)),
        Parked::Behind => ("waiting", 0, now, None),
    };
    tx.query(PARK)
        .bind(subscription)
        .bind(event.envelope.source.as_str())
        .bind(event.pos)
        .bind(event.envelope.id.uuid())
        .bind(event.envelope.subject)
        .bind(Json(&event.envelope))
        .bind(state)
        .bind(attempts)
        .bind(due_at)
        .bind(error)
        .bind(now)
        .execute()
        .await
        .map(drop)
}

/// A parked event whose time has come.
#[derive(platform::sql::Record)]
pub(super) struct Due {
    pub pos: i64,
    pub envelope: Json<Envelope>,
    pub attempts: i64,
}

pub(super) async fn due(
    db: &Db,
    subscription: &str,
    source: &str,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Due>> {
    db.query(DUE).bind(subscription).bind(source).bind(now).bind(limit).all().await
}

/// Takes a parked event out and lets the next one of its subject come. False when another relay
/// was here first.
pub(super) async fn unpark(tx: &mut Tx, subscription: &str, due: &Due) -> Result<bool> {
    let source = due.envelope.source.as_str();
    // Without this an event that is being parked behind the one that leaves would wait forever.
    tx.query(HOLD).bind(subscription).bind(source).one::<(i64,)>().await?;
    let gone = tx.query(UNPARK).bind(subscription).bind(source).bind(due.pos).execute().await?;
    let now = tx.now();
    tx.query(PROMOTE)
        .bind(subscription)
        .bind(source)
        .bind(due.envelope.subject)
        .bind(now)
        .execute()
        .await?;
    Ok(gone == 1)
}

pub(super) async fn failed_again(
    tx: &mut Tx,
    subscription: &str,
    due: &Due,
    next: Option<Timestamp>,
    error: String,
) -> Result<()> {
    let state = if next.is_some() { "retrying" } else { "dead" };
    let due_at = next.unwrap_or_else(|| tx.now());
    tx.query(FAILED_AGAIN)
        .bind(subscription)
        .bind(due.envelope.source.as_str())
        .bind(due.pos)
        .bind(state)
        .bind(due_at)
        .bind(error)
        .bind(due.attempts)
        .execute()
        .await
        .map(drop)
}

/// How far a subscription is behind a publisher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    /// The subscription.
    pub subscription: &'static str,
    /// The publisher.
    pub source: &'static str,
    /// Events before this place were handled or parked.
    pub pos: i64,
    /// The publisher's newest event.
    pub last: i64,
    /// When the oldest event that was not reached happened.
    pub oldest: Option<Timestamp>,
}

/// How far a subscription is behind one of its publishers.
pub async fn lag(subscription: &Subscription, source: &'static str, from: &Db) -> Result<Lag> {
    let at = position(&subscription.db, subscription.name, source).await?;
    let last = outbox::last(from).await?;
    let oldest = outbox::read_after(from, at.pos, 1).await?.pop().map(|event| event.envelope.time);
    Ok(Lag { subscription: subscription.name, source, pos: at.pos, last, oldest })
}

/// Rebuilds a projection from the first event: empties it and rewinds its cursors, in one commit.
/// A relay that is running carries on from there.
pub async fn replay(subscription: &Subscription, actor: &Actor) -> Result<()> {
    let Handler::Reaction(reaction) = &subscription.handler else {
        let name = subscription.name;
        return Err(Error::Unusable(format!("{name} reaches outside and cannot be replayed")));
    };
    let mut tx = subscription.db.begin("bus.replay").await?;
    // First of all: it waits for the batch a relay is applying, which would survive the reset.
    tx.query(REWIND).bind(subscription.name).execute().await?;
    reaction
        .reset(&mut tx)
        .await
        .map_err(|error| Error::Unusable(format!("{}: {error}", subscription.name)))?;
    tx.query(FORGET_PARKED).bind(subscription.name).execute().await?;
    let subject = audit::named("subscription", subscription.name);
    let told = serde_json::json!({"subscription": subscription.name});
    let entry = Entry::done("projection.replay", subject, &told)?;
    audit::record(&mut tx, actor, &[entry]).await?;
    tx.commit().await
}
