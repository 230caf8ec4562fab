//! Setting an order's amount aside, once for each key and at most once for the order; and in the same
//! way what a change of it costs more.

use kernel::Money;
use kernel::id::OrderId;
use kernel::ports::{Authorization, Authorize, ChargeMore, DearerBy, PaymentError, Unavailable};
use platform::idempotency;
use platform::sql;

use super::operate;
use crate::Payments;
use crate::domain::payment::{Operation, Payment, Pays};
use crate::domain::status::{Kind, Status};
use crate::error::{Error, Result};
use crate::store::{self, NewOperation};

/// The longest token a caller may name.
const TOKEN_MAX: usize = 255;

/// What is to be paid, and how.
pub struct Request {
    order_id: OrderId,
    pays: Pays,
    key: String,
    amount: Money,
    token: String,
}

impl From<Authorize> for Request {
    fn from(asked: Authorize) -> Self {
        let Authorize { order_id, key, amount, token } = asked;
        Self { order_id, pays: Pays::Order, key, amount, token }
    }
}

impl From<ChargeMore> for Request {
    fn from(asked: ChargeMore) -> Self {
        let ChargeMore { order_id, change, by, key, amount, token } = asked;
        let pays = match by {
            DearerBy::Edit => Pays::Edit(change),
            DearerBy::Exchange => Pays::Exchange(change),
        };
        Self { order_id, pays, key, amount, token }
    }
}

/// What the books say to a key.
enum Attempt {
    /// It was begun just now.
    Begun(Box<(Payment, Operation)>),
    /// It was begun before.
    Known(Operation),
    /// It cannot be begun.
    No(&'static str, &'static str),
}

/// Sets the amount aside, or tells how the attempt with this key stands now.
pub async fn authorize(
    payments: &Payments,
    request: &Request,
) -> std::result::Result<Authorization, PaymentError> {
    let storage = |error: sql::Error| Unavailable::new("payments", error);
    let known = store::operation_by_key(&payments.db, &request.key).await.map_err(storage)?;
    let attempt = match known {
        Some(operation) => Attempt::Known(operation),
        None => begin(payments, request).await.map_err(storage)?,
    };
    let payment = match attempt {
        Attempt::No(code, detail) => return Err(declined(code, detail)),
        Attempt::Begun(begun) => operate::first(payments, &begun.0, &begun.1).await,
        Attempt::Known(operation) => stands(payments, &operation, request).await?,
    };
    answer(&payment.map_err(Unavailable::from)?)
}

async fn begin(payments: &Payments, request: &Request) -> sql::Result<Attempt> {
    if request.amount.minor() <= 0 {
        return Ok(Attempt::No("invalid_amount", "The amount must be more than zero."));
    }
    if !(1..=idempotency::KEY_MAX).contains(&request.key.len()) {
        return Ok(Attempt::No("invalid_key", "The idempotency key must have 1 to 255 bytes."));
    }
    if !(1..=TOKEN_MAX).contains(&request.token.len()) {
        return Ok(Attempt::No("invalid_token", "The card's token is not valid."));
    }
    let mut tx = payments.db.begin("payment.authorize").await?;
    let Some(attempt) = store::next_attempt(&mut tx, request.order_id).await? else {
        return Ok(Attempt::No("cancelled", "The order was cancelled."));
    };
    if let Some(change) = request.pays.change()
        && !store::open_change(&mut tx, request.order_id, change).await?
    {
        return Ok(Attempt::No("cancelled", "The change came to nothing."));
    }
    let payment = new_payment(request, attempt, tx.now());
    if !store::insert(&mut tx, &payment).await? {
        // Somebody was first: with the same key, or the order has another live payment. They may
        // share this unit's group: only it sees them, and only its commit makes them durable.
        let first = store::operation_by_key_in(&mut tx, &request.key).await?;
        tx.commit().await?;
        let paid = Attempt::No("duplicate_payment", "The order is being paid already.");
        return Ok(first.map_or(paid, Attempt::Known));
    }
    let new = NewOperation {
        payment: &payment,
        kind: Kind::Authorize,
        key: request.key.clone(),
        amount: request.amount.minor(),
        answers: None,
    };
    let Some(operation) = store::insert_operation(&mut tx, new).await? else {
        // Another order uses the key; this attempt is rolled back.
        return Ok(Attempt::No("idempotency_key_reused", "The key was used for another payment."));
    };
    tx.commit().await?;
    Ok(Attempt::Begun(Box::new((payment, operation))))
}

fn new_payment(request: &Request, attempt: i64, now: kernel::Timestamp) -> Payment {
    Payment {
        id: kernel::id::PaymentId::new(),
        order_id: request.order_id,
        pays: request.pays,
        attempt,
        amount: request.amount,
        status: Status::Authorizing,
        authorized: 0,
        captured: 0,
        refunded: 0,
        version: 1,
        events: 0,
        token: request.token.clone(),
        processor_ref: None,
        card: None,
        decline: None,
        action: None,
        created_at: now,
        updated_at: now,
    }
}

/// How an attempt stands that was begun before; what is unfinished is finished first.
async fn stands(
    payments: &Payments,
    operation: &Operation,
    request: &Request,
) -> std::result::Result<Result<Payment>, PaymentError> {
    let payment = match operate::load(payments, operation.payment_id).await {
        Ok(payment) => payment,
        Err(error) => return Ok(Err(error)),
    };
    let same = operation.kind == Kind::Authorize
        && payment.order_id == request.order_id
        && payment.pays == request.pays
        && payment.amount == request.amount
        && payment.token == request.token;
    if !same {
        let detail = "The key was used for another payment.";
        return Err(declined("idempotency_key_reused", detail));
    }
    Ok(match payment.status {
        Status::Authorizing | Status::Unknown => operate::repeat(payments, operation).await,
        Status::ActionRequired => after_challenge(payments, &payment).await,
        Status::Authorized
        | Status::Capturing
        | Status::Captured
        | Status::PartiallyRefunded
        | Status::Refunded
        | Status::Voiding
        | Status::Voided
        | Status::Declined
        | Status::Expired => Ok(payment),
    })
}

/// A challenge may have been answered by somebody who did not live to write the outcome down.
async fn after_challenge(payments: &Payments, payment: &Payment) -> Result<Payment> {
    operate::finish_open(payments, payment.id).await?;
    operate::load(payments, payment.id).await
}

fn answer(payment: &Payment) -> std::result::Result<Authorization, PaymentError> {
    match payment.status {
        Status::Authorized | Status::Capturing | Status::Captured | Status::PartiallyRefunded => {
            Ok(Authorization::Authorized(payment.id))
        }
        Status::ActionRequired => match &payment.action {
            Some(action) => Ok(Authorization::ActionRequired {
                payment_id: payment.id,
                url: action.url.clone(),
                until: action.until,
            }),
            None => Err(unknown("no action is known")),
        },
        Status::Declined | Status::Expired => Err(match &payment.decline {
            Some(decline) => declined(&decline.code, &decline.detail),
            None => declined("declined", "The payment was declined."),
        }),
        Status::Voiding | Status::Voided | Status::Refunded => {
            Err(declined("cancelled", "The payment was cancelled."))
        }
        Status::Authorizing | Status::Unknown => Err(unknown("the outcome is not known yet")),
    }
}

fn declined(code: &str, detail: &str) -> PaymentError {
    PaymentError::Declined { code: code.to_owned(), detail: detail.to_owned() }
}

fn unknown(why: &str) -> PaymentError {
    Unavailable::new("the payment processor", why).into()
}

impl From<Error> for PaymentError {
    fn from(error: Error) -> Self {
        Self::Unavailable(error.into())
    }
}
