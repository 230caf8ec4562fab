//! Calling an order off while it is being checked out: its saga is told to undo what it did, and ends
//! the order.

use std::time::Duration;

use kernel::id::OrderId;
use platform::audit;
use platform::idempotency::{self, Answer, Claim, Key};
use platform::saga;
use platform::sql::Tx;

use super::advance::{Advance, Advanced, By, Tried, entry};
use crate::Orders;
use crate::domain::order::Order;
use crate::domain::status::Status;
use crate::error::OrderError;
use crate::saga::checkout::CalledOff;
use crate::store::orders;

/// The pause between two looks at an order whose checkout is being undone.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl Orders {
    /// One commit holds the saga's turn, the claim on the idempotency key and the audit entry. The saga
    /// answers the key when it has ended the order.
    pub(super) async fn call_off(
        &self,
        mut tx: Tx,
        order: &Order,
        reason: &str,
        key: Option<&Key>,
        by: By<'_>,
    ) -> Result<Tried, OrderError> {
        let how = CalledOff { reason: reason.to_owned(), key: key.cloned() };
        if saga::abandon(&mut tx, order.id.uuid(), &how.problem()).await? == 0 {
            // It has ended meanwhile, or is being undone already: nothing of this command is kept.
            return Ok(Tried::Ending { ours: false });
        }
        if let By::Staff(staff) = by {
            let change = Advance::Cancel { reason: how.reason };
            let entry = entry(order, order.status, Status::Cancelled, &change)?;
            audit::record(&mut tx, staff, &[entry]).await?;
        }
        let checkouts = self.inner.checkouts.clone();
        tx.after_commit(move || checkouts.wake());
        tx.commit().await?;
        Ok(Tried::Ending { ours: true })
    }

    /// Waits a moment for the end of a checkout, and tells what it means for a command to call it off.
    /// Nothing when the order was confirmed: it can still be called off.
    pub(super) async fn called_off(
        &self,
        id: OrderId,
        key: Option<&Key>,
        ours: bool,
    ) -> Result<Option<Advanced>, OrderError> {
        let wait = self.inner.settings.answer_wait();
        // When it takes longer, the order is looked at once more below.
        let _ = tokio::time::timeout(wait, self.end_of_checkout(id)).await;
        if let Some(key) = key
            && let Some(Claim::Done(answer)) = idempotency::find(&self.inner.db, key).await?
        {
            return Ok(Some(Advanced::Answered { answer, replayed: false }));
        }
        let order = orders::find(&self.inner.db, id).await?.ok_or(OrderError::NotFound)?;
        match order.status {
            status if status.is_being_checked_out() => Ok(Some(Advanced::Running)),
            Status::Confirmed if !ours => Ok(None),
            Status::Cancelled if ours => {
                let body = serde_json::to_string(&order.view(self.payment_of(id).await?))
                    .map_err(|error| platform::sql::Error::Inconsistent(error.to_string()))?;
                let answer = Answer { status: 200, body };
                Ok(Some(Advanced::Answered { answer, replayed: false }))
            }
            _ => Err(OrderError::state(&order)),
        }
    }

    async fn end_of_checkout(&self, id: OrderId) -> Result<(), OrderError> {
        loop {
            let order = orders::find(&self.inner.db, id).await?;
            if !order.is_some_and(|order| order.status.is_being_checked_out()) {
                return Ok(());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}
