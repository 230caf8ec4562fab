//! A call to the processor: written down before it is made, made outside of any unit of work, and
//! ended with what came of it. Whoever finds one unfinished drives it to its end with the same key.

use std::time::Duration;

use chrono::TimeDelta;
use kernel::id::{CustomerId, PaymentId};
use kernel::ports::{PersonKey, Unavailable};
use kernel::problem::{Problem, code};
use kernel::{Money, Timestamp};
use platform::guard::Guard;
use platform::personal::Kept;
use platform::sql::Tx;
use platform::{backoff, chaos, fault, idempotency, sql};

use super::{authenticate, noted};
use crate::Payments;
use crate::domain::outcome::{Telling, Times, Told};
use crate::domain::payment::{Operation, Payment};
use crate::domain::status::{Fact, Kind, Progress};
use crate::error::{Error, Refusal, Result};
use crate::processor::{Answer, NewCharge, Outcome};
use crate::store::{self, CAPTURABLE, NewOperation, REFUNDABLE};
use crate::view::PaymentBody;

/// Whom nobody waits for longer than that.
const PROCESSOR: &str = "the payment processor";
/// The calls of a payment that are finished in one go.
pub const OPEN_MAX: i64 = 64;
/// The longest pause before a capture that was refused is tried again, in milliseconds: a day.
const CAPTURE_RETRY_MAX_MS: u64 = 86_400_000;
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
    // which start it was. A shop that was restored may come by a version again: the processor takes the same
    // call for done, and never answers a call by what it did about another amount.
    let key = format!("{}:{}:{}:{amount}", kind.word(), payment.id, payment.version);
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
    if let Some((guard, left)) = bound(payment, kind)
        && !(kind == Kind::Refund && fault::bug("refund_is_not_bounded"))
        && guard.take(tx, &[(payment.id, amount)]).await?.is_err()
    {
        let left = Money::from_minor(left, payment.currency());
        return Err(Refusal::TooMuch { wanted: kind, left }.into());
    }
    store::save(tx, payment).await?;
    let new =
        NewOperation { payment, kind, key, amount, challenge: false, exemption: None, answers };
    // The key of a command stays used after its stored answer was forgotten.
    let used = || {
        Refusal::Key(Box::new(Problem::new(
            code::IDEMPOTENCY_KEY_REUSED,
            "This Idempotency-Key was used long ago; take a new key.",
        )))
    };
    Ok(store::insert_operation(tx, new).await?.ok_or_else(used)?)
}

/// What limits a call of this kind, and how much of it is left.
const fn bound(payment: &Payment, kind: Kind) -> Option<(Guard, i64)> {
    match kind {
        Kind::Capture => Some((CAPTURABLE, payment.held())),
        Kind::Refund => Some((REFUNDABLE, payment.refundable())),
        Kind::Authorize
        | Kind::Approve
        | Kind::Decline
        | Kind::Void
        | Kind::Evidence
        | Kind::Accept => None,
    }
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
    match in_time(payments, call(payments, payment, operation, ask)).await {
        Ok(outcome) => match record(payments, payment.customer, operation, &outcome).await? {
            (payment, None) => Ok(payment),
            (payment, Some(again)) => Box::pin(first(payments, &payment, &again)).await,
        },
        Err(error) => {
            record_lost(payments, operation, &error).await?;
            Err(error.into())
        }
    }
}

/// An answer of the processor that does not come in time is none.
pub async fn in_time<T>(
    payments: &Payments,
    call: impl Future<Output = std::result::Result<T, Unavailable>>,
) -> std::result::Result<T, Unavailable> {
    let call = chaos::outside(PROCESSOR, call);
    match tokio::time::timeout(payments.settings.processor_wait(), call).await {
        Ok(answered) => answered,
        Err(late) => Err(Unavailable::new(PROCESSOR, late)),
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
    let takes_new = ask && fault::bug("retry_takes_a_new_key");
    let new = takes_new.then(|| format!("{}:again", operation.key));
    let key = new.as_deref().unwrap_or(&operation.key);
    let known = payment.processor_ref.as_deref();
    if ask && let Some(outcome) = processor.find(key, known).await? {
        return Ok(outcome);
    }
    let amount = Money::from_minor(operation.amount, payment.currency());
    let charge = known.unwrap_or_default();
    let what = match operation.kind {
        Kind::Authorize => "sandbox.authorize",
        Kind::Approve | Kind::Decline => "sandbox.challenge",
        Kind::Capture => "sandbox.capture",
        Kind::Void => "sandbox.void",
        Kind::Refund => "sandbox.refund",
        Kind::Evidence | Kind::Accept => "sandbox.dispute",
    };
    let uncalled = (operation.kind == Kind::Void && fault::bug("void_is_not_called"))
        || (operation.kind == Kind::Capture && fault::bug("capture_is_not_called"));
    if uncalled && let Some(newest) = processor.charges(None, 1_000).await?.pop() {
        return Ok(Outcome::Approved(newest));
    }
    fault::point("before call of", what);
    let outcome = match operation.kind {
        Kind::Authorize => {
            let charge = NewCharge {
                reference: payment.id,
                amount,
                token: payment.token.clone(),
                challenge: operation.challenge,
                exemption: operation.exemption,
            };
            processor.authorize(key, charge).await
        }
        Kind::Approve => payments.sandbox.challenge(key, charge, true).await,
        Kind::Decline => payments.sandbox.challenge(key, charge, false).await,
        Kind::Capture => processor.capture(key, charge, amount).await,
        Kind::Void => processor.void(key, charge).await,
        Kind::Refund => processor.refund(key, charge, amount).await,
        Kind::Evidence => {
            let said = store::evidence(&payments.db, payment.id).await;
            match said.map_err(|error| Unavailable::new("payments", error))? {
                Some(said) => processor.answer(key, charge, Answer::Evidence(&said)).await,
                None => Ok(Outcome::erased()),
            }
        }
        Kind::Accept => processor.answer(key, charge, Answer::Accept).await,
    };
    fault::point("after call of", what);
    outcome
}

/// Ends the call with its outcome: the payment, the event, the amount that was not needed and the
/// stored answer, in one commit. Whoever comes second changes nothing. What the outcome asks to be called
/// next is written down in the same commit.
async fn record(
    payments: &Payments,
    customer: Option<CustomerId>,
    operation: &Operation,
    outcome: &Outcome,
) -> Result<(Payment, Option<Operation>)> {
    let key = store::key(&payments.db, customer).await?;
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
        return Ok((payment, None));
    }
    if operation.is_to_be_authenticated(outcome, payment.status) {
        let again = authenticate::again(&mut tx, &payment, operation).await?;
        tx.commit().await?;
        return Ok((payment, again));
    }
    if refused.is_some() {
        give_back(&mut tx, &mut payment, operation).await?;
    }
    // The guard counts refunds that are on their way too: without any, none was given for good.
    let refunded =
        if payment.refunded == 0 { 0 } else { store::refunded(&mut tx, payment.id).await? };
    let times = times(payments, &payment, tx.now());
    let before = payment.authentication;
    if let Some(telling) = payment.record(operation, outcome, refunded, &times) {
        tell(&mut tx, &mut payment, telling, operation.answers.is_some())?;
    }
    store::save_known(&mut tx, &mut payment, key.as_deref()).await?;
    authenticate::done(&mut tx, before, &payment).await?;
    if let Some((scope, name)) = &operation.answers {
        if let Some((code, _)) = refused {
            noted::refused(&mut tx, &payment, operation, code).await?;
        }
        let mut answer = answer(&payment, key.as_deref(), outcome);
        if let Some(key) = &key {
            answer = answer.sealed(key, scope, name)?;
        }
        idempotency::finish(&mut tx, scope, name, &answer).await?;
    }
    tx.commit().await?;
    Ok((payment, None))
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
        && let Some(status) = payment.status.after(Fact::AnswerLost)
    {
        payment.status = status;
        store::save(&mut tx, &payment).await?;
    }
    Ok(tx.commit().await?)
}

/// A payment that must be there, with its card to be shown.
pub async fn load_shown(payments: &Payments, id: PaymentId) -> Result<Payment> {
    let mut payment = load(payments, id).await?;
    store::open(&payments.db, std::slice::from_mut(&mut payment)).await?;
    Ok(payment)
}

/// A payment that must be there, held to the end of the unit of work.
pub async fn lock(tx: &mut Tx, id: PaymentId) -> Result<Payment> {
    Ok(store::lock(tx, id).await?.ok_or(Refusal::NotFound(id))?)
}

/// What follows an answer that is recorded now.
pub fn times(payments: &Payments, payment: &Payment, now: Timestamp) -> Times {
    let settings = &payments.settings;
    let tries = payment.tries + 1;
    let pause = backoff::pause(
        u32::try_from(tries).unwrap_or(u32::MAX),
        settings.capture_retry_ms,
        CAPTURE_RETRY_MAX_MS,
    );
    let pause = TimeDelta::from_std(pause).unwrap_or(TimeDelta::MAX);
    Times {
        now,
        challenge_until: now + settings.challenge_wait(),
        retry_at: (tries < settings.capture_tries_max).then(|| now + pause),
    }
}

async fn give_back(tx: &mut Tx, payment: &mut Payment, operation: &Operation) -> Result<()> {
    let Some((guard, _)) = bound(payment, operation.kind) else { return Ok(()) };
    let given = guard.give(tx, &[(payment.id, operation.amount)]).await?;
    let lost =
        |_| Error::Storage(sql::Error::Inconsistent(format!("{}: less was taken", guard.name)));
    given.map_err(lost)?;
    if operation.kind == Kind::Capture {
        payment.captured -= operation.amount;
    } else {
        payment.refunded -= operation.amount;
    }
    Ok(())
}

/// Tells what happened to a payment that is held and about to be saved. `by_staff` is whether the staff
/// asked for it at the payment itself.
pub fn tell(
    tx: &mut Tx,
    payment: &mut Payment,
    telling: Telling,
    by_staff: bool,
) -> sql::Result<()> {
    payment.events += 1;
    if fault::bug("payment_is_not_told") {
        return Ok(());
    }
    let Telling { told, mut amount, reason } = telling;
    if told == Told::Captured && fault::bug("part_is_told_as_whole") {
        amount = payment.authorized;
    }
    let amount = Money::from_minor(amount, payment.currency());
    macro_rules! emit {
        ($event:ident) => {
            tx.emit(
                &kernel::events::$event {
                    payment_id: payment.id,
                    order_id: payment.order_id,
                    change_id: payment.pays.change(),
                    amount,
                    reason,
                    charge: payment.processor_ref.clone(),
                    by_staff,
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
        Told::Disputed => emit!(PaymentDisputed),
        Told::DisputeClosed => emit!(PaymentDisputeClosed),
    }
}

/// The answer to a command. It shows the card that the processor names, unless nothing may be kept of whose it is.
fn answer(payment: &Payment, key: Option<&PersonKey>, outcome: &Outcome) -> idempotency::Answer {
    let (status, body) = match outcome {
        Outcome::Approved(charge) | Outcome::RequiresAction { charge, .. } => {
            let may_be_kept = key.is_some() || payment.customer.is_none();
            let card = may_be_kept.then(|| Kept::Plain(charge.card()));
            let shown = Payment { card, ..payment.clone() };
            (200, serde_json::to_string(&PaymentBody::from(&shown)))
        }
        Outcome::Declined { code, detail } => {
            let detail = format!("The processor refused it ({code}): {detail}");
            let problem = Problem::new(code::CONFLICT, detail);
            (problem.status, serde_json::to_string(&problem))
        }
    };
    idempotency::Answer { status, body: body.unwrap_or_default() }
}
