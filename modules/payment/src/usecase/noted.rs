//! What the audit log keeps of the money that the staff moves: the command with its amount, in the
//! commit that writes the call down, and a refusal of the processor, in the commit that ends it.

use kernel::Money;
use platform::audit::{Actor, Entry, record};
use platform::sql::{Result, Tx};
use serde::Serialize;

use crate::domain::payment::{Operation, Payment};
use crate::domain::status::{Kind, Status};

#[derive(Serialize)]
struct Moved<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
}

/// What a command of the staff and its refusal are called; the others are not the staff's.
const fn actions(kind: Kind) -> Option<(&'static str, &'static str)> {
    match kind {
        Kind::Capture => Some(("payment.capture", "payment.capture_refused")),
        Kind::Void => Some(("payment.void", "payment.void_refused")),
        Kind::Refund => Some(("payment.refund", "payment.refund_refused")),
        Kind::Evidence => Some(("payment.dispute_evidence", "payment.dispute_evidence_refused")),
        Kind::Accept => Some(("payment.dispute_accept", "payment.dispute_accept_refused")),
        Kind::Authorize | Kind::Approve | Kind::Decline => None,
    }
}

/// Notes a command of the staff that is on its way to the processor.
pub async fn asked(
    tx: &mut Tx,
    actor: &Actor,
    before: Status,
    payment: &Payment,
    operation: &Operation,
) -> Result<()> {
    let Some((action, _)) = actions(operation.kind) else { return Ok(()) };
    let amount = Some(Money::from_minor(operation.amount, payment.currency()));
    let before = Moved { status: before.word(), amount: None, code: None };
    let after = Moved { status: payment.status.word(), amount, code: None };
    record(tx, actor, &[Entry::changed(action, payment.id.uuid(), &before, &after)?]).await
}

/// Notes that the processor refused a command of the staff, and that no money moved.
pub async fn refused(
    tx: &mut Tx,
    payment: &Payment,
    operation: &Operation,
    code: &str,
) -> Result<()> {
    let Some((_, action)) = actions(operation.kind) else { return Ok(()) };
    let amount = Some(Money::from_minor(operation.amount, payment.currency()));
    let told = Moved { status: payment.status.word(), amount, code: Some(code) };
    record(tx, &Actor::SYSTEM, &[Entry::done(action, payment.id.uuid(), &told)?]).await
}
