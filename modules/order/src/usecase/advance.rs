//! What happens to an order: it is called off, shipped, delivered.

use kernel::Event;
use kernel::Money;
use kernel::events::{OrderCancelled, OrderDelivered, OrderShipped};
use kernel::id::{CustomerId, OrderId};
use kernel::problem::{Problem, code};
use platform::audit::{self, Actor, Entry};
use platform::fault;
use platform::idempotency::{self, Answer, Claim, Key};
use platform::sql::Tx;
use serde::Serialize;

use crate::Orders;
use crate::domain::order::Order;
use crate::domain::status::{Move, Status};
use crate::error::OrderError;
use crate::store::{orders, promotion, shipment};

/// What is to happen to an order.
#[derive(Debug, Clone)]
pub enum Advance {
    /// It is called off, also while it is being checked out.
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

/// What came of moving an order on.
pub enum Advanced {
    /// The answer is final: the order, or what was answered the first time.
    Answered {
        /// The answer.
        answer: Answer,
        /// Whether the command had been done before.
        replayed: bool,
    },
    /// What its checkout did is still being undone; look at the order.
    Running,
}

/// What one try came to.
pub(super) enum Tried {
    /// The order has moved.
    Moved(Answer),
    /// The command had been done before.
    Replayed(Answer),
    /// The end of its checkout is decided and not reached yet. `ours`: it was called off by this
    /// command.
    Ending { ours: bool },
}

impl Orders {
    /// Moves an order on, once for its idempotency key when it has one.
    pub async fn advance(
        &self,
        id: OrderId,
        advance: &Advance,
        key: Option<&Key>,
        by: By<'_>,
    ) -> Result<Advanced, OrderError> {
        loop {
            match platform::sql::retry(|| self.try_advance(id, advance, key, by)).await? {
                Tried::Moved(answer) => return Ok(Advanced::Answered { answer, replayed: false }),
                Tried::Replayed(answer) => {
                    return Ok(Advanced::Answered { answer, replayed: true });
                }
                Tried::Ending { ours } => {
                    if let Some(advanced) = self.called_off(id, key, ours).await? {
                        return Ok(advanced);
                    }
                    // It was confirmed before it could be called off. It is not checked out again, so
                    // this is not come to again.
                }
            }
        }
    }

    async fn try_advance(
        &self,
        id: OrderId,
        advance: &Advance,
        key: Option<&Key>,
        by: By<'_>,
    ) -> Result<Tried, OrderError> {
        // Asked before the unit of work begins: it holds SQLite's only writer.
        let payment = self.payment_of(id).await?;
        let mut tx = self.inner.db.begin("order.advance").await?;
        if let Some(key) = key {
            match idempotency::claim(&mut tx, key).await? {
                Claim::Done(answer) => {
                    // It may be on its way to the disk in this very group: told when it is there.
                    tx.commit().await?;
                    return Ok(Tried::Replayed(answer));
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
        if let Advance::Cancel { reason } = advance
            && order.status.is_being_checked_out()
        {
            return self.call_off(tx, &order, reason, key, by).await;
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
        Ok(Tried::Moved(answer))
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

pub(super) fn entry(order: &Order, to: Status, advance: &Advance) -> platform::sql::Result<Entry> {
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
            promotion::give_back(tx, order).await?;
            let event = OrderCancelled {
                order_id,
                customer_id,
                lines: order.sold(),
                total: order.totals.total,
                confirmed_at: order.confirmed_at.unwrap_or(order.created_at),
                reason: reason.clone(),
                was_confirmed: true,
            };
            emit(tx, order, &event)
        }
        Advance::Ship { tracking } => {
            let number = tracking.as_deref();
            let moved = shipment::move_on(tx, order_id, "booked", "shipped", number).await?;
            parcel(order, moved, "ship")?;
            emit(tx, order, &OrderShipped { order_id, customer_id, tracking: tracking.clone() })
        }
        Advance::Deliver => {
            let moved = shipment::move_on(tx, order_id, "shipped", "delivered", None).await?;
            parcel(order, moved, "deliver")?;
            emit(tx, order, &OrderDelivered { order_id, customer_id })
        }
    }
}

/// An order moves only with its parcel.
fn parcel(order: &Order, moved: bool, what: &str) -> Result<(), Problem> {
    if moved || fault::bug("parcel_is_not_looked_at") {
        return Ok(());
    }
    let allowed = order.status.allowed().into_iter().filter(|word| *word != what);
    let detail = "The state of its parcel does not allow this; nothing was changed.";
    Err(Problem::new(code::ORDER_STATE, detail)
        .with("order_status", order.status)
        .with("allowed", allowed.collect::<Vec<_>>()))
}

fn emit(tx: &mut Tx, order: &Order, event: &impl Event) -> Result<(), OrderError> {
    Ok(tx.emit(event, order.version + 1)?)
}
