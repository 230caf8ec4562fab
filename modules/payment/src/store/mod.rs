//! The tables of payments.

macro_rules! payment {
    ($rest:literal) => {
        concat!(
            "select id, order_id, customer_id, purpose, pays, attempt, amount_minor, currency, status, authorized_minor, \
             released_minor, captured_minor, refunded_minor, disputed_minor, lost_minor, version, \
             events, token, fingerprint, authentication, processor_ref, card_brand, card_last4, card_sealed, \
             decline_code, decline_detail, \
             action_url, action_until, authorized_until, confirmed_at, tries, due_at, created_at, \
             updated_at from payment ",
            $rest
        )
    };
}

mod disputes;
mod events;
mod exempted;
mod lists;
mod operations;
mod personal;
mod row;

use kernel::Timestamp;
use kernel::id::{ChangeId, CustomerId, OrderId, PaymentId};
use platform::personal::Kept;
use platform::sql::{Db, Error, Json, Result, Tx};
use uuid::Uuid;

use crate::domain::payment::{Payment, Pays};
pub use disputes::{
    STATEMENTS as DISPUTES, evidence, insert_dispute, move_dispute, newest_dispute,
    newest_dispute_in, of_order as disputes_of_order, say_evidence,
};
pub use events::{
    KeptEvent, NewEvent, STATEMENTS as EVENTS, Waiting, again, due_events, end_event, event,
    list as list_events, receive, retry as retry_event,
};
pub use exempted::{STATEMENTS as EXEMPTED, forget_exempted, is_exempted};
pub use lists::{STATEMENTS as LISTS, due, needing, unheld};
pub use operations::{
    NewOperation, OfOrder, STATEMENTS as OPERATIONS, asked_by_orders, authorization, end_operation,
    insert_operation, lose_operation, note_capture, open_of_payment, open_since,
    operation_by_answer, operation_by_key, operation_by_key_in, operations_of_order, refund_key,
    refunded, refunds, refunds_in,
};

pub use personal::{
    People, SEALED, STATEMENTS as PERSONAL, disputed_of, evidence as kept_evidence, key,
    of_customer, open, save_known, seal,
};

use row::PaymentRow;

platform::guard! {
    /// What is captured never exceeds what is authorized, captures on their way included.
    CAPTURABLE: "payment.captured", table "payment", key uuid "id",
    used "captured_minor", limit "authorized_minor - released_minor"
}
platform::guard! {
    /// What is refunded never exceeds what is captured and not lost to a dispute, refunds on their way
    /// included.
    REFUNDABLE: "payment.refunded", table "payment", key uuid "id",
    used "refunded_minor", limit "captured_minor - lost_minor"
}

/// Of each order and each change the newest attempt. If one is live it is that: none begins beside it.
macro_rules! newest {
    ($and:literal) => {
        concat!(
            payment!(
                "where attempt = (select max(n.attempt) from payment n \
                  where n.order_id = payment.order_id and n.pays = payment.pays) and "
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
    /// Takes the change's row, unless the change came to nothing.
    OPEN_CHANGE = "insert into payable_change (id, order_id) values ($1, $2)
                   on conflict (id) do update set order_id = $2
                    where payable_change.cancelled_at is null and payable_change.order_id = $2
                   returning id";
    KNOW_ORDER = "insert into payable (order_id, attempts) values ($1, 0) on conflict do nothing";
    CANCEL_CHANGE = "insert into payable_change (id, order_id, cancelled_at) values ($1, $2, $3)
                     on conflict (id) do update set cancelled_at = $3
                      where payable_change.cancelled_at is null";
    INSERT = "insert into payment (id, order_id, purpose, attempt, amount_minor, currency, status,
                                   version, token, created_at, updated_at, pays, fingerprint,
                                   customer_id)
              values ($1, $2, $9, $3, $4, $5, $6, 1, $7, $8, $8, $10, $11,
                      coalesce((select m.customer_id from merged m where m.guest_id = $12), $12))
              on conflict do nothing";
    FIND = payment!("where id = $1");
    /// SQLite has one writer: whoever is in a unit of work holds every row.
    LOCK = payment!("where id = $1"), payment!("where id = $1 for update");
    LOCK_ORDER =
        "select cancelled_at is not null from payable where order_id = $1",
        "select cancelled_at is not null from payable where order_id = $1 for update";
    LOCK_OF_ORDER =
        payment!("where order_id = $1 order by id"),
        payment!("where order_id = $1 order by id for update");
    LIVE_OF_ORDER = payment!("where order_id = $1
                               and status not in ('declined', 'voided', 'refunded', 'expired', 'lost',
                                                  'reversing')
                              order by attempt");
    OF_ORDERS =
        newest!("purpose = 'order' and order_id in (select unhex(value, '-') from json_each($1))"),
        newest!("purpose = 'order' and order_id in
                 (select cast(value as uuid) from jsonb_array_elements_text($1))");
    NEWEST_BY_ORDER = newest!("order_id in (select distinct p.order_id from payment p
                                where cast($1 as uuid) is null or p.order_id > $1
                                order by p.order_id limit $2)
                               order by order_id, attempt");
    LIST = payment!("where cast($1 as uuid) is null or id < $1 order by id desc limit $2");
    LIST_OF_ORDER = payment!("where order_id = $1 and (cast($2 as uuid) is null or id < $2)
                              order by id desc limit $3");
    BY_ID = payment!("where cast($1 as uuid) is null or id > $1 order by id limit $2");
    OVERDUE_ACTIONS = payment!("where status = 'action_required' and action_until < $1
                                order by action_until limit $2");
    SAVE = "update payment set status = $2, authorized_minor = $3, events = $4, processor_ref = $5,
                   card_brand = $6, card_last4 = $7, decline_code = $8, decline_detail = $9,
                   action_url = $10, action_until = $11, updated_at = $12, released_minor = $13,
                   disputed_minor = $14, lost_minor = $15, authorized_until = $16,
                   confirmed_at = $17, tries = $18, due_at = $19, authentication = $20,
                   card_sealed = case when card_sealed = 'erased' then card_sealed else $21 end,
                   version = version + 1
             where id = $1";
    /// What an order or a change of it pays stands, or does not any more.
    STANDS = "update payment set confirmed_at = $2, version = version + 1
               where order_id = $1 and confirmed_at is null
                 and exists (select 1 from payable o
                              where o.order_id = $1 and o.cancelled_at is null)";
    FALLS = "update payment set confirmed_at = null, version = version + 1
              where order_id = $1 and confirmed_at is not null";
    IS_CANCELLED =
        "select o.cancelled_at is not null or c.cancelled_at is not null from payable o
           left join payable_change c on c.id = $2 where o.order_id = $1",
        "select o.cancelled_at is not null or c.cancelled_at is not null from payable o
           left join payable_change c on c.id = $2 where o.order_id = $1 for update of o";
}

fn inconsistent(error: impl std::fmt::Display) -> Error {
    Error::Inconsistent(error.to_string())
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
    tx.query(CANCEL_ORDER).bind(order.uuid()).bind(now).execute().await?;
    tx.query(FALLS).bind(order.uuid()).execute().await.map(drop)
}

/// Remembers that what the payments of an order pay stands.
pub async fn confirm(tx: &mut Tx, order: OrderId) -> Result<()> {
    let now = tx.now();
    tx.query(STANDS).bind(order.uuid()).bind(now).execute().await.map(drop)
}

/// Whether what a payment pays was called off, with the order's row held.
pub async fn is_cancelled(tx: &mut Tx, order: OrderId, pays: Pays) -> Result<bool> {
    let query = tx.query(IS_CANCELLED).bind(order.uuid()).bind(pays.change().map(ChangeId::uuid));
    let row: Option<(bool,)> = query.optional().await?;
    Ok(row.is_some_and(|(is_cancelled,)| is_cancelled))
}

/// Holds a change of the order that is to be paid; false when it came to nothing.
pub async fn open_change(tx: &mut Tx, order: OrderId, change: ChangeId) -> Result<bool> {
    let query = tx.query(OPEN_CHANGE).bind(change.uuid()).bind(order.uuid());
    Ok(query.optional::<(Uuid,)>().await?.is_some())
}

/// Remembers that nothing may be authorized for the change any more.
pub async fn cancel_change(tx: &mut Tx, order: OrderId, change: ChangeId) -> Result<()> {
    let now = tx.now();
    tx.query(KNOW_ORDER).bind(order.uuid()).execute().await?;
    let query = tx.query(CANCEL_CHANGE).bind(change.uuid()).bind(order.uuid()).bind(now);
    query.execute().await.map(drop)
}

/// Writes a new payment. False when what it pays has a live one.
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
        .bind(payment.pays.word())
        .bind(payment.pays.change().map_or(payment.order_id.uuid(), ChangeId::uuid))
        .bind(payment.fingerprint.as_deref())
        .bind(payment.customer.map(CustomerId::uuid))
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

/// Whether the order was cancelled, with its row held; None when it never had a payment.
pub async fn lock_order(tx: &mut Tx, order: OrderId) -> Result<Option<bool>> {
    let row: Option<(bool,)> = tx.query(LOCK_ORDER).bind(order.uuid()).optional().await?;
    Ok(row.map(|(is_cancelled,)| is_cancelled))
}

/// All payments of an order, oldest first, held to the end of the unit of work.
pub async fn lock_of_order(tx: &mut Tx, order: OrderId) -> Result<Vec<Payment>> {
    each(tx.query(LOCK_OF_ORDER).bind(order.uuid()).all::<PaymentRow>().await?)
}

/// The live payments of the order and of its changes, in the order of their attempts.
pub async fn live_of_order(db: &Db, order: OrderId) -> Result<Vec<Payment>> {
    each(db.query(LIVE_OF_ORDER).bind(order.uuid()).all::<PaymentRow>().await?)
}

/// The newest attempt of each order as it was placed.
pub async fn of_orders(db: &Db, orders: &[OrderId]) -> Result<Vec<Payment>> {
    let ids: Vec<String> = orders.iter().map(ToString::to_string).collect();
    each(db.query(OF_ORDERS).bind(Json(ids)).all::<PaymentRow>().await?)
}

/// Of the next orders after this one that have payments, the newest attempt of each and of each of its
/// changes, in the order of the orders' ids.
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
    let (card, sealed) = (payment.shown(), payment.card.as_ref().and_then(Kept::sealed));
    if card.is_some() && payment.customer.is_some() {
        return Err(inconsistent(format!("payment {}: its card is not sealed", payment.id)));
    }
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
        .bind(payment.released)
        .bind(payment.disputed)
        .bind(payment.lost)
        .bind(payment.authorized_until)
        .bind(payment.confirmed_at)
        .bind(payment.tries)
        .bind(payment.due_at)
        .bind(payment.authentication.word())
        .bind(sealed)
        .execute()
        .await
        .map(drop)
}
