//! Asking the processor how a payment stands. What it says is believed, and not the word of whoever says
//! that something happened: so it does not matter in which order that comes, how late and how often.

use kernel::id::PaymentId;
use kernel::ports::Unavailable;
use platform::fault;
use platform::sql::Tx;

use super::{authenticate, cancel, operate};
use crate::Payments;
use crate::domain::dispute::State;
use crate::domain::outcome::{Telling, Told};
use crate::domain::payment::Payment;
use crate::domain::status::Status;
use crate::error::{Error, Result};
use crate::processor::{Charge, Disputed, Outcome};
use crate::store::{self, CAPTURABLE};

/// How often a payment may move while the processor is asked.
const MOVES_MAX: u32 = 8;

/// Finishes the payment's calls and takes over what the processor says of its charge and its dispute.
pub async fn look(payments: &Payments, id: PaymentId) -> Result<Payment> {
    for _ in 0..MOVES_MAX {
        operate::finish_open(payments, id).await?;
        let seen = operate::load(payments, id).await?;
        let seen = challenge(payments, seen).await?;
        if let Some(payment) = compare(payments, &seen).await? {
            return Box::pin(let_go_of_rest(payments, payment)).await;
        }
        operate::lost_race().await;
    }
    Err(Unavailable::new("payments", "the payment moves while the processor is asked").into())
}

/// A challenge may have been answered at the bank, and nobody has told the shop.
async fn challenge(payments: &Payments, seen: Payment) -> Result<Payment> {
    if seen.status != Status::ActionRequired {
        return Ok(seen);
    }
    let Some(asked) = store::authorization(&payments.db, seen.id).await? else { return Ok(seen) };
    let found = payments.processor.find(&asked.key, seen.processor_ref.as_deref());
    let found = operate::in_time(payments, found).await?;
    let Some(outcome @ (Outcome::Approved(_) | Outcome::Declined { .. })) = found else {
        return Ok(seen);
    };
    let key = store::key(&payments.db, seen.customer).await?;
    let mut tx = payments.db.begin("payment.look").await?;
    let mut payment = operate::lock(&mut tx, seen.id).await?;
    if payment.version == seen.version {
        let times = operate::times(payments, &payment, tx.now());
        let before = payment.authentication;
        if let Some(telling) = payment.record(&asked, &outcome, 0, &times) {
            operate::tell(&mut tx, &mut payment, telling, false)?;
            store::save_known(&mut tx, &mut payment, key.as_deref()).await?;
            authenticate::done(&mut tx, before, &payment).await?;
        }
    }
    tx.commit().await?;
    operate::load(payments, seen.id).await
}

/// None when the payment has moved since it was seen.
async fn compare(payments: &Payments, seen: &Payment) -> Result<Option<Payment>> {
    let Some(id) = &seen.processor_ref else { return Ok(Some(seen.clone())) };
    let charge = operate::in_time(payments, payments.processor.charge(id)).await?;
    let Some(charge) = charge else { return Ok(Some(seen.clone())) };
    let dispute = match charge.captured {
        0 => None,
        _ => operate::in_time(payments, payments.processor.dispute(id)).await?,
    };
    let key = store::key(&payments.db, seen.customer).await?;
    let mut tx = payments.db.begin("payment.look").await?;
    let mut payment = operate::lock(&mut tx, seen.id).await?;
    if payment.version != seen.version {
        tx.commit().await?;
        return Ok(None);
    }
    let refunded =
        if payment.refunded == 0 { 0 } else { store::refunded(&mut tx, payment.id).await? };
    let now = tx.now();
    let mut told: Vec<Telling> = payment.compare(&charge, refunded, now).into_iter().collect();
    store::seal(&mut payment, key.as_deref())?;
    if let Some(taken) = taken_late(&payment, &charge) {
        // What is disputed is bounded by what the row says was taken, and that by what it says was set aside.
        store::save(&mut tx, &payment).await?;
        let within = CAPTURABLE.take(&mut tx, &[(payment.id, taken.amount)]).await?;
        within.map_err(|_| Unavailable::new("payments", "more was taken than was set aside"))?;
        store::note_capture(&mut tx, &payment, taken.amount).await?;
        payment.captured += taken.amount;
        told.push(taken);
    }
    if let Some(dispute) = &dispute {
        judge(&mut tx, &mut payment, (dispute, refunded), &mut told).await?;
    }
    for telling in told {
        operate::tell(&mut tx, &mut payment, telling, false)?;
    }
    if payment != *seen {
        store::save_known(&mut tx, &mut payment, key.as_deref()).await?;
    }
    tx.commit().await?;
    operate::load(payments, seen.id).await.map(Some)
}

/// What was taken of a payment that was given up, without a call of the shop.
fn taken_late(payment: &Payment, charge: &Charge) -> Option<Telling> {
    let amount = charge.captured - payment.captured;
    (payment.status == Status::Reversing && amount > 0).then_some(Telling {
        told: Told::Captured,
        amount,
        reason: None,
    })
}

/// Takes over how a dispute stands; one that is new may have ended already.
async fn judge(
    tx: &mut Tx,
    payment: &mut Payment,
    (found, refunded): (&Disputed, i64),
    told: &mut Vec<Telling>,
) -> Result<()> {
    let known = store::newest_dispute_in(tx, payment.id).await?;
    let known = known.filter(|known| known.processor_ref == found.id);
    let (id, state, amount) = if let Some(known) = known {
        (known.id, known.state, known.amount)
    } else {
        // A whole charge can be disputed after a part of it was given back, which cannot be lost again.
        let found = Disputed { amount: found.amount.min(payment.refundable()), ..found.clone() };
        if found.amount == 0 {
            return Ok(());
        }
        let opened = payment.dispute(found.amount, &found.reason, found.respond_by);
        told.push(opened.ok_or_else(|| impossible(payment, "disputed"))?);
        (store::insert_dispute(tx, payment.id, &found).await?, State::NeedsResponse, found.amount)
    };
    if found.state == state || !store::move_dispute(tx, id, found.state, found.closed_at).await? {
        return Ok(());
    }
    if found.state.is_closed() {
        let (is_won, now) = (found.state == State::Won, tx.now());
        let closed = payment.close_dispute((amount, is_won), refunded, now);
        told.push(closed.ok_or_else(|| impossible(payment, "decided"))?);
        if fault::bug("lost_dispute_takes_nothing") {
            payment.lost = 0;
        }
    }
    Ok(())
}

fn impossible(payment: &Payment, what: &str) -> Error {
    let why = format!("a payment that is {} cannot be {what}", payment.status.word());
    Unavailable::new("payments", why).into()
}

/// While an order is called off nothing is given back of what is disputed. What is left of it is once that has
/// ended.
async fn let_go_of_rest(payments: &Payments, payment: Payment) -> Result<Payment> {
    if !payment.status.is_refundable() || payment.status == Status::Reversing {
        return Ok(payment);
    }
    let mut tx = payments.db.begin("payment.rest").await?;
    let is_cancelled = store::is_cancelled(&mut tx, payment.order_id, payment.pays).await?;
    tx.commit().await?;
    if is_cancelled {
        cancel::let_all_go(payments, payment.order_id, payment.pays.change()).await?;
    }
    operate::load(payments, payment.id).await
}
