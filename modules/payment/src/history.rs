//! What happened to the payments of an order, for its timeline.

use async_trait::async_trait;
use kernel::Timestamp;
use kernel::id::OrderId;
use kernel::ports::{History, PastEvent, Unavailable};

use crate::Payments;
use crate::domain::dispute::Dispute;
use crate::store::{self, OfOrder};

#[async_trait]
impl History for Payments {
    async fn of_order(&self, order: OrderId) -> Result<Vec<PastEvent>, Unavailable> {
        let calls = store::operations_of_order(&self.db, order).await;
        let calls = calls.map_err(|error| Unavailable::new("payments", error))?;
        let disputes = store::disputes_of_order(&self.db, order).await;
        let disputes = disputes.map_err(|error| Unavailable::new("payments", error))?;
        let mut told: Vec<PastEvent> = calls.into_iter().map(past).collect();
        told.extend(disputes.iter().flat_map(disputed));
        Ok(told)
    }
}

/// That an amount is set aside is told to the customer by the checkout, and what is refused is not.
fn past(call: OfOrder) -> PastEvent {
    let outcome = match call.state.as_str() {
        "started" => "waits",
        "succeeded" => "done",
        "failed" => "refused",
        unknown => unknown,
    };
    let amount = format!("{} minor units of {}", call.amount_minor, call.currency);
    PastEvent {
        at: call.started_at,
        what: format!("payment_{}", call.kind),
        outcome: outcome.to_owned(),
        detail: Some(call.error.map_or(amount.clone(), |error| format!("{amount}: {error}"))),
        internal: matches!(call.kind.as_str(), "authorize" | "evidence" | "accept")
            || call.state == "failed",
    }
}

/// That a dispute was opened, and that it ended. The customer is told by their bank.
fn disputed(dispute: &Dispute) -> impl Iterator<Item = PastEvent> {
    let event = |at: Timestamp, what: &str, outcome: &str| PastEvent {
        at,
        what: what.to_owned(),
        outcome: outcome.to_owned(),
        detail: Some(format!("{} minor units: {}", dispute.amount, dispute.reason)),
        internal: true,
    };
    let opened = event(dispute.opened_at, "payment_disputed", "waits");
    let closed = |at| event(at, "payment_dispute_closed", dispute.state.word());
    [Some(opened), dispute.closed_at.map(closed)].into_iter().flatten()
}
