//! What happens to an order: it is called off, leaves in parcels, arrives.

use kernel::Money;
use kernel::events::OrderCancelled;
use kernel::id::{CustomerId, OrderId, ShipmentId};
use platform::audit::{self, Actor, Entry};
use platform::idempotency::{self, Answer, Claim, Key};
use platform::sql::Tx;
use serde::Serialize;

use super::ship::{self, End, Parcel};
use crate::Orders;
use crate::domain::given::refunded;
use crate::domain::order::Order;
use crate::domain::shipment::ShipmentLine;
use crate::domain::status::{Move, Status};
use crate::error::OrderError;
use crate::saga::stored;
use crate::store::{change, orders, promotion, shipment};

/// What is to happen to an order.
#[derive(Debug, Clone)]
pub enum Advance {
    /// It is called off, also while it is being checked out.
    Cancel {
        /// Why.
        reason: String,
    },
    /// Units of it are called off that have not left.
    CancelLines {
        /// The units.
        lines: Vec<ShipmentLine>,
        /// Why.
        reason: String,
    },
    /// A parcel leaves.
    Ship(Parcel),
    /// Everything that is on its way arrived.
    Deliver,
    /// One parcel came to its end.
    End {
        /// The parcel.
        shipment: ShipmentId,
        /// What became of it.
        end: End,
    },
}

/// Who lets it happen.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    /// The customer, to an order of their own.
    Customer(CustomerId),
    /// The staff, who are named in the audit log for it.
    Staff(&'a Actor),
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
        let covered = match advance {
            Advance::Ship(_) => self.inner.stock.covered(id).await?,
            _ => Vec::new(),
        };
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
            if order.is_decided_by_its_exchange() {
                return Err(OrderError::state(&order));
            }
            return self.call_off(tx, &order, reason, key, by).await;
        }
        let from = order.status;
        match advance {
            Advance::Cancel { reason } => cancel(&mut tx, &mut order, reason).await?,
            Advance::CancelLines { lines, reason } => {
                let By::Staff(staff) = by else { return Err(OrderError::NotFound) };
                let change = self.cancel_lines(&mut tx, &mut order, lines, reason, staff).await?;
                if change.is_none() {
                    cancel(&mut tx, &mut order, reason).await?;
                }
            }
            Advance::Ship(parcel) => ship::leave(&mut tx, &mut order, parcel, &covered).await?,
            Advance::Deliver => ship::deliver(&mut tx, &mut order).await?,
            Advance::End { shipment, end } => {
                ship::end(&mut tx, &mut order, *shipment, end).await?;
            }
        }
        if order.status == Status::Cancelled {
            self.give_credit_back(&mut tx, &order, advance, by).await?;
        }
        order.updated_at = tx.now();
        if let By::Staff(staff) = by {
            let entry = entry(&order, from, order.status, advance)?;
            audit::record(&mut tx, staff, &[entry]).await?;
        }
        let customer = order.customer_id;
        let body = serde_json::to_string(&order.view(payment))
            .map_err(|error| platform::sql::Error::Inconsistent(error.to_string()))?;
        let answer = Answer { status: 200, body };
        if let Some(key) = key {
            let stored = stored(tx.db(), key, customer, answer.clone()).await?;
            idempotency::finish(&mut tx, &key.scope, &key.key, &stored).await?;
        }
        tx.commit().await?;
        Ok(Tried::Moved(answer))
    }
}

/// What the audit log keeps of an order that moved on.
#[derive(Serialize)]
struct Stands<'a> {
    status: Status,
    #[serde(flatten)]
    parcel: Option<&'a Parcel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipment: Option<ShipmentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// Units that were called off.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled: Option<&'a [ShipmentLine]>,
    /// What an order that is called off cost; what was not given back before goes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<Money>,
}

pub(super) fn entry(
    order: &Order,
    from: Status,
    to: Status,
    advance: &Advance,
) -> platform::sql::Result<Entry> {
    let stands = |status| Stands {
        status,
        parcel: None,
        shipment: None,
        reason: None,
        cancelled: None,
        total: None,
    };
    let (before, after) = (stands(from), stands(to));
    let (action, after) = match advance {
        Advance::Cancel { reason } => {
            let total = Some(order.totals.total);
            ("order.cancel", Stands { reason: Some(reason), total, ..after })
        }
        Advance::CancelLines { lines, reason } => {
            let (reason, cancelled) = (Some(reason.as_str()), Some(lines.as_slice()));
            ("order.cancel_lines", Stands { reason, cancelled, ..after })
        }
        Advance::Ship(parcel) => ("order.ship", Stands { parcel: Some(parcel), ..after }),
        Advance::Deliver => ("order.deliver", after),
        Advance::End { shipment, end: End::Delivered } => {
            ("shipment.deliver", Stands { shipment: Some(*shipment), ..after })
        }
        Advance::End { shipment, end: End::Lost { reason } } => {
            let shipment = Some(*shipment);
            ("shipment.lose", Stands { shipment, reason: Some(reason), ..after })
        }
    };
    Entry::changed(action, order.id.uuid(), &before, &after)
}

async fn cancel(tx: &mut Tx, order: &mut Order, reason: &str) -> Result<(), OrderError> {
    let to = order.status.after(Move::Cancel).filter(|_| order.allowed().contains(&"cancel"));
    let to = to.ok_or_else(|| OrderError::state(order))?;
    if !orders::move_on(tx, order, to, 1).await? {
        return Err(OrderError::Stale);
    }
    shipment::cancel(tx, order.id).await?;
    promotion::give_back(tx, order).await?;
    (order.status, order.version) = (to, order.version + 1);
    let changes = change::all_of(tx, order.id).await?;
    let event = OrderCancelled {
        order_id: order.id,
        customer_id: order.customer_id,
        lines: order.sold(),
        total: order.totals.total,
        confirmed_at: order.confirmed_at.unwrap_or(order.created_at),
        reason: reason.to_owned(),
        was_confirmed: true,
        refunded: refunded(&order.lines, &changes),
        replaces: None,
    };
    Ok(tx.emit(&event, order.version)?)
}
