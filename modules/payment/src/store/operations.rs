//! The calls to the processor, as rows.

use std::collections::HashMap;

use kernel::Timestamp;
use kernel::id::{OrderId, PaymentId};
use kernel::ports::TOLD_MAX;
use platform::idempotency;
use platform::sql::{Db, Error, Result, Tx};
use uuid::Uuid;

use super::{each, inconsistent};
use crate::domain::authentication::Exemption;
use crate::domain::payment::{Operation, Payment};
use crate::domain::status::{Kind, Progress};

macro_rules! operation {
    ($rest:literal) => {
        concat!(
            "select id, payment_id, kind, key, amount_minor, challenge, exemption, state, \
             answer_scope, answer_key \
             from payment_operation ",
            $rest
        )
    };
}

platform::statements! {
    INSERT_OPERATION =
        "insert into payment_operation (id, payment_id, kind, key, amount_minor, state, answer_scope,
                                        answer_key, started_at, updated_at, challenge, exemption)
         values ($1, $2, $3, $4, $5, 'started', $6, $7, $8, $8, $9, $10) on conflict do nothing";
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
    OPERATIONS_OF_ORDER =
        "select o.kind, o.state, o.amount_minor, p.currency, o.error, o.started_at
           from payment p join payment_operation o on o.payment_id = p.id
          where p.order_id = $1 order by o.started_at, o.id limit $2";
    /// The refunds that an order asked for with one key, one for each payment it was spread over.
    REFUNDS = operation!("where kind = 'refund' and substr(key, 1, length(cast($2 as text))) = $2
                            and payment_id in (select id from payment where order_id = $1)
                          order by id");
    /// What was given back because orders asked for it, by order.
    ASKED_BY_ORDERS = "select p.order_id, cast(sum(o.amount_minor) as bigint)
                         from payment p join payment_operation o on o.payment_id = p.id
                        where p.order_id >= $1 and p.order_id <= $2 and o.kind = 'refund'
                          and o.state = 'succeeded' and o.key like 'order:%'
                        group by p.order_id";
    /// The newest: one whose exemption was not granted is made again without it.
    AUTHORIZATION = operation!("where payment_id = $1 and kind = 'authorize'
                                order by id desc limit 1");
    /// A capture that somebody made at the processor, and not the shop.
    NOTE_CAPTURE = "insert into payment_operation (id, payment_id, kind, key, amount_minor, state,
                                                   started_at, updated_at, ended_at)
                    values ($1, $2, 'capture', $3, $4, 'succeeded', $5, $5, $5)";
    REFUNDED = "select cast(coalesce(sum(amount_minor), 0) as bigint) from payment_operation
                 where payment_id = $1 and kind = 'refund' and state = 'succeeded'";
}

#[derive(platform::sql::Record)]
struct OperationRow {
    id: Uuid,
    payment_id: Uuid,
    kind: String,
    key: String,
    amount_minor: i64,
    challenge: bool,
    exemption: Option<String>,
    state: String,
    answer_scope: Option<String>,
    answer_key: Option<String>,
}

/// A call for a payment of an order.
#[derive(Debug, Clone, platform::sql::Record)]
pub struct OfOrder {
    /// What was asked.
    pub kind: String,
    /// What came of it.
    pub state: String,
    /// How much it was about.
    pub amount_minor: i64,
    /// In which currency.
    pub currency: String,
    /// What went wrong.
    pub error: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
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
            challenge: row.challenge,
            exemption: row
                .exemption
                .as_deref()
                .map(str::parse)
                .transpose()
                .map_err(inconsistent)?,
            progress: row.state.parse().map_err(inconsistent)?,
            answers: row.answer_scope.zip(row.answer_key),
        })
    }
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
    /// Whether the shopper has to authenticate.
    pub challenge: bool,
    /// Why authentication is asked to be left out.
    pub exemption: Option<Exemption>,
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
        challenge: new.challenge,
        exemption: new.exemption,
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
        .bind(operation.challenge)
        .bind(operation.exemption.map(Exemption::word))
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

/// The calls for the payments of an order, the first first.
pub async fn operations_of_order(db: &Db, order: OrderId) -> Result<Vec<OfOrder>> {
    db.query(OPERATIONS_OF_ORDER).bind(order.uuid()).bind(TOLD_MAX).all().await
}

/// The key of a refund that an order asked for, at one of its payments.
pub fn refund_key(key: &str, payment: PaymentId) -> String {
    format!("{}{payment}", refund_prefix(key))
}

fn refund_prefix(key: &str) -> String {
    format!("order:{key}:")
}

/// The refunds that an order asked for with this key.
pub async fn refunds(db: &Db, order: OrderId, key: &str) -> Result<Vec<Operation>> {
    let query = db.query(REFUNDS).bind(order.uuid()).bind(refund_prefix(key));
    each(query.all::<OperationRow>().await?)
}

/// The same, as a unit of work sees them.
pub async fn refunds_in(tx: &mut Tx, order: OrderId, key: &str) -> Result<Vec<Operation>> {
    let query = tx.query(REFUNDS).bind(order.uuid()).bind(refund_prefix(key));
    each(query.all::<OperationRow>().await?)
}

/// What was given back because these orders asked for it, from the first id to the last.
pub async fn asked_by_orders(
    db: &Db,
    first: OrderId,
    last: OrderId,
) -> Result<HashMap<OrderId, i64>> {
    let query = db.query(ASKED_BY_ORDERS).bind(first.uuid()).bind(last.uuid());
    let rows: Vec<(Uuid, i64)> = query.all().await?;
    Ok(rows.into_iter().map(|(order, sum)| (order.into(), sum)).collect())
}

/// The call that a payment was authorized with.
pub async fn authorization(db: &Db, id: PaymentId) -> Result<Option<Operation>> {
    let row: Option<OperationRow> = db.query(AUTHORIZATION).bind(id.uuid()).optional().await?;
    row.map(Operation::try_from).transpose()
}

/// Notes what was taken at the processor without a call of the shop.
pub async fn note_capture(tx: &mut Tx, payment: &Payment, amount: i64) -> Result<()> {
    let (id, now) = (kernel::id::EventId::new().uuid(), tx.now());
    let key = format!("found:{}:{}", payment.id, payment.version);
    let query = tx.query(NOTE_CAPTURE).bind(id).bind(payment.id.uuid()).bind(key);
    query.bind(amount).bind(now).execute().await.map(drop)
}

/// What has been refunded for good, in minor units.
pub async fn refunded(tx: &mut Tx, id: PaymentId) -> Result<i64> {
    let (sum,): (i64,) = tx.query(REFUNDED).bind(id.uuid()).one().await?;
    Ok(sum)
}
