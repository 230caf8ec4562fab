//! Messages: told once, tried under a lease, ended once.

use kernel::id::{CustomerId, EventId, MessageId, OrderId, WebhookId};
use kernel::ports::TOLD_MAX;
use kernel::{Envelope, Timestamp};
use platform::sql::{Db, Json, Result, Tx};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::domain::state::{ATTEMPTS_MAX, State};

/// Who a letter goes to; the address is looked up when it is sent.
pub(crate) const CUSTOMER: &str = "customer";
/// The channel of letters.
pub(crate) const EMAIL: &str = "email";
/// The channel of calls; the recipient is the id of the webhook.
pub(crate) const WEBHOOK: &str = "webhook";

platform::statements! {
    /// Whatever is repeated, an event is told once to each recipient.
    INSERT =
        "insert into message (id, event_id, event_kind, event_version, event_at, order_id, channel,
                recipient, data, state, due_at, created_at, customer_id, erased, ended_at)
         select unhex(value->>'id', '-'), unhex(value->>'event_id', '-'), value->>'event_kind',
                value->>'event_version', value->>'event_at', unhex(value->>'order_id', '-'),
                value->>'channel', value->>'recipient',
                case when value->>'erased' and value->>'state' <> 'waiting' then '{}'
                     else value->'data' end,
                value->>'state', value->>'due_at', $2, unhex(value->>'customer_id', '-'),
                value->>'erased', case when value->>'state' = 'waiting' then null else $2 end
           from json_each($1) where true order by json_each.id
             on conflict (event_id, channel, recipient) do nothing",
        "insert into message (id, event_id, event_kind, event_version, event_at, order_id, channel,
                recipient, data, state, due_at, created_at, customer_id, erased, ended_at)
         select r.id, r.event_id, r.event_kind, r.event_version, r.event_at, r.order_id, r.channel,
                r.recipient, case when r.erased and r.state <> 'waiting' then '{}' else r.data end,
                r.state, r.due_at, $2, r.customer_id, r.erased,
                case when r.state <> 'waiting' then cast($2 as timestamptz) end
           from jsonb_to_recordset($1) as r(id uuid, event_id uuid, event_kind text,
                event_version bigint, event_at timestamptz, order_id uuid, customer_id uuid,
                erased boolean, channel text, recipient text, data jsonb, state text,
                due_at timestamptz)
             on conflict (event_id, channel, recipient) do nothing";
    ANY_DUE = "select id from message
                where channel = $1 and recipient = $2 and state = 'waiting' and due_at <= $3 limit 1";
    /// A try that has not ended was one too: what ends the process each time is not tried for ever.
    GIVE_UP = "update message set state = 'dead', ended_at = $3, last_error = 'no try of it has ended',
                      data = case when erased then '{}' else data end
                where channel = $1 and recipient = $2 and state = 'waiting' and due_at <= $3
                  and attempts >= $4";
    /// Until `due_at` nobody else begins a try.
    CLAIM =
        "update message set attempts = attempts + 1, due_at = $4
          where id in (select id from message where channel = $1 and recipient = $2
                          and state = 'waiting' and due_at <= $3 order by due_at limit $5)
         returning id, event_id, event_kind, event_version, event_at, order_id, data, attempts",
        "update message set attempts = attempts + 1, due_at = $4
          where id in (select id from message where channel = $1 and recipient = $2
                          and state = 'waiting' and due_at <= $3 order by due_at limit $5
                          for update skip locked)
         returning id, event_id, event_kind, event_version, event_at, order_id, data, attempts";
    /// A call about somebody who was erased was made all the same, and then nothing of it is left.
    END = "update message set state = $3, ended_at = $4, last_error = $5,
                  data = case when erased then '{}' else data end
            where id = $1 and attempts = $2 and state = 'waiting'";
    AGAIN = "update message set due_at = $3, last_error = $4
              where id = $1 and attempts = $2 and state = 'waiting'";
    END_ALL =
        "update message set state = $2, ended_at = $3
          where state = 'waiting' and id in (select unhex(value, '-') from json_each($1))",
        "update message set state = $2, ended_at = $3
          where state = 'waiting'
            and id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))";
    /// What was emptied since somebody was erased tells nothing any more.
    RETRY = "update message set state = 'waiting', attempts = 0, due_at = $2, ended_at = null
              where id = $1 and state = 'dead' and not erased";
    FIND = "select id, event_id, event_kind, order_id, channel, recipient, state, attempts, due_at,
                   created_at, ended_at, last_error
              from message where id = $1";
    LIST = "select id, event_id, event_kind, order_id, channel, recipient, state, attempts, due_at,
                   created_at, ended_at, last_error
              from message where id < $1 order by id desc limit $2";
    IN_STATE = "select id, event_id, event_kind, order_id, channel, recipient, state, attempts,
                       due_at, created_at, ended_at, last_error
                  from message where state = $1 and id < $2 order by id desc limit $3";
    OF_RECIPIENT = "select id, event_id, event_kind, order_id, channel, recipient, state, attempts,
                           due_at, created_at, ended_at, last_error
                      from message where channel = 'webhook' and recipient = $1 and id < $2
                     order by id desc limit $3";
    /// As above.
    REDELIVER = "update message set state = 'waiting', attempts = 0, due_at = $3, ended_at = null
                  where id = $1 and channel = 'webhook' and recipient = $2
                    and state in ('sent', 'dead') and not erased";
    OF_ORDER = "select event_kind, channel, state, created_at, last_error from message
                 where order_id = $1 order by id limit $2";
    TOLD =
        "select event_id from message where channel = 'email'
            and event_id in (select unhex(value, '-') from json_each($1))",
        "select event_id from message where channel = 'email'
            and event_id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))";
}

/// What was told of an order.
#[derive(Debug, Clone, platform::sql::Record)]
pub(crate) struct OfOrder {
    pub event_kind: String,
    pub channel: String,
    pub state: String,
    pub created_at: Timestamp,
    pub last_error: Option<String>,
}

/// What was told of an order, the first first.
pub(crate) async fn of_order(db: &Db, order: OrderId) -> Result<Vec<OfOrder>> {
    db.query(OF_ORDER).bind(order.uuid()).bind(TOLD_MAX).all().await
}

/// What an event is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About {
    pub order: Option<OrderId>,
    /// Whose order it is.
    pub customer: Option<CustomerId>,
    /// Whether they were erased.
    pub is_erased: bool,
}

/// Somebody who is told of an event.
#[derive(Serialize)]
pub(crate) struct Fresh<'e> {
    id: MessageId,
    event_id: Uuid,
    event_kind: &'e str,
    event_version: i64,
    #[serde(serialize_with = "platform::sql::spell")]
    event_at: Timestamp,
    order_id: Option<OrderId>,
    customer_id: Option<CustomerId>,
    erased: bool,
    channel: &'static str,
    recipient: String,
    data: &'e Value,
    /// Waiting, or ended from the beginning.
    state: State,
    #[serde(serialize_with = "platform::sql::spell")]
    due_at: Timestamp,
}

impl<'e> Fresh<'e> {
    /// A letter about an event.
    pub(crate) fn letter(
        event: &'e Envelope,
        about: About,
        due_at: Timestamp,
        state: State,
    ) -> Self {
        Self::new(event, about, (EMAIL, CUSTOMER.to_owned()), due_at, state)
    }

    /// A call of a webhook about an event.
    pub(crate) fn call(event: &'e Envelope, about: About, webhook: WebhookId) -> Self {
        Self::new(event, about, (WEBHOOK, webhook.to_string()), event.time, State::Waiting)
    }

    fn new(
        event: &'e Envelope,
        about: About,
        (channel, recipient): (&'static str, String),
        due_at: Timestamp,
        state: State,
    ) -> Self {
        Self {
            id: MessageId::new(),
            event_id: event.id.uuid(),
            event_kind: &event.kind,
            event_version: event.version,
            event_at: event.time,
            order_id: about.order,
            customer_id: about.customer,
            erased: about.is_erased,
            channel,
            recipient,
            data: &event.data,
            state,
            due_at,
        }
    }
}

/// Notes whom events are told to, and what they are about.
pub(crate) async fn insert(tx: &mut Tx, fresh: &[Fresh<'_>]) -> Result<()> {
    if fresh.is_empty() {
        return Ok(());
    }
    let now = tx.now();
    tx.query(INSERT).bind(Json(fresh)).bind(now).execute().await.map(drop)
}

/// A message whose time has come, and the number of this try.
#[derive(platform::sql::Record)]
pub(crate) struct Due {
    pub id: Uuid,
    pub event_id: Uuid,
    pub event_kind: String,
    pub event_version: i64,
    pub event_at: Timestamp,
    pub order_id: Option<Uuid>,
    pub data: Json<Value>,
    pub attempts: i64,
}

/// Whether there is anything to claim: asked first, so that an idle shop writes nothing.
pub(crate) async fn any_due(db: &Db, channel: &str, recipient: &str) -> Result<bool> {
    let query = db.query(ANY_DUE).bind(channel).bind(recipient).bind(db.clock().now());
    Ok(query.optional::<(Uuid,)>().await?.is_some())
}

/// Begins a try of some messages that are due; nobody else does before `until`.
pub(crate) async fn claim(
    tx: &mut Tx,
    channel: &str,
    recipient: &str,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Due>> {
    let now = tx.now();
    let query = tx.query(GIVE_UP).bind(channel).bind(recipient).bind(now).bind(ATTEMPTS_MAX);
    query.execute().await?;
    let query = tx.query(CLAIM).bind(channel).bind(recipient).bind(now).bind(until).bind(limit);
    let mut claimed: Vec<Due> = query.all().await?;
    claimed.sort_unstable_by_key(|due| due.id);
    Ok(claimed)
}

/// Ends a message, unless a later try has begun.
pub(crate) async fn end(
    tx: &mut Tx,
    id: Uuid,
    attempts: i64,
    state: State,
    error: Option<&str>,
) -> Result<()> {
    let now = tx.now();
    let query = tx.query(END).bind(id).bind(attempts).bind(state.word()).bind(now).bind(error);
    query.execute().await.map(drop)
}

/// Lets a message be tried again, unless a later try has begun.
pub(crate) async fn again(
    tx: &mut Tx,
    id: Uuid,
    attempts: i64,
    due_at: Timestamp,
    error: &str,
) -> Result<()> {
    tx.query(AGAIN).bind(id).bind(attempts).bind(due_at).bind(error).execute().await.map(drop)
}

/// Ends messages that need no try.
pub(crate) async fn end_all(tx: &mut Tx, ids: &[Uuid], state: State) -> Result<()> {
    let now = tx.now();
    tx.query(END_ALL).bind(Json(ids)).bind(state.word()).bind(now).execute().await.map(drop)
}

/// Lets a dead message be tried again from the first try. False when it is not dead, or what it told is gone.
pub(crate) async fn retry(tx: &mut Tx, id: MessageId) -> Result<bool> {
    let now = tx.now();
    Ok(tx.query(RETRY).bind(id.uuid()).bind(now).execute().await? == 1)
}

/// A message as the staff sees it.
#[derive(platform::sql::Record)]
pub(crate) struct Kept {
    pub id: Uuid,
    pub event_id: Uuid,
    pub event_kind: String,
    pub order_id: Option<Uuid>,
    pub channel: String,
    pub recipient: String,
    pub state: String,
    pub attempts: i64,
    pub due_at: Timestamp,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub last_error: Option<String>,
}

pub(crate) async fn load(tx: &mut Tx, id: MessageId) -> Result<Option<Kept>> {
    tx.query(FIND).bind(id.uuid()).optional().await
}

/// Messages before one, newest first, perhaps only those of one state.
pub(crate) async fn list(
    db: &Db,
    state: Option<State>,
    before: MessageId,
    limit: i64,
) -> Result<Vec<Kept>> {
    let query = match state {
        None => db.query(LIST).bind(before.uuid()),
        Some(state) => db.query(IN_STATE).bind(state.word()).bind(before.uuid()),
    };
    query.bind(limit).all().await
}

/// The calls of a webhook before one, newest first.
pub(crate) async fn of_webhook(
    db: &Db,
    webhook: WebhookId,
    before: MessageId,
    limit: i64,
) -> Result<Vec<Kept>> {
    let query = db.query(OF_RECIPIENT).bind(webhook.to_string()).bind(before.uuid());
    query.bind(limit).all().await
}

/// Lets a call of a webhook be made again from the first try. False when it waits already, or what it told is gone.
pub(crate) async fn redeliver(tx: &mut Tx, webhook: WebhookId, id: MessageId) -> Result<bool> {
    let now = tx.now();
    let query = tx.query(REDELIVER).bind(id.uuid()).bind(webhook.to_string()).bind(now);
    Ok(query.execute().await? == 1)
}

/// Those of these events that a letter is kept of.
pub(crate) async fn told(db: &Db, events: &[EventId]) -> Result<Vec<EventId>> {
    let rows: Vec<(Uuid,)> = db.query(TOLD).bind(Json(events)).all().await?;
    Ok(rows.into_iter().map(|(id,)| id.into()).collect())
}
