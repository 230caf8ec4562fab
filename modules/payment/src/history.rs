//! What happened to the payments of an order, for its timeline.

use async_trait::async_trait;
use kernel::id::OrderId;
use kernel::ports::{History, PastEvent, Unavailable};

use crate::Payments;
use crate::store::{self, OfOrder};

#[async_trait]
impl History for Payments {
    async fn of_order(&self, order: OrderId) -> Result<Vec<PastEvent>, Unavailable> {
        let calls = store::operations_of_order(&self.db, order).await;
        let calls = calls.map_err(|error| Unavailable::new("payments", error))?;
        Ok(calls.into_iter().map(past).collect())
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
        internal: call.kind == "authorize" || call.state == "failed",
    }
}
