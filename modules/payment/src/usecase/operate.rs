//! A call to the processor: written down before it is made, made outside of any unit of work, and
//! ended with what came of it. Whoever finds one unfinished drives it to its end with the same key.

use std::time::Duration;

use kernel::Money;
use kernel::id::PaymentId;
use kernel::ports::Unavailable;
use kernel::problem::{Problem, code};
use platform::sql::Tx;
use platform::{fault, idempotency, sql};

use super::noted;
use crate::Payments;
use crate::domain::payment::{Operation, Payment, Told};
use crate::domain::status::{Fact, Kind, Progress};
use crate::error::{Error, Refusal, Result};
use crate::processor::{NewCharge, Outcome};
use crate::store::{self, CAPTURABLE, NewOperation, REFUNDABLE};
use crate::view::PaymentBody;

/// The calls of a payment that are finished in one go.
pub const OPEN_MAX: i64 = 64;
/// The pause before a payment that somebody else moved is looked at again.
const LOST_RACE_PAUSE: Duration = Duration::from_millis(5);

/// Begins a capture, void or refund of a payment that is held: moves it, takes the amount from its
/// guard and writes the call down. The caller commits.
pub async fn begin(
    tx: &mut Tx,
    payment: &mut Payment,
    kind: Kind,
    amount: i64,
    answers: Option<&idempotency::Key>,
) -> Result<Operation> {
    // The payment is held and is about to be saved, so its version makes the key unique and tells
    // which start it was.
    let key = format!("{}:{}:{}", kind.word(), payment.id, payment.version);
    begin_as(tx, payment, kind, amount, key, answers).await
}

/// The same, with a key of its own.
pub async fn begin_as(
    tx: &mut Tx,
    payment: &mut Payment,
    kind: Kind,
    amount: i64,
    key: String,
    answers: Option<&idempotency::Key>,
) -> Result<Operation> {
    payment.start(kind)?;
    let guard = match kind {
        Kind::Capture => Some(CAPTURABLE),
        Kind::Refund => Some(REFUNDABLE),
        Kind::Authorize | Kind::Approve | Kind::Decline | Kind::Void => None,
    };
    if let Some(guard) = guard
        && !(kind == Kind::Refund && fault::bug("refund_is_not_bounded"))
        && guard.take(tx, &[(payment.id, amount)]).await?.is_err()
    {
        let left = Money::from_minor(payment.refundable(), payment.currency());
        return Err(Refusal::TooMuch { left }.into());
    }
    store::save(tx, payment).await?;
    let new = NewOperation { payment, kind, key, amount, answers };
    // The key of a command stays used after its stored answer was forgotten.
    let used = || {
        Refusal::Key(Box::new(Problem::new(
            code::IDEMPOTENCY_KEY_REUSED,
            "This Idempotency-Key was used long ago; take a new key.",
        )))
    };
    Ok(store::insert_operation(tx, new).await?.ok_or_else(used)?)
}

/// Waits a moment after somebody else moved a payment, so that their commit can be read.
pub async fn lost_race() {
    tokio::time::sleep(LOST_RACE_PAUSE).await;
}

/// Finishes every open call of a payment.
pub async fn finish_open(payments: &Payments, payment: PaymentId) -> Result<()> {
    for operation in store::open_of_payment(&payments.db, payment, OPEN_MAX).await? {
        repeat(payments, &operation).await?;
    }
    Ok(())
}

/// Makes a call of a payment that was just written down, and records what came of it.
pub async fn first(
    payments: &Payments,
    payment: &Payment,
    operation: &Operation,
) -> Result<Payment> {
    run(payments, payment, operation, false).await
}

/// Finishes a call that was begun before: asks the processor for it by its key, and makes it with
/// the same key when the processor has no answer to it.
pub async fn repeat(payments: &Payments, operation: &Operation) -> Result<Payment> {
    let payment = load(payments, operation.payment_id).await?;
    if !operation.progress.is_open() {
        return Ok(payment);
    }
    run(payments, &payment, operation, true).await
}

async fn run(
    payments: &Payments,
    payment: &Payment,
    operation: &Operation,
    ask: bool,
) -> Result<Payment> {
    let called = call(payments, payment, operation, ask);
    let outcome = match tokio::time::timeout(payments.settings.processor_wait(), called).await {
        Ok(answered) => answered,
        Err(late) => Err(Unavailable::new("the payment processor", late)),
    };
    match outcome {
        Ok(outcome) => record(payments, operation, &outcome).await,
        Err(error) => {
            record_lost(payments, operation, &error).await?;
            Err(error.into())
        }
    }
}

/// A payment that must be there.
pub async fn load(payments: &Payments, id: PaymentId) -> Result<Payment> {
    Ok(store::find(&payments.db, id).await?.ok_or(Refusal::NotFound(id))?)
}

async fn call(
    payments: &Payments,
    payment: &Payment,
    operation: &Operation,
    ask: bool,
) -> std::result::Result<Outcome, Unavailable> {
    let processor = &payments.processor;
    let key = operation.key.as_str();
    let key = if ask && fault::bug("retry_takes_a_new_key") { "again" } else { key };
    if ask && let Some(outcome) = processor.find(key).await? {
        return Ok(outcome);
    }
    let amount = Money::from_minor(operation.amount, payment.currency());
    let charge = payment.processor_ref.as_deref().unwrap_or_default();
    let what = match operation.kind {
        Kind::Authorize => "sandbox.authorize",
        Kind::Approve | Kind::Decline => "sandbox.challenge",
        Kind::Capture => "sandbox.capture",
        Kind::Void => "sandbox.void",
        Kind::Refund => "sandbox.refund",
    };
    let uncalled = (operation.kind == Kind::Void && fault::bug("void_is_not_called"))
        || (operation.kind == Kind::Capture && fault::bug("capture_is_not_called"));
    if uncalled && let Some(newest) = processor.charges(None, 1_000).await?.pop() {
        return Ok(Outcome::Approved(newest));
    }
    fault::point("before call of", what);
    let outcome = match operation.kind {
        Kind::Authorize => {
            let token = payment.token.clone();
            processor.authorize(key, NewCharge { reference: payment.id, amount, token }).await
        }
        Kind::Approve => payments.sandbox.challenge(key, charge, true).await,
        Kind::Decline => payments.sandbox.challenge(key, charge, false).await,
        Kind::Capture => processor.capture(key, charge, amount).await,
        Kind::Void => processor.void(key, charge).await,
        Kind::Refund => processor.refund(key, charge, amount).await,
    };
    fault::point("after call of", what);
    outcome
}

/// Ends the call with its outcome: the payment, the event, the amount that was not needed and the
/// stored answer, in one commit. Whoever comes second changes nothing.
async fn record(payments: &Payments, operation: &Operation, outcome: &Outcome) -> Result<Payment> {
    let mut tx = payments.db.begin("payment.record").await?;
    let mut payment = lock(&mut tx, operation.payment_id).await?;
    let refused = match outcome {
        Outcome::Declined { code, detail } => Some((code.as_str(), detail.as_str())),
        Outcome::Approved(_) | Outcome::RequiresAction { .. } => None,
    };
    let progress = if refused.is_some() { Progress::Failed } else { Progress::Succeeded };
    let code = refused.map(|(code, _)| code);
    if !store::end_operation(&mut tx, operation.id, progress, code).await? {
        // Who ended it may share this unit's group: only the commit makes what was read durable.
        tx.commit().await?;
        return Ok(payment);
    }
    if refused.is_some() {
        give_back(&mut tx, &mut payment, operation).await?;
    }
    // The guard counts refunds that are on their way too: without any, none was given for good.
    let refunded =
        if payment.refunded == 0 { 0 } else { store::refunded(&mut tx, payment.id).await? };
    let until = tx.now() + payments.settings.challenge_wait();
    let told = payment.record(operation.kind, outcome, refunded, until);
    if let Some(told) = told {
        payment.events += 1;
        if !fault::bug("payment_is_not_told") {
            tell(&mut tx, &payment, told, operation)?;
        }
    }
    store::save(&mut tx, &payment).await?;
    if let Some((scope, key)) = &operation.answers {
        if let Some((code, _)) = refused {
            noted::refused(&mut tx, &payment, operation, code).await?;
        }
        let answer = answer(&payment, refused);
        idempotency::finish(&mut tx, scope, key, &answer).await?;
    }
    tx.commit().await?;
    Ok(payment)
}

async fn record_lost(
    payments: &Payments,
    operation: &Operation,
    error: &Unavailable,
) -> Result<()> {
    let mut tx = payments.db.begin("payment.lost").await?;
    let mut payment = lock(&mut tx, operation.payment_id).await?;
    if !store::lose_operation(&mut tx, operation.id, &error.source.to_string()).await? {
        return Ok(());
    }
    if operation.kind == Kind::Authorize
        && let Some(status) = payment.status.after(Fact::Lost)
    {
        payment.status = status;
        store::save(&mut tx, &payment).await?;
    }
    Ok(tx.commit().await?)
}

/// A payment that must be there, held to the end of the unit of work.
pub async fn lock(tx: &mut Tx, id: PaymentId) -> Result<Payment> {
    Ok(store::lock(tx, id).await?.ok_or(Refusal::NotFound(id))?)
}

async fn give_back(tx: &mut Tx, payment: &mut Payment, operation: &Operation) -> Result<()> {
    let guard = match operation.kind {
        Kind::Capture => CAPTURABLE,
        Kind::Refund => REFUNDABLE,
        Kind::Authorize | Kind::Approve | Kind::Decline | Kind::Void => return Ok(()),
    };
    let given = guard.give(tx, &[(payment.id, operation.amount)]).await?;
    let lost =
        |_| Error::Storage(sql::Error::Inconsistent(format!("{}: less was taken", guard.name)));
    given.map_err(lost)?;
    match operation.kind {
        Kind::Capture => payment.captured -= operation.amount,
        Kind::Refund => payment.refunded -= operation.amount,
        Kind::Authorize | Kind::Approve | Kind::Decline | Kind::Void => {}
    }
    Ok(())
}

fn tell(tx: &mut Tx, payment: &Payment, told: Told, operation: &Operation) -> sql::Result<()> {
    let amount = match told {
        Told::Captured | Told::Refunded => Money::from_minor(operation.amount, payment.currency()),
        Told::ActionRequired | Told::Authorized | Told::Failed | Told::Voided => payment.amount,
    };
    let reason = match told {
        Told::Failed => payment.decline.as_ref().map(|decline| decline.code.clone()),
        Told::ActionRequired
        | Told::Authorized
        | Told::Captured
        | Told::Voided
        | Told::Refunded => None,
    };
    macro_rules! emit {
        ($event:ident) => {
            tx.emit(
                &kernel::events::$event {
                    payment_id: payment.id,
                    order_id: payment.order_id,
                    change_id: payment.pays.change(),
                    amount,
                    reason,
                },
                payment.events,
            )
        };
    }
    match told {
        Told::ActionRequired => emit!(PaymentActionRequired),
        Told::Authorized => emit!(PaymentAuthorized),
        Told::Captured => emit!(PaymentCaptured),
        Told::Failed => emit!(PaymentFailed),
        Told::Voided => emit!(PaymentVoided),
        Told::Refunded => emit!(PaymentRefunded),
    }
}

fn answer(payment: &Payment, refused: Option<(&str, &str)>) -> idempotency::Answer {
    let (status, body) = match refused {
        None => (200, serde_json::to_string(&PaymentBody::from(payment))),
        Some((code, detail)) => {
            let detail = format!("The processor refused it ({code}): {detail}");
            let problem = Problem::new(code::CONFLICT, detail);
            (problem.status, serde_json::to_string(&problem))
        }
    };
    idempotency::Answer { status, body: body.unwrap_or_default() }
}
