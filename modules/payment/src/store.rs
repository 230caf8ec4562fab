//! The tables of payments.

use kernel::id::{OrderId, PaymentId};
use kernel::{Currency, Money, Timestamp};
use platform::idempotency;
use platform::sql::{Db, Error, Result, Tx};
use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::payment::{Action, CardShown, Decline, Operation, Payment};
use crate::domain::status::{Kind, Progress};

platform::guard! {
    /// What is captured never exceeds what is authorized, captures on their way included.
    CAPTURABLE: "payment.captured", table "payment", key uuid "id",
    used "captured_minor", limit "authorized_minor"
}
platform::guard! {
    /// What is refunded never exceeds what is captured, refunds on their way included.
    REFUNDABLE: "payment.refunded", table "payment", key uuid "id",
    used "refunded_minor", limit "captured_minor"
}
platform::guard! {
    /// What is spent of a gift card never exceeds what is loaded on it.
    GIFT_CARD: "gift_card.spent", table "gift_card", key uuid "id",
    used "spent_minor", limit "balance_minor"
}

macro_rules! payment {
    ($rest:literal) => {
        concat!(
            "select id, order_id, attempt, amount_minor, currency, status, authorized_minor, \
             captured_minor, refunded_minor, version, events, token, processor_ref, card_brand, \
             card_last4, decline_code, decline_detail, action_url, action_until, created_at, \
             updated_at from payment ",
            $rest
        )
    };
}

macro_rules! operation {
    ($rest:literal) => {
        concat!(
            "select id, payment_id, kind, key, amount_minor, state, answer_scope, answer_key \
             from payment_operation ",
            $rest
        )
    };
}

/// Of each order the newest attempt. If one is live it is that: none begins beside it.
macro_rules! newest {
    ($and:literal) => {
        concat!(
            payment!(
                "where attempt = (select max(n.attempt) from payment n \
                  where n.order_id = payment.order_id and n.purpose = payment.purpose) and "
            ),
            $and
        )
    };
}

platform::statements! {
    /// Takes the order's row, and the number of its next attempt unless the order was cancelled.
    NEXT_ATTEMPT = "insert into payable (order_id, attempts) values ($1, 1)
                    on conflict (order_id) do update set attempts = payable.attempts + 1
                     where payable.cancelled_at is null returning attempts";
    CANCEL_ORDER = "insert into payable (order_id, attempts, cancelled_at) values ($1, 0, $2)
                    on conflict (order_id) do update set cancelled_at = $2
                     where payable.cancelled_at is null";
    INSERT = "insert into payment (id, order_id, purpose, attempt, amount_minor, currency, status,
                                   version, token, created_at, updated_at)
              values ($1, $2, 'order', $3, $4, $5, $6, 1, $7, $8, $8) on conflict do nothing";
    FIND = payment!("where id = $1");
    /// SQLite has one writer: whoever is in a unit of work holds every row.
    LOCK = payment!("where id = $1"), payment!("where id = $1 for update");
    LIVE_OF_ORDER = payment!("where order_id = $1 and status not in ('declined', 'voided', 'refunded', 'expired')");
    OF_ORDERS =
        newest!("order_id in (select unhex(value, '-') from json_each($1))"),
        newest!("order_id in (select cast(value as uuid) from jsonb_array_elements_text($1))");
    NEWEST_BY_ORDER = newest!("(cast($1 as uuid) is null or order_id > $1)
                               order by order_id limit $2");
    LIST = payment!("where cast($1 as uuid) is null or id < $1 order by id desc limit $2");
    LIST_OF_ORDER = payment!("where order_id = $1 and (cast($2 as uuid) is null or id < $2)
                              order by id desc limit $3");
    BY_ID = payment!("where cast($1 as uuid) is null or id > $1 order by id limit $2");
    OVERDUE_ACTIONS = payment!("where status = 'action_required' and action_until < $1
                                order by action_until limit $2");
    SAVE = "update payment set status = $2, authorized_minor = $3, events = $4, processor_ref = $5,
                   card_brand = $6, card_last4 = $7, decline_code = $8, decline_detail = $9,
                   action_url = $10, action_until = $11, updated_at = $12, version = version + 1
             where id = $1";
    INSERT_OPERATION =
        "insert into payment_operation (id, payment_id, kind, key, amount_minor, state, answer_scope,
                                        answer_key, started_at, updated_at)
         values ($1, $2, $3, $4, $5, 'started', $6, $7, $8, $8) on conflict do nothing";
    /// An operation ends once, whoever learns its outcome first.
    END_OPERATION = "update payment_operation set state = $2, error = $3, updated_at = $4,
                            ended_at = $4
                      where id = $1 and state in ('started', 'unknown')";
    LOSE_OPERATION = "update payment_operation set state = 'unknown', error = $2, updated_at = $3
                       where id = $1 and state in ('started', 'unknown')";
    OPERATION_BY_KEY = operation!("where key = $1");
    OPERATION_BY_ANSWER = operation!("where answer_scope = $1 and answer_key = $2");
    OPEN_OF_PAYMENT = operation!("where payment_id = $1 and state in ('started', 'unknown')
                                  order by id limit $2");
    OPEN_SINCE = operation!("where state in ('started', 'unknown') and updated_at < $1
                             order by updated_at limit $2");
    REFUNDED = "select cast(coalesce(sum(amount_minor), 0) as bigint) from payment_operation
                 where payment_id = $1 and kind = 'refund' and state = 'succeeded'";
}

#[derive(sqlx::FromRow)]
struct PaymentRow {
    id: Uuid,
    order_id: Uuid,
    attempt: i64,
    amount_minor: i64,
    currency: String,
    status: String,
    authorized_minor: i64,
    captured_minor: i64,
    refunded_minor: i64,
    version: i64,
    events: i64,
    token: String,
    processor_ref: Option<String>,
    card_brand: Option<String>,
    card_last4: Option<String>,
    decline_code: Option<String>,
    decline_detail: Option<String>,
    action_url: Option<String>,
    action_until: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct OperationRow {
    id: Uuid,
    payment_id: Uuid,
    kind: String,
    key: String,
    amount_minor: i64,
    state: String,
    answer_scope: Option<String>,
    answer_key: Option<String>,
}

fn inconsistent(error: impl std::fmt::Display) -> Error {
    Error::Inconsistent(error.to_string())
}

impl TryFrom<PaymentRow> for Payment {
    type Error = Error;

    fn try_from(row: PaymentRow) -> Result<Self> {
        let currency: Currency = row.currency.parse().map_err(inconsistent)?;
        Ok(Self {
            id: row.id.into(),
            order_id: row.order_id.into(),
            attempt: row.attempt,
            amount: Money::from_minor(row.amount_minor, currency),
            status: row.status.parse().map_err(inconsistent)?,
            authorized: row.authorized_minor,
            captured: row.captured_minor,
            refunded: row.refunded_minor,
            version: row.version,
            events: row.events,
            token: row.token,
            processor_ref: row.processor_ref,
            card: row
                .card_brand
                .zip(row.card_last4)
                .map(|(brand, last4)| CardShown { brand, last4 }),
            decline: row
                .decline_code
                .zip(row.decline_detail)
                .map(|(code, detail)| Decline { code, detail }),
            action: row.action_url.zip(row.action_until).map(|(url, until)| Action { url, until }),
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

impl TryFrom<OperationRow> for Operation {
    type Error = Error;

    fn try_from(row: OperationRow) -> Result<Self> {
        Ok(Self {
            id: row.id,
            payment_id: row.payment_id.into(),
            kind: row.kind.parse().map_err(inconsistent)?,
            key: row.key,
            amount: row.amount_minor,
            progress: row.state.parse().map_err(inconsistent)?,
            answers: row.answer_scope.zip(row.answer_key),
        })
    }
}

fn each<R, T: TryFrom<R, Error = Error>>(rows: Vec<R>) -> Result<Vec<T>> {
    rows.into_iter().map(T::try_from).collect()
}

/// The number of the order's next attempt, with the order's row held; None when it was cancelled.
pub async fn next_attempt(tx: &mut Tx, order: OrderId) -> Result<Option<i64>> {
    let row: Option<(i64,)> = tx.query(NEXT_ATTEMPT).bind(order.uuid()).optional().await?;
    Ok(row.map(|(attempt,)| attempt))
}

/// Remembers that nothing may be authorized for the order any more.
pub async fn cancel_order(tx: &mut Tx, order: OrderId) -> Result<()> {
    let now = tx.now();
    tx.query(CANCEL_ORDER).bind(order.uuid()).bind(now).execute().await.map(drop)
}

/// Writes a new payment. False when the order has a live one.
pub async fn insert(tx: &mut Tx, payment: &Payment) -> Result<bool> {
    let inserted = tx
        .query(INSERT)
        .bind(payment.id.uuid())
        .bind(payment.order_id.uuid())
        .bind(payment.attempt)
        .bind(payment.amount.minor())
        .bind(payment.currency().code())
        .bind(payment.status.word())
        .bind(payment.token.as_str())
        .bind(payment.created_at)
        .execute()
        .await?;
    Ok(inserted == 1)
}

/// A payment.
pub async fn find(db: &Db, id: PaymentId) -> Result<Option<Payment>> {
    let row: Option<PaymentRow> = db.query(FIND).bind(id.uuid()).optional().await?;
    row.map(Payment::try_from).transpose()
}

/// A payment, held to the end of the unit of work.
pub async fn lock(tx: &mut Tx, id: PaymentId) -> Result<Option<Payment>> {
    let row: Option<PaymentRow> = tx.query(LOCK).bind(id.uuid()).optional().await?;
    row.map(Payment::try_from).transpose()
}

/// The order's live payment.
pub async fn live_of_order(db: &Db, order: OrderId) -> Result<Option<Payment>> {
    let row: Option<PaymentRow> = db.query(LIVE_OF_ORDER).bind(order.uuid()).optional().await?;
    row.map(Payment::try_from).transpose()
}

/// The newest attempt of each order.
pub async fn of_orders(db: &Db, orders: &[OrderId]) -> Result<Vec<Payment>> {
    let ids: Vec<String> = orders.iter().map(ToString::to_string).collect();
    each(db.query(OF_ORDERS).bind(Json(ids)).all::<PaymentRow>().await?)
}

/// The newest attempt of each order after this one, in the order of the orders' ids.
pub async fn newest_by_order(db: &Db, after: Option<OrderId>, limit: u32) -> Result<Vec<Payment>> {
    let after = after.map(OrderId::uuid);
    let rows: Vec<PaymentRow> =
        db.query(NEWEST_BY_ORDER).bind(after).bind(i64::from(limit)).all().await?;
    each(rows)
}

/// Payments before this one, newest first; of one order when it is given.
pub async fn list(
    db: &Db,
    order: Option<OrderId>,
    before: Option<PaymentId>,
    limit: u32,
) -> Result<Vec<Payment>> {
    let before = before.map(PaymentId::uuid);
    let query = match order {
        Some(order) => db.query(LIST_OF_ORDER).bind(order.uuid()),
        None => db.query(LIST),
    };
    each(query.bind(before).bind(i64::from(limit)).all::<PaymentRow>().await?)
}

/// Payments after this one, oldest first.
pub async fn by_id(db: &Db, after: Option<PaymentId>, limit: u32) -> Result<Vec<Payment>> {
    let after = after.map(PaymentId::uuid);
    each(db.query(BY_ID).bind(after).bind(i64::from(limit)).all::<PaymentRow>().await?)
}

/// Payments whose shopper did not authenticate in time.
pub async fn overdue_actions(db: &Db, now: Timestamp, limit: i64) -> Result<Vec<Payment>> {
    each(db.query(OVERDUE_ACTIONS).bind(now).bind(limit).all::<PaymentRow>().await?)
}

/// Saves a payment that is held. What is captured and refunded belongs to the guards.
pub async fn save(tx: &mut Tx, payment: &Payment) -> Result<()> {
    let now = tx.now();
    let card = payment.card.as_ref();
    let decline = payment.decline.as_ref();
    let action = payment.action.as_ref();
    tx.query(SAVE)
        .bind(payment.id.uuid())
        .bind(payment.status.word())
        .bind(payment.authorized)
        .bind(payment.events)
        .bind(payment.processor_ref.as_deref())
        .bind(card.map(|card| card.brand.as_str()))
        .bind(card.map(|card| card.last4.as_str()))
        .bind(decline.map(|decline| decline.code.as_str()))
        .bind(decline.map(|decline| decline.detail.as_str()))
        .bind(action.map(|action| action.url.as_str()))
        .bind(action.map(|action| action.until))
        .bind(now)
        .execute()
        .await
        .map(drop)
}

/// A new call, to be written before it is made.
pub struct NewOperation<'a> {
    /// The payment it is made for.
    pub payment: &'a Payment,
    /// What is asked.
    pub kind: Kind,
    /// The key that goes to the processor.
    pub key: String,
    /// How much it is about.
    pub amount: i64,
    /// The command that is answered at its end.
    pub answers: Option<&'a idempotency::Key>,
}

/// Writes a call. None when one with this key is there already.
pub async fn insert_operation(tx: &mut Tx, new: NewOperation<'_>) -> Result<Option<Operation>> {
    let operation = Operation {
        id: kernel::id::EventId::new().uuid(),
        payment_id: new.payment.id,
        kind: new.kind,
        key: new.key,
        amount: new.amount,
        progress: Progress::Started,
        answers: new.answers.map(|key| (key.scope.clone(), key.key.clone())),
    };
    let now = tx.now();
    let inserted = tx
        .query(INSERT_OPERATION)
        .bind(operation.id)
        .bind(operation.payment_id.uuid())
        .bind(operation.kind.word())
        .bind(operation.key.as_str())
        .bind(operation.amount)
        .bind(operation.answers.as_ref().map(|(scope, _)| scope.as_str()))
        .bind(operation.answers.as_ref().map(|(_, key)| key.as_str()))
        .bind(now)
        .execute()
        .await?;
    Ok((inserted == 1).then_some(operation))
}

/// Ends a call. False when it was ended before.
pub async fn end_operation(
    tx: &mut Tx,
    id: Uuid,
    progress: Progress,
    error: Option<&str>,
) -> Result<bool> {
    let now = tx.now();
    let ended =
        tx.query(END_OPERATION).bind(id).bind(progress.word()).bind(error).bind(now).execute();
    Ok(ended.await? == 1)
}

/// Remembers that a call's answer was lost. False when it is known by now.
pub async fn lose_operation(tx: &mut Tx, id: Uuid, error: &str) -> Result<bool> {
    let now = tx.now();
    Ok(tx.query(LOSE_OPERATION).bind(id).bind(error).bind(now).execute().await? == 1)
}

/// The call with this key.
pub async fn operation_by_key(db: &Db, key: &str) -> Result<Option<Operation>> {
    let row: Option<OperationRow> = db.query(OPERATION_BY_KEY).bind(key).optional().await?;
    row.map(Operation::try_from).transpose()
}

/// The same, as a unit of work sees it.
pub async fn operation_by_key_in(tx: &mut Tx, key: &str) -> Result<Option<Operation>> {
    let row: Option<OperationRow> = tx.query(OPERATION_BY_KEY).bind(key).optional().await?;
    row.map(Operation::try_from).transpose()
}

/// The call whose end answers this command.
pub async fn operation_by_answer(db: &Db, key: &idempotency::Key) -> Result<Option<Operation>> {
    let query = db.query(OPERATION_BY_ANSWER).bind(key.scope.as_str()).bind(key.key.as_str());
    query.optional::<OperationRow>().await?.map(Operation::try_from).transpose()
}

/// The calls of a payment whose outcome is not known, oldest first.
pub async fn open_of_payment(db: &Db, id: PaymentId, limit: i64) -> Result<Vec<Operation>> {
    each(db.query(OPEN_OF_PAYMENT).bind(id.uuid()).bind(limit).all::<OperationRow>().await?)
}

/// The calls whose outcome is not known and that nobody has touched since then.
pub async fn open_since(db: &Db, then: Timestamp, limit: i64) -> Result<Vec<Operation>> {
    each(db.query(OPEN_SINCE).bind(then).bind(limit).all::<OperationRow>().await?)
}

/// What has been refunded for good, in minor units.
pub async fn refunded(tx: &mut Tx, id: PaymentId) -> Result<i64> {
    let (sum,): (i64,) = tx.query(REFUNDED).bind(id.uuid()).one().await?;
    Ok(sum)
}
