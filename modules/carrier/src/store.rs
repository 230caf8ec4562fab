//! The tables of the sandbox carrier.

use kernel::Timestamp;
use kernel::id::{EventId, OrderId};
use kernel::ports::Consignment;
use platform::sql::{Db, Error, Json, Result, Tx};
use uuid::Uuid;

use crate::domain::behaviour::{Delivery, Faults};
use crate::domain::parcel::{Event, State};

macro_rules! parcel {
    ($rest:literal) => {
        concat!(
            "select order_id, tracking, parameters, faults, state, seq, booked_at, updated_at \
             from parcel ",
            $rest
        )
    };
}

platform::statements! {
    /// The first start makes the secret, whichever node it is on.
    MAKE_SECRET = "insert into merchant (one, secret, created_at) values (1, $1, $2)
                   on conflict do nothing";
    SECRET = "select secret from merchant where one = 1";
    BOOK = "insert into parcel (order_id, tracking, parameters, faults, state, moves_at, booked_at,
                                updated_at)
            values ($1, $2, $3, $4, 'booked', $5, $6, $6) on conflict (order_id) do nothing";
    CANCEL = "update parcel set state = 'cancelled', moves_at = null, updated_at = $2
               where order_id = $1 and state = 'booked'";
    /// Leaves a row when nothing was booked, so that a late booking is refused.
    BURY = "insert into parcel (order_id, parameters, faults, state, booked_at, updated_at)
            values ($1, '', $2, 'cancelled', $3, $3) on conflict (order_id) do nothing";
    /// Of two who move a parcel at once, one finds it moved.
    MOVE = "update parcel set state = $4, seq = seq + 1, moves_at = $5, updated_at = $6
             where order_id = $1 and state = $2 and seq = $3";
    OF_ORDER = parcel!("where order_id = $1");
    OF_TRACKING = parcel!("where tracking = $1");
    NEXT_MOVE = parcel!("where moves_at <= $1 order by moves_at limit 1");
    PARCELS = parcel!("where order_id > $1 order by order_id limit $2");
    NEWEST = parcel!("where order_id < $1 order by order_id desc limit $2");
    TELL = "insert into notice (id, tracking, seq, event, detail, happened_at, state, copies, fails,
                                due_at)
            values ($1, $2, $3, $4, $5, $6, 'waiting', $7, $8, $9)";
    ANY_DUE = "select id from notice where state = 'waiting' and due_at <= $1 limit 1";
    /// Until `due_at` nobody else begins a try.
    CLAIM =
        "update notice set attempts = attempts + 1, due_at = $2
          where id in (select id from notice where state = 'waiting' and due_at <= $1
                        order by due_at limit $3)
         returning id, tracking, seq, event, detail, happened_at, fails, attempts",
        "update notice set attempts = attempts + 1, due_at = $2
          where id in (select id from notice where state = 'waiting' and due_at <= $1
                        order by due_at limit $3 for update skip locked)
         returning id, tracking, seq, event, detail, happened_at, fails, attempts";
    DELIVERED = "update notice set copies = copies - 1, due_at = $3,
                        state = case when copies > 1 then 'waiting' else 'sent' end
                  where id = $1 and attempts = $2 and state = 'waiting'";
    FAILED = "update notice set due_at = $3, last_error = $4,
                     fails = case when fails > 0 then fails - 1 else 0 end
               where id = $1 and attempts = $2 and state = 'waiting'";
    GIVE_UP = "update notice set state = 'dead', last_error = $3
                where id = $1 and attempts = $2 and state = 'waiting'";
}

/// A consignment in the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// The order it was booked for.
    pub order_id: OrderId,
    /// The carrier's number of it; none when it was called off before it was booked.
    pub tracking: Option<String>,
    /// What was booked, as the carrier tells bookings apart.
    pub parameters: String,
    /// What goes wrong with it.
    pub faults: Faults,
    /// Where it stands.
    pub state: State,
    /// How many events it has been through.
    pub seq: i64,
    /// When it was booked.
    pub booked_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl From<Parcel> for Consignment {
    fn from(parcel: Parcel) -> Self {
        let standing = parcel.state.standing();
        Self { order_id: parcel.order_id, tracking: parcel.tracking, standing }
    }
}

#[derive(platform::sql::Record)]
struct Row {
    order_id: Uuid,
    tracking: Option<String>,
    parameters: String,
    faults: Json<Faults>,
    state: String,
    seq: i64,
    booked_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<Row> for Parcel {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let state = State::from_word(&row.state);
        let state = state.ok_or_else(|| Error::Inconsistent(format!("a parcel {}", row.state)))?;
        Ok(Self {
            order_id: row.order_id.into(),
            tracking: row.tracking,
            parameters: row.parameters,
            faults: row.faults.0,
            state,
            seq: row.seq,
            booked_at: row.booked_at,
            updated_at: row.updated_at,
        })
    }
}

/// A webhook that is to be sent.
#[derive(Debug, Clone, platform::sql::Record)]
pub struct Notice {
    /// The event; the same each time it is told.
    pub id: Uuid,
    /// The parcel.
    pub tracking: String,
    /// The number of the event among those of its parcel.
    pub seq: i64,
    /// What happened.
    pub event: String,
    /// What there is to say of it.
    pub detail: Option<String>,
    /// When it happened.
    pub happened_at: Timestamp,
    /// How many tries are made to fail.
    pub fails: i64,
    /// The number of the try.
    pub attempts: i64,
}

/// What webhooks are signed with.
pub async fn secret(db: &Db) -> Result<Vec<u8>> {
    let mut tx = db.begin("carrier.secret").await?;
    let (fresh, now) = (platform::random::bytes::<32>(), tx.now());
    tx.query(MAKE_SECRET).bind(fresh.as_slice()).bind(now).execute().await?;
    let (secret,): (Vec<u8>,) = tx.query(SECRET).one().await?;
    tx.commit().await?;
    Ok(secret)
}

/// Books a parcel, unless its order has one. Whether it was booked now.
pub async fn book(
    tx: &mut Tx,
    order: OrderId,
    (tracking, parameters): (&str, &str),
    faults: &Faults,
    moves_at: Option<Timestamp>,
) -> Result<bool> {
    let now = tx.now();
    let query = tx.query(BOOK).bind(order.uuid()).bind(tracking).bind(parameters);
    Ok(query.bind(Json(faults)).bind(moves_at).bind(now).execute().await? == 1)
}

/// Calls a parcel off that was not picked up. Whether it was there.
pub async fn cancel(tx: &mut Tx, order: OrderId) -> Result<bool> {
    let now = tx.now();
    if tx.query(CANCEL).bind(order.uuid()).bind(now).execute().await? == 1 {
        return Ok(true);
    }
    let query = tx.query(BURY).bind(order.uuid()).bind(Json(Faults::default())).bind(now);
    query.execute().await?;
    Ok(false)
}

/// Moves a parcel on from where it was when it was read. False when it has moved since.
pub async fn move_on(
    tx: &mut Tx,
    parcel: &Parcel,
    to: State,
    moves_at: Option<Timestamp>,
) -> Result<bool> {
    let now = tx.now();
    let query = tx.query(MOVE).bind(parcel.order_id.uuid()).bind(parcel.state.word());
    let query = query.bind(parcel.seq).bind(to.word()).bind(moves_at).bind(now);
    Ok(query.execute().await? == 1)
}

/// Notes that the merchant is to be told of an event.
pub async fn tell(
    tx: &mut Tx,
    (tracking, seq): (&str, i64),
    (event, detail): (Event, Option<&str>),
    delivery: &Delivery,
) -> Result<()> {
    let now = tx.now();
    tx.query(TELL)
        .bind(EventId::new().uuid())
        .bind(tracking)
        .bind(seq)
        .bind(event.word())
        .bind(detail)
        .bind(now)
        .bind(delivery.copies)
        .bind(delivery.fails)
        .bind(now + delivery.after)
        .execute()
        .await
        .map(drop)
}

/// The parcel of an order.
pub async fn of_order(db: &Db, order: OrderId) -> Result<Option<Parcel>> {
    let row: Option<Row> = db.query(OF_ORDER).bind(order.uuid()).optional().await?;
    row.map(Parcel::try_from).transpose()
}

/// The same, inside a unit of work.
pub async fn load(tx: &mut Tx, order: OrderId) -> Result<Option<Parcel>> {
    let row: Option<Row> = tx.query(OF_ORDER).bind(order.uuid()).optional().await?;
    row.map(Parcel::try_from).transpose()
}

/// The parcel with a number.
pub async fn of_tracking(db: &Db, tracking: &str) -> Result<Option<Parcel>> {
    let row: Option<Row> = db.query(OF_TRACKING).bind(tracking).optional().await?;
    row.map(Parcel::try_from).transpose()
}

/// A parcel that the clock is to move on.
pub async fn next_move(tx: &mut Tx) -> Result<Option<Parcel>> {
    let now = tx.now();
    let row: Option<Row> = tx.query(NEXT_MOVE).bind(now).optional().await?;
    row.map(Parcel::try_from).transpose()
}

/// Parcels after an order, by order.
pub async fn parcels(db: &Db, after: Option<OrderId>, limit: u32) -> Result<Vec<Parcel>> {
    let query =
        db.query(PARCELS).bind(after.map_or(Uuid::nil(), OrderId::uuid)).bind(i64::from(limit));
    query.all::<Row>().await?.into_iter().map(Parcel::try_from).collect()
}

/// Parcels of orders before one, the newest first.
pub async fn newest(db: &Db, before: OrderId, limit: i64) -> Result<Vec<Parcel>> {
    let rows: Vec<Row> = db.query(NEWEST).bind(before.uuid()).bind(limit).all().await?;
    rows.into_iter().map(Parcel::try_from).collect()
}

/// Whether a webhook is due.
pub async fn any_due(db: &Db) -> Result<bool> {
    let due: Option<(Uuid,)> = db.query(ANY_DUE).bind(db.clock().now()).optional().await?;
    Ok(due.is_some())
}

/// Begins a try of those that are due; until `lease` nobody else does.
pub async fn claim(tx: &mut Tx, lease: Timestamp, limit: i64) -> Result<Vec<Notice>> {
    let now = tx.now();
    tx.query(CLAIM).bind(now).bind(lease).bind(limit).all().await
}

/// A try has worked; if it is to come again it does at `again`.
pub async fn delivered(tx: &mut Tx, notice: &Notice, again: Timestamp) -> Result<()> {
    let query = tx.query(DELIVERED).bind(notice.id).bind(notice.attempts).bind(again);
    query.execute().await.map(drop)
}

/// A try has failed: it is made again at `again`, or never.
pub async fn failed(
    tx: &mut Tx,
    notice: &Notice,
    again: Option<Timestamp>,
    error: &str,
) -> Result<()> {
    let query = match again {
        Some(at) => tx.query(FAILED).bind(notice.id).bind(notice.attempts).bind(at),
        None => tx.query(GIVE_UP).bind(notice.id).bind(notice.attempts),
    };
    query.bind(error).execute().await.map(drop)
}
