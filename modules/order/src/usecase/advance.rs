//! What happens to a confirmed order: it is called off, shipped, delivered.

use kernel::Event;
use kernel::Money;
use kernel::events::{OrderCancelled, OrderDelivered, OrderShipped};
use kernel::id::{CustomerId, OrderId};
use platform::audit::{self, Actor, Entry};
use platform::idempotency::{self, Answer, Claim, Key};
use platform::sql::Tx;
use serde::Serialize;

use crate::Orders;
use crate::domain::order::Order;
use crate::domain::status::{Move, Status};
use crate::error::OrderError;
use crate::store::{orders, shipment};

/// What is to happen to an order.
#[derive(Debug, Clone)]
pub enum Advance {
    /// It is called off.
    Cancel {
        /// Why.
        reason: String,
    },
    /// The parcel leaves.
    Ship {
        /// The carrier's number of the parcel.
        tracking: Option<String>,
    },
    /// The parcel arrived.
    Deliver,
}

/// Who lets it happen.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    /// The customer, to an order of their own.
    Customer(CustomerId),
    /// The staff, who are named in the audit log for it.
    Staff(&'a Actor),
}

impl Advance {
    const fn kind(&self) -> Move {
        match self {
            Self::Cancel { .. } => Move::Cancel,
            Self::Ship { .. } => Move::Ship,
            Self::Deliver => Move::Deliver,
        }
    }
}

impl Orders {
    /// Moves an order on, once for its idempotency key when it has one. The answer is the order,
    /// or what was answered the first time.
    pub async fn advance(
        &self,
        id: OrderId,
        advance: &Advance,
        key: Option<&Key>,
        by: By<'_>,
    ) -> Result<(Answer, bool), OrderError> {
        platform::sql::retry(|| self.try_advance(id, advance, key, by)).await
    }

    async fn try_advance(
        &self,
        id: OrderId,
        advance: &Advance,
        key: Option<&Key>,
        by: By<'_>,
    ) -> Result<(Answer, bool), OrderError> {
        // Asked before the unit of work begins: it holds SQLite's only writer.
        let payment = self.payment_of(id).await?;
        let mut tx = self.inner.db.begin("order.advance").await?;
        if let Some(key) = key {
            match idempotency::claim(&mut tx, key).await? {
                Claim::Done(answer) => {
                    // It may be on its way to the disk in this very group: told when it is there.
                    tx.commit().await?;
                    return Ok((answer, true));
                }
                claim => claim.problem().map_or(Ok(()), Err)?,
            }
        }
        let mut order = orders::load(&mut tx, id).await?.ok_or(OrderError::NotFound)?;
        if let By::Customer(customer) = by
            && customer != order.customer_id
        {
            return Err(OrderError::NotFound);
        }
        let to = order.status.after(advance.kind()).ok_or(OrderError::State(order.status))?;
        apply(&mut tx, &order, to, advance).await?;
        if let By::Staff(staff) = by {
            audit::record(&mut tx, staff, &[entry(&order, to, advance)?]).await?;
        }
        (order.status, order.version, order.updated_at) = (to, order.version + 1, tx.now());
        let body = serde_json::to_string(&order.view(payment))
            .map_err(|error| platform::sql::Error::Inconsistent(error.to_string()))?;
        let answer = Answer { status: 200, body };
        if let Some(key) = key {
            idempotency::finish(&mut tx, &key.scope, &key.key, &answer).await?;
        }
        tx.commit().await?;
        Ok((answer, false))
    }
}

/// What the audit log keeps of an order that moved on.
#[derive(Serialize)]
struct Stands<'a> {
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// What an order that is called off cost; what was not given back before goes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<Money>,
}

fn entry(order: &Order, to: Status, advance: &Advance) -> platform::sql::Result<Entry> {
    let stands = |status| Stands { status, tracking: None, reason: None, total: None };
    let (before, after) = (stands(order.status), stands(to));
    let (action, after) = match advance {
        Advance::Cancel { reason } => {
            let total = Some(order.totals.total);
            ("order.cancel", Stands { reason: Some(reason), total, ..after })
        }
        Advance::Ship { tracking } => {
            ("order.ship", Stands { tracking: tracking.as_deref(), ..after })
        }
        Advance::Deliver => ("order.deliver", after),
    };
    Entry::changed(action, order.id.uuid(), &before, &after)
}

async fn apply(
    tx: &mut Tx,
    order: &Order,
    to: Status,
    advance: &Advance,
) -> Result<(), OrderError> {
    if !orders::move_on(tx, order, to, true).await? {
        return Err(OrderError::Stale);
    }
    let (order_id, customer_id) = (order.id, order.customer_id);
    match advance {
        Advance::Cancel { reason } => {
            shipment::cancel(tx, order_id).await?;
            let event = OrderCancelled {
                order_id,
                customer_id,
                lines: order.sold(),
                total: order.totals.total,
                confirmed_at: order.confirmed_at.unwrap_or(order.created_at),
                reason: reason.clone(),
            };
            emit(tx, order, &event)
        }
        Advance::Ship { tracking } => {
            shipment::move_on(tx, order_id, "booked", "shipped", tracking.as_deref()).await?;
            emit(tx, order, &OrderShipped { order_id, customer_id, tracking: tracking.clone() })
        }
        Advance::Deliver => {
            shipment::move_on(tx, order_id, "shipped", "delivered", None).await?;
            emit(tx, order, &OrderDelivered { order_id, customer_id })
        }
    }
}

fn emit(tx: &mut Tx, order: &Order, event: &impl Event) -> Result<(), OrderError> {
    Ok(tx.emit(event, order.version + 1)?)
}
