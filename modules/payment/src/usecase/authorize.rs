//! Setting an order's amount aside, once for each key and at most once for the order; and in the same
//! way what a change of it costs more.

use kernel::Money;
use kernel::id::OrderId;
use kernel::ports::{
    self, Assessed, Authorization, Authorize, ChargeMore, DearerBy, Decision, Payer, PaymentError,
    Unavailable,
};
use platform::idempotency;
use platform::sql::{self, Tx};

use super::operate;
use crate::Payments;
use crate::domain::authentication::{Authentication, Exemption};
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
    payer: Option<Payer>,
}

impl From<Authorize> for Request {
    fn from(asked: Authorize) -> Self {
        let Authorize { order_id, key, amount, token, payer } = asked;
        Self { order_id, pays: Pays::Order, key, amount, token, payer }
    }
}

impl From<ChargeMore> for Request {
    fn from(asked: ChargeMore) -> Self {
        let ChargeMore { order_id, change, by, key, amount, token, payer } = asked;
        let pays = match by {
            DearerBy::Edit => Pays::Edit(change),
            DearerBy::Exchange => Pays::Exchange(change),
        };
        Self { order_id, pays, key, amount, token, payer }
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
    let fingerprint = fingerprint(payments, request).await;
    let assessed = assess(payments, request, fingerprint.as_deref()).await;
    if assessed.decision == Decision::Deny {
        return Ok(Attempt::No("fraud_suspected", "The payment was declined."));
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
    let payment = new_payment(request, fingerprint, attempt, tx.now());
    if !store::insert(&mut tx, &payment).await? {
        // Somebody was first: with the same key, or the order has another live payment. They may
        // share this unit's group: only it sees them, and only its commit makes them durable.
        let first = store::operation_by_key_in(&mut tx, &request.key).await?;
        tx.commit().await?;
        let paid = Attempt::No("duplicate_payment", "The order is being paid already.");
        return Ok(first.map_or(paid, Attempt::Known));
    }
    let exemption = exemption(&mut tx, payments, &payment, assessed).await?;
    let new = NewOperation {
        payment: &payment,
        kind: Kind::Authorize,
        key: request.key.clone(),
        amount: request.amount.minor(),
        challenge: assessed.decision >= Decision::Challenge,
        exemption,
        answers: None,
    };
    let Some(operation) = store::insert_operation(&mut tx, new).await? else {
        // Another order uses the key; this attempt is rolled back.
        return Ok(Attempt::No("idempotency_key_reused", "The key was used for another payment."));
    };
    tx.commit().await?;
    Ok(Attempt::Begun(Box::new((payment, operation))))
}

/// What tells the card again, for whoever counts by cards. Without it they count by tokens.
async fn fingerprint(payments: &Payments, request: &Request) -> Option<String> {
    let is_counted = payments.risk.is_some() || !payments.settings.exemptions.ask_for.is_empty();
    if !is_counted {
        return None;
    }
    let asked = operate::in_time(payments, payments.processor.fingerprint(&request.token)).await;
    asked.unwrap_or_else(|error| {
        tracing::warn!(%error, cause = %error.source, "a card was not recognised");
        None
    })
}

/// Why the processor is asked to leave authentication out, if it is: only for what a shopper pays at the checkout, and
/// where nothing speaks for a challenge.
async fn exemption(
    tx: &mut Tx,
    payments: &Payments,
    payment: &Payment,
    assessed: Assessed,
) -> sql::Result<Option<Exemption>> {
    if payment.pays != Pays::Order || assessed.decision > Decision::Allow {
        return Ok(None);
    }
    let rules = &payments.settings.exemptions;
    for exemption in rules.open_to(payment.amount, assessed.score_ppm) {
        let low = &rules.low_value;
        let is_granted = match exemption {
            Exemption::LowRisk => true,
            Exemption::LowValue => {
                store::is_exempted(tx, payment.card_key(), payment.amount, low).await?
            }
        };
        if is_granted {
            return Ok(Some(exemption));
        }
    }
    Ok(None)
}

/// What is to be done with a payment before the processor hears of it. Where nobody can say, the shopper
/// authenticates.
async fn assess(payments: &Payments, request: &Request, fingerprint: Option<&str>) -> Assessed {
    let (Some(risk), Some(payer)) = (&payments.risk, &request.payer) else {
        return Assessed { decision: Decision::Allow, score_ppm: None };
    };
    let attempt = ports::Attempt {
        key: request.key.clone(),
        order_id: request.order_id,
        amount: request.amount,
        token: request.token.clone(),
        fingerprint: fingerprint.map(str::to_owned),
        payer: payer.clone(),
    };
    risk.assess(&attempt).await.unwrap_or_else(|error| {
        tracing::warn!(%error, cause = %error.source, "a payment was not scored");
        Assessed { decision: Decision::Challenge, score_ppm: None }
    })
}

fn new_payment(
    request: &Request,
    fingerprint: Option<String>,
    attempt: i64,
    now: kernel::Timestamp,
) -> Payment {
    Payment {
        id: kernel::id::PaymentId::new(),
        order_id: request.order_id,
        customer: request.payer.as_ref().map(|payer| payer.customer_id),
        pays: request.pays,
        attempt,
        amount: request.amount,
        status: Status::Authorizing,
        authorized: 0,
        released: 0,
        captured: 0,
        refunded: 0,
        disputed: 0,
        lost: 0,
        version: 1,
        events: 0,
        token: request.token.clone(),
        fingerprint,
        authentication: Authentication::None,
        processor_ref: None,
        card: None,
        is_erased: false,
        decline: None,
        action: None,
        authorized_until: None,
        confirmed_at: None,
        tries: 0,
        due_at: None,
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
        && payment.is_paid_with(&request.token);
    if !same {
        let detail = "The key was used for another payment.";
        return Err(declined("idempotency_key_reused", detail));
    }
    Ok(match payment.status {
        Status::Authorizing | Status::Unknown | Status::ActionRequired => {
            finished(payments, &payment).await
        }
        _ => Ok(payment),
    })
}

/// An exemption may have been refused, or a challenge answered, by somebody who did not live to write down what
/// came of it.
async fn finished(payments: &Payments, payment: &Payment) -> Result<Payment> {
    operate::finish_open(payments, payment.id).await?;
    operate::load(payments, payment.id).await
}

fn answer(payment: &Payment) -> std::result::Result<Authorization, PaymentError> {
    match payment.status {
        Status::Authorized
        | Status::Capturing
        | Status::CaptureFailed
        | Status::PartiallyCaptured
        | Status::Captured
        | Status::PartiallyRefunded
        | Status::Disputed
        | Status::Won => Ok(Authorization::Authorized(payment.id)),
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
        Status::Voiding | Status::Voided | Status::Reversing | Status::Refunded | Status::Lost => {
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
