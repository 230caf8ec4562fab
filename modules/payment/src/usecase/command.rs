//! What the staff asks for, once for each idempotency key.

use kernel::Money;
use kernel::id::PaymentId;
use kernel::problem::{Problem, code};
use platform::audit::Actor;
use platform::idempotency::{self, Answer, Claim, Key};
use platform::sql::Tx;

use super::{look, noted, operate};
use crate::Payments;
use crate::domain::payment::{Operation, Payment};
use crate::domain::status::{Kind, Status};
use crate::error::{Refusal, Result};
use crate::store;

/// A command of the staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Take this much of what is set aside, or all of it.
    Capture(Option<Money>),
    /// Let it go.
    Void,
    /// Give a part of what was taken back.
    Refund(Money),
    /// Say this to the open dispute.
    Evidence(String),
    /// Give the open dispute up.
    Accept,
}

/// An answer, and whether it is that of an earlier request with the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The stored answer.
    pub answer: Answer,
    /// Whether the command was done before.
    pub replayed: bool,
}

/// Does a command. Its answer is stored in the commit that makes it true; a refusal that changed
/// nothing is not stored.
pub async fn command(
    payments: &Payments,
    id: PaymentId,
    command: Command,
    key: &Key,
    actor: &Actor,
) -> Result<Answered> {
    let seen = match command {
        Command::Void => Some(operate::load(payments, id).await?),
        _ => None,
    };
    let said = match &command {
        // It may name whoever paid.
        Command::Evidence(text) => {
            let payment = operate::load(payments, id).await?;
            Some(store::kept_evidence(&payments.db, text, &payment).await?)
        }
        _ => None,
    };
    let mut tx = payments.db.begin("payment.command").await?;
    let begun = match idempotency::claim(&mut tx, key).await? {
        Claim::Done(answer) => {
            // Who stored it may share this unit's group: only the commit makes it durable.
            tx.commit().await?;
            return Ok(Answered { answer, replayed: true });
        }
        claim @ Claim::Reused => return Err(refused(&claim)),
        Claim::Running => {
            tx.commit().await?;
            None
        }
        Claim::Fresh => {
            if let Some(seen) = &seen {
                may_be_let_go(&mut tx, seen).await?;
            }
            let mut payment = operate::lock(&mut tx, id).await?;
            let (kind, amount) = asked(&payment, &command)?;
            let before = payment.status;
            let begun = operate::begin(&mut tx, &mut payment, kind, amount, Some(key)).await?;
            if let Some(said) = &said
                && !store::say_evidence(&mut tx, id, said).await?
            {
                return Err(Refusal::Answered.into());
            }
            noted::asked(&mut tx, actor, before, &payment, &begun).await?;
            tx.commit().await?;
            Some((payment, begun))
        }
    };
    let replayed = begun.is_none();
    let is_judged = begun.as_ref().is_some_and(|(_, it)| it.kind.is_of_dispute());
    finish(payments, begun, key).await?;
    if is_judged && let Err(error) = look::look(payments, id).await {
        tracing::info!(payment = %id, %error, "what became of a dispute will be told");
    }
    match idempotency::find(&payments.db, key).await? {
        Some(Claim::Done(answer)) => Ok(Answered { answer, replayed }),
        Some(claim) => Err(refused(&claim)),
        None => Err(refused(&Claim::Running)),
    }
}

async fn finish(payments: &Payments, begun: Option<(Payment, Operation)>, key: &Key) -> Result<()> {
    if let Some((payment, begun)) = begun {
        operate::first(payments, &payment, &begun).await?;
    } else if let Some(known) = store::operation_by_answer(&payments.db, key).await? {
        // The first request is at work or died: either way its call can be finished here.
        operate::repeat(payments, &known).await?;
    }
    Ok(())
}

/// Nobody lets go of what an order that stands is paid with. The order's row is taken before that of the
/// payment, as whoever calls the order off does.
async fn may_be_let_go(tx: &mut Tx, seen: &Payment) -> Result<()> {
    seen.clone().start(Kind::Void)?;
    if seen.status == Status::Reversing || store::is_cancelled(tx, seen.order_id, seen.pays).await?
    {
        return Ok(());
    }
    Err(Refusal::OrderStands(seen.order_id).into())
}

fn asked(payment: &Payment, command: &Command) -> Result<(Kind, i64)> {
    let within = |amount: &Money| {
        let is_good = amount.currency() == payment.currency() && amount.minor() > 0;
        if is_good { Ok(amount.minor()) } else { Err(Refusal::Amount) }
    };
    Ok(match command {
        Command::Capture(None) => (Kind::Capture, payment.held()),
        Command::Capture(Some(amount)) => (Kind::Capture, within(amount)?),
        Command::Void => (Kind::Void, payment.held()),
        Command::Refund(amount) => (Kind::Refund, within(amount)?),
        Command::Evidence(_) => (Kind::Evidence, payment.disputed),
        Command::Accept => (Kind::Accept, payment.disputed),
    })
}

fn refused(claim: &Claim) -> crate::error::Error {
    let problem = claim.problem().unwrap_or_else(|| {
        Problem::new(code::IDEMPOTENCY_IN_PROGRESS, "The same command is still running.")
    });
    Refusal::Key(Box::new(problem)).into()
}
