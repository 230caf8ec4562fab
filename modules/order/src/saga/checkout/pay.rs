//! How an order is paid: gift cards and store credit first, since they answer at once, and the rest by card. It is one
//! step: a step more would be another list of steps, and checkouts of the version before could not go on.

use async_trait::async_trait;
use chrono::TimeDelta;
use kernel::ports::{Authorization, Authorize, CreditError, PaymentError, Unavailable};
use kernel::problem::Problem;
use platform::fault;
use platform::saga::{Outcome, Step};

use super::{Challenge, Checkout, Ports, outcome, personal, stock_outcome};
use crate::domain::order::{COMPENSATION, Compensation};
use crate::usecase::credit::refused;

/// How long stock stays promised after the shopper's time to authenticate has ended.
const MARGIN: TimeDelta = TimeDelta::minutes(2);

pub(super) struct Pay;

#[async_trait]
impl Step<Checkout> for Pay {
    fn name(&self) -> &'static str {
        "authorize_payment"
    }

    async fn run(&self, saga: &mut Checkout, ports: &Ports) -> Outcome {
        if let Some((customer, parts)) = &saga.credit
            && let Err(error) = ports.credit.spend(saga.order_id, *customer, parts).await
        {
            return uncovered(error);
        }
        let is_covered = saga.credit.is_some();
        match authorize(saga, ports).await {
            // What was taken is given back by the undo of this step.
            Outcome::Reject(why) if is_covered => Outcome::GiveUp(why),
            paid => paid,
        }
    }

    async fn undo(&self, saga: &mut Checkout, ports: &Ports) -> Result<(), String> {
        let told = |error: Unavailable| error.to_string();
        if saga.credit.is_some() {
            ports.credit.release(saga.order_id).await.map_err(told)?;
        }
        ports.payments.cancel(saga.order_id).await.map_err(told)?;
        let payments = ports.payments.of_orders(&[saga.order_id]).await.map_err(told)?;
        saga.let_go = payments.into_iter().next().map(|(_, payment)| payment);
        Ok(())
    }
}

/// Gift cards or store credit that do not pay what they were to pay.
fn uncovered(error: CreditError) -> Outcome {
    match error {
        CreditError::Refused(reason, at) => {
            let problem: Problem = refused(reason, at);
            Outcome::Reject(problem.with(COMPENSATION, Compensation::PaymentFailed))
        }
        CreditError::Unavailable(error) => Outcome::Retry(error.to_string()),
    }
}

/// Sets aside what is left to be paid by card.
async fn authorize(saga: &mut Checkout, ports: &Ports) -> Outcome {
    if saga.total.minor() == 0 {
        return Outcome::Done;
    }
    let mut key = format!("{}/authorize", saga.order_id);
    if fault::bug("every_try_pays_again") {
        key = platform::random::token();
    }
    let payer = match personal::payer(&ports.db, saga.order_id, saga.payer.as_ref()).await {
        Ok(payer) => payer,
        Err(error) => return personal::closed(&error),
    };
    let request = Authorize {
        order_id: saga.order_id,
        key,
        amount: saga.total,
        token: saga.token.clone(),
        payer,
    };
    let answered = ports.payments.authorize(request).await;
    if !matches!(answered, Err(PaymentError::Unavailable(_))) {
        // It was decided about: where the shopper came from is kept no longer.
        saga.payer = None;
    }
    match answered {
        Ok(Authorization::Authorized(payment)) => {
            saga.payment = Some(payment);
            Outcome::Done
        }
        Ok(Authorization::ActionRequired { payment_id, url, until }) => {
            let held = ports.stock.extend(saga.order_id, until + MARGIN).await;
            saga.payment = Some(payment_id);
            saga.challenge = Some(Challenge { url, until });
            match stock_outcome(held) {
                Outcome::Done => Outcome::Wait(until),
                // The payment was asked for, so its undo must follow.
                Outcome::Reject(problem) => Outcome::GiveUp(problem),
                other => other,
            }
        }
        Err(error) => outcome::unpaid(error),
    }
}
