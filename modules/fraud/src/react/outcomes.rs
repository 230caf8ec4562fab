use std::collections::BTreeMap;

use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::{PaymentAuthorized, PaymentFailed};
use platform::bus::{HandlerError, Reaction};
use platform::sql::Tx;

use crate::store;

/// Why a payment failed whose shopper never authenticated.
const ABANDONED: &str = "abandoned";

/// Notes what the processor said to the attempts that it was asked about. What changes of an order cost is
/// not decided about.
pub struct Outcomes;

#[async_trait]
impl Reaction for Outcomes {
    async fn apply_all(&self, tx: &mut Tx, events: &[&Envelope]) -> Result<(), HandlerError> {
        let mut newest = BTreeMap::new();
        for event in events {
            if let Some(authorized) = event.open::<PaymentAuthorized>() {
                let authorized = authorized?;
                if authorized.change_id.is_none() {
                    newest.insert(authorized.order_id, "authorized");
                }
            } else if let Some(failed) = event.open::<PaymentFailed>() {
                let failed = failed?;
                // Who did not authenticate in time was refused by nobody.
                if failed.change_id.is_none() && failed.reason.as_deref() != Some(ABANDONED) {
                    newest.insert(failed.order_id, "failed");
                }
            }
        }
        Ok(store::outcomes(tx, &newest).await?)
    }
}
