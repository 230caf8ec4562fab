//! What the staff asks for, once for each idempotency key.

use kernel::Money;
use kernel::id::PaymentId;
use kernel::problem::{Problem, code};
use platform::audit::Actor;
use platform::idempotency::{self, Answer, Claim, Key};

use super::{noted, operate};
use crate::Payments;
use crate::domain::payment::{Operation, Payment};
use crate::domain::status::Kind;
use crate::error::{Refusal, Result};
use crate::store;

/// A command of the staff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Take the whole of what is set aside.
    Capture,
    /// Let it go.
    Void,
    /// Give a part of what was taken back.
    Refund(Money),
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
            let mut payment = operate::lock(&mut tx, id).await?;
            let (kind, amount) = asked(&payment, command)?;
            let before = payment.status;
            let begun = operate::begin(&mut tx, &mut payment, kind, amount, Some(key)).await?;
            noted::asked(&mut tx, actor, before, &payment, &begun).await?;
            tx.commit().await?;
            Some((payment, begun))
        }
    };
    let replayed = begun.is_none();
    finish(payments, begun, key).await?;
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

fn asked(payment: &Payment, command: Command) -> Result<(Kind, i64)> {
    Ok(match command {
        Command::Capture => (Kind::Capture, payment.authorized),
        Command::Void => (Kind::Void, payment.authorized),
        Command::Refund(amount) => {
            if amount.currency() != payment.currency() || amount.minor() <= 0 {
                return Err(Refusal::Amount.into());
            }
            (Kind::Refund, amount.minor())
        }
    })
}

fn refused(claim: &Claim) -> crate::error::Error {
    let problem = claim.problem().unwrap_or_else(|| {
        Problem::new(code::IDEMPOTENCY_IN_PROGRESS, "The same command is still running.")
    });
    Refusal::Key(Box::new(problem)).into()
}
