//! What carriers tell: their calls as they came, and what the shop knows of a parcel by them.

use kernel::Timestamp;
use kernel::id::{EventId, OrderId, ShipmentId};
use kernel::ports::TOLD_MAX;
use platform::sql::{Db, Error, Json, Result, Tx};
use platform::verify::Check;
use uuid::Uuid;

use crate::domain::shipment::State;
use crate::domain::status::Status;
use crate::domain::tracking::{Exception, Known, Word};

platform::statements! {
    /// Whatever is repeated, an event is kept once.
    RECEIVE = "insert into carrier_event (id, event_id, carrier_ref, seq, event, detail,
                      happened_at, raw, state, due_at, received_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', $9, $9)
               on conflict (event_id) do nothing";
    DUE = "select id, carrier_ref, seq, event, detail, attempts from carrier_event
            where state = 'waiting' and due_at <= $1 order by due_at, id limit $2";
    /// Of two who handle an event at once, one is too late.
    END_EVENT = "update carrier_event set state = $2, note = $3, handled_at = $4
                  where id = $1 and state = 'waiting'";
    AGAIN = "update carrier_event set attempts = attempts + 1, due_at = $3, note = $4
              where id = $1 and attempts = $2 and state = 'waiting'";
    RETRY_EVENT = "update carrier_event set state = 'waiting', attempts = 0, due_at = $2,
                          handled_at = null
                    where id = $1 and state = 'stuck'";
    EVENT = "select id, event_id, carrier_ref, seq, event, detail, happened_at, state, note,
                    attempts, received_at
               from carrier_event where id = $1";
    EVENTS = "select id, event_id, carrier_ref, seq, event, detail, happened_at, state, note,
                     attempts, received_at
                from carrier_event where id < $1 order by id desc limit $2";
    EVENTS_IN = "select id, event_id, carrier_ref, seq, event, detail, happened_at, state, note,
                        attempts, received_at
                   from carrier_event where state = $1 and id < $2 order by id desc limit $3";
    OF_ORDER = "select e.event, e.detail, e.happened_at, e.state, e.note
                  from shipment s join carrier_event e on e.carrier_ref = s.carrier_ref
                 where s.order_id = $1 order by e.happened_at, e.seq, e.id limit $2";
    OF_REF = "select id, order_id, state, carrier_ref, progress_seq from shipment
               where carrier_ref = $1";
    FIRST = "select id, order_id, state, carrier_ref, progress_seq from shipment
              where order_id = $1 and n = 1";
    LINK = "update shipment set carrier_ref = $2, tracking = coalesce(tracking, $2), updated_at = $3
             where order_id = $1 and n = 1 and carrier_ref is null";
    PROGRESS = "update shipment set progress = $2, progress_seq = $3, updated_at = $4
                 where id = $1 and progress_seq < $3";
    /// What was called off and goes is told once; a carrier may be held up more often.
    EXCEPT = "update shipment set exception = $2, exception_detail = $3, exception_at = $4,
                     resolved_at = null
               where id = $1 and (exception is null or exception = 'held_up')";
    GOES_ON = "update shipment set exception = null, exception_detail = null, exception_at = null,
                      resolved_at = null
                where id = $1 and exception = 'held_up'";
    RESOLVE = "update shipment set resolved_at = $2
                where id = $1 and exception is not null and resolved_at is null";
    EXCEPTIONS = "select s.id, s.order_id, o.number, o.status, s.state, s.carrier_ref, s.progress,
                         s.exception, s.exception_detail, s.exception_at
                    from shipment s join orders o on o.id = s.order_id
                   where s.exception is not null and s.resolved_at is null and s.id < $1
                   order by s.id desc limit $2";
    CONSIGNED =
        "select o.id as order_id, o.status, o.updated_at, s.carrier_ref, s.exception
           from orders o left join shipment s on s.order_id = o.id and s.n = 1
          where o.id in (select unhex(value, '-') from json_each($1))",
        "select o.id as order_id, o.status, o.updated_at, s.carrier_ref, s.exception
           from orders o left join shipment s on s.order_id = o.id and s.n = 1
          where o.id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))";
    UNHANDLED = "select event_id from carrier_event where state = 'waiting' and due_at < $1
                  order by due_at limit 20";
    EVENT_ROWS = "select count(*) from carrier_event";
    /// Parcels that are further on, or less, than the newest of their words that was applied.
    ASTRAY = "select s.carrier_ref from shipment s
                left join (select carrier_ref, max(seq) as seq from carrier_event
                            where state in ('applied', 'late') group by carrier_ref) e
                  on e.carrier_ref = s.carrier_ref
               where s.carrier_ref is not null and s.progress_seq <> coalesce(e.seq, 0)
               limit 20";
}

/// An event that came and is not handled yet.
#[derive(Debug, Clone, PartialEq, Eq, platform::sql::Record)]
pub struct Waiting {
    /// The shop's id of it.
    pub id: Uuid,
    /// The carrier's number of the parcel.
    pub carrier_ref: String,
    /// The number of the event among those of its parcel.
    pub seq: i64,
    /// What happened, as the carrier spells it.
    pub event: String,
    /// What there is to say of it.
    pub detail: Option<String>,
    /// How often it was tried.
    pub attempts: i64,
}

/// An event that came.
pub struct NewEvent<'a> {
    /// The carrier's id of it.
    pub event_id: &'a str,
    /// The carrier's number of the parcel.
    pub carrier_ref: &'a str,
    /// The number of the event among those of its parcel.
    pub seq: i64,
    /// What happened, as the carrier spells it.
    pub event: &'a str,
    /// What there is to say of it.
    pub detail: Option<&'a str>,
    /// When it happened.
    pub happened_at: Timestamp,
    /// The call as it came.
    pub raw: &'a str,
}

/// An event as the staff sees it.
#[derive(Debug, Clone, platform::sql::Record)]
pub struct Kept {
    pub id: Uuid,
    pub event_id: String,
    pub carrier_ref: String,
    pub seq: i64,
    pub event: String,
    pub detail: Option<String>,
    pub happened_at: Timestamp,
    pub state: String,
    pub note: Option<String>,
    pub attempts: i64,
    pub received_at: Timestamp,
}

/// An event of one order, for its timeline.
#[derive(Debug, Clone, platform::sql::Record)]
pub struct OfOrder {
    pub event: String,
    pub detail: Option<String>,
    pub happened_at: Timestamp,
    pub state: String,
    pub note: Option<String>,
}

/// A parcel that the staff has to look at.
#[derive(Debug, Clone, platform::sql::Record)]
pub struct Excepted {
    pub id: Uuid,
    pub order_id: Uuid,
    pub number: String,
    pub status: String,
    pub state: String,
    pub carrier_ref: Option<String>,
    pub progress: Option<String>,
    pub exception: String,
    pub exception_detail: Option<String>,
    pub exception_at: Timestamp,
}

/// How an order stands towards a carrier, for checks across parties.
#[derive(Debug, Clone)]
pub struct Carried {
    /// The order.
    pub order_id: OrderId,
    /// Where it stands.
    pub status: Status,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The carrier's number of its parcel.
    pub carrier_ref: Option<String>,
    /// Whether the staff was shown that something is wrong with it.
    pub is_excepted: bool,
}

#[derive(platform::sql::Record)]
struct CarriedRow {
    order_id: Uuid,
    status: String,
    updated_at: Timestamp,
    carrier_ref: Option<String>,
    exception: Option<String>,
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    order_id: Uuid,
    state: String,
    carrier_ref: Option<String>,
    progress_seq: i64,
}

/// The parcel that is booked at a carrier.
pub struct Consigned {
    /// The parcel.
    pub id: ShipmentId,
    /// Its order.
    pub order_id: OrderId,
    /// The carrier's number of it, once that is known.
    pub carrier_ref: Option<String>,
    /// What is known of it.
    pub known: Known,
}

impl TryFrom<Row> for Consigned {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let state = State::from_word(&row.state)
            .ok_or_else(|| Error::Inconsistent(format!("shipment {} is {}", row.id, row.state)))?;
        Ok(Self {
            id: row.id.into(),
            order_id: row.order_id.into(),
            carrier_ref: row.carrier_ref,
            known: Known { state, seq: row.progress_seq },
        })
    }
}

/// Keeps an event. False when it had come before.
pub async fn receive(tx: &mut Tx, new: &NewEvent<'_>) -> Result<bool> {
    let now = tx.now();
    let query = tx
        .query(RECEIVE)
        .bind(EventId::new().uuid())
        .bind(new.event_id)
        .bind(new.carrier_ref)
        .bind(new.seq)
        .bind(new.event)
        .bind(new.detail)
        .bind(new.happened_at)
        .bind(new.raw)
        .bind(now);
    Ok(query.execute().await? == 1)
}

/// Events whose time has come, those that came first before others.
pub async fn due(db: &Db, limit: i64) -> Result<Vec<Waiting>> {
    db.query(DUE).bind(db.clock().now()).bind(limit).all().await
}

/// Ends an event: `applied`, `late` or `stuck`. False when that was done before.
pub async fn end(tx: &mut Tx, id: Uuid, state: &str, note: Option<&str>) -> Result<bool> {
    let now = tx.now();
    let ended = tx.query(END_EVENT).bind(id).bind(state).bind(note).bind(now).execute().await?;
    Ok(ended == 1)
}

/// Lets an event be tried again.
pub async fn again(tx: &mut Tx, event: &Waiting, at: Timestamp, note: &str) -> Result<()> {
    let query = tx.query(AGAIN).bind(event.id).bind(event.attempts).bind(at).bind(note);
    query.execute().await.map(drop)
}

/// Lets an event be tried again that could not be applied. False when it is not such a one.
pub async fn retry(tx: &mut Tx, id: Uuid) -> Result<bool> {
    let now = tx.now();
    Ok(tx.query(RETRY_EVENT).bind(id).bind(now).execute().await? == 1)
}

/// One event.
pub async fn load(tx: &mut Tx, id: Uuid) -> Result<Option<Kept>> {
    tx.query(EVENT).bind(id).optional().await
}

/// Events before one, the newest first, perhaps only those in one state.
pub async fn list(db: &Db, state: Option<&str>, before: Uuid, limit: i64) -> Result<Vec<Kept>> {
    let query = match state {
        None => db.query(EVENTS),
        Some(state) => db.query(EVENTS_IN).bind(state),
    };
    query.bind(before).bind(limit).all().await
}

/// What carriers told of the parcels of an order, the first first.
pub async fn of_order(db: &Db, order: OrderId) -> Result<Vec<OfOrder>> {
    db.query(OF_ORDER).bind(order.uuid()).bind(TOLD_MAX).all().await
}

/// The parcel with a number of the carrier's.
pub async fn of_ref(tx: &mut Tx, carrier_ref: &str) -> Result<Option<Consigned>> {
    let row: Option<Row> = tx.query(OF_REF).bind(carrier_ref).optional().await?;
    row.map(Consigned::try_from).transpose()
}

/// The parcel that was booked with an order.
pub async fn first(db: &Db, order: OrderId) -> Result<Option<Consigned>> {
    let row: Option<Row> = db.query(FIRST).bind(order.uuid()).optional().await?;
    row.map(Consigned::try_from).transpose()
}

/// The same, inside a unit of work.
pub async fn first_in(tx: &mut Tx, order: OrderId) -> Result<Option<Consigned>> {
    let row: Option<Row> = tx.query(FIRST).bind(order.uuid()).optional().await?;
    row.map(Consigned::try_from).transpose()
}

/// Notes the carrier's number of the parcel that was booked with an order.
pub async fn link(tx: &mut Tx, order: OrderId, carrier_ref: &str) -> Result<()> {
    let now = tx.now();
    let query = tx.query(LINK).bind(order.uuid()).bind(carrier_ref).bind(now);
    query.execute().await.map(drop)
}

/// Notes the newest word of the carrier.
pub async fn progress(tx: &mut Tx, id: ShipmentId, word: Word, seq: i64) -> Result<()> {
    let now = tx.now();
    let query = tx.query(PROGRESS).bind(id.uuid()).bind(word.word()).bind(seq).bind(now);
    query.execute().await.map(drop)
}

/// Notes that the staff has to look at a parcel. False when it has to already.
pub async fn except(
    tx: &mut Tx,
    id: ShipmentId,
    exception: Exception,
    detail: Option<&str>,
) -> Result<bool> {
    let now = tx.now();
    let query = tx.query(EXCEPT).bind(id.uuid()).bind(exception.word()).bind(detail).bind(now);
    Ok(query.execute().await? == 1)
}

/// The carrier goes on with a parcel it was held up with.
pub async fn goes_on(tx: &mut Tx, id: ShipmentId) -> Result<()> {
    tx.query(GOES_ON).bind(id.uuid()).execute().await.map(drop)
}

/// The staff has looked at a parcel. False when there was nothing to look at.
pub async fn resolve(tx: &mut Tx, id: ShipmentId) -> Result<bool> {
    let now = tx.now();
    Ok(tx.query(RESOLVE).bind(id.uuid()).bind(now).execute().await? == 1)
}

/// Parcels before one that the staff has to look at, the newest first.
pub async fn exceptions(db: &Db, before: ShipmentId, limit: i64) -> Result<Vec<Excepted>> {
    db.query(EXCEPTIONS).bind(before.uuid()).bind(limit).all().await
}

/// How some orders stand towards a carrier.
pub async fn consigned(db: &Db, orders: &[OrderId]) -> Result<Vec<Carried>> {
    let rows: Vec<CarriedRow> = db.query(CONSIGNED).bind(Json(orders)).all().await?;
    let carried = |row: CarriedRow| {
        let status = Status::from_word(&row.status);
        let nonsense = || Error::Inconsistent(format!("order {} is {}", row.order_id, row.status));
        Ok(Carried {
            order_id: row.order_id.into(),
            status: status.ok_or_else(nonsense)?,
            updated_at: row.updated_at,
            carrier_ref: row.carrier_ref,
            is_excepted: row.exception.is_some(),
        })
    };
    rows.into_iter().map(carried).collect()
}

/// Looks for events that nobody has handled for long.
pub async fn unhandled(db: &Db, since: Timestamp) -> Result<Check> {
    let mut check = Check::new("every event of a carrier is handled within an hour");
    let (rows,): (i64,) = db.query(EVENT_ROWS).one().await?;
    check.rows = rows.unsigned_abs();
    let waiting: Vec<(String,)> = db.query(UNHANDLED).bind(since).all().await?;
    for (name,) in waiting {
        check.broken(name);
    }
    Ok(check)
}
