//! An edit of a confirmed order: promise what it has more of, set aside what it costs more, then make the
//! order what it is from now on.
//!
//! ```text
//! step          undo
//! reserve_more  take it back
//! charge_more   void, or refund if captured; may wait for the shopper (3-D Secure)
//! ```
//!
//! What it costs less has its place in the order's balance from the commit on that begins the edit: a refund
//! in between cannot take it, since nothing would undo the steps once all of them are done. The order
//! changes in the commit that ends the saga. What it has less of, and what it costs less, is
//! given back after that, and never taken back again.

use std::sync::Arc;

use async_trait::async_trait;
use kernel::events::{OrderEditFailed, OrderEdited};
use kernel::id::{ChangeId, OrderId, PaymentId};
use kernel::ports::{
    ChargeMore, DearerBy, Destination, NextAction, Payer, PaymentView, Payments, PersonKey, Stock,
    StockError,
};
use kernel::problem::{Problem, code};
use kernel::{Address, Money};
use platform::fault;
use platform::idempotency::Key;
use platform::personal::Kept;
use platform::saga::{Outcome, Saga, Step};
use platform::sql::{Db, Error, Result, Tx};
use serde::{Deserialize, Serialize};

use super::{answer, answer_with, outcome, personal};
use crate::domain::breakdown::breakdown;
use crate::domain::edit::Edited;
use crate::domain::order::Order;
use crate::domain::status::Status;
use crate::store::balance::ORDER_REFUNDED;
use crate::store::change;
use crate::store::{self, edit, orders};

/// What the steps may touch.
pub struct Ports {
    /// Stock.
    pub stock: Arc<dyn Stock>,
    /// Payments.
    pub payments: Arc<dyn Payments>,
    /// The database, whose keys open what is personal.
    pub db: Db,
}

/// The state of an edit.
#[derive(Clone, Serialize, Deserialize)]
pub struct Edit {
    /// The order.
    pub order_id: OrderId,
    /// The edit.
    pub change_id: ChangeId,
    /// What the order is after it.
    pub after: Edited,
    /// What the order costs more after it, or less.
    pub due: Money,
    /// What more is paid with.
    pub token: Option<String>,
    /// Who pays that; an edit of old does not know it.
    #[serde(default)]
    pub payer: Option<Kept<Payer>>,
    /// Why it is edited.
    pub reason: String,
    /// The command that is answered.
    pub key: Key,
    /// The payment of what it costs more.
    pub payment: Option<PaymentId>,
    /// Where the shopper is sent to confirm it.
    pub challenge: Option<String>,
    /// The payment of what was placed, as the answer shows it.
    pub shown: Option<PaymentView>,
}

impl Edit {
    async fn load(&self, tx: &mut Tx) -> Result<Order> {
        let missing = || Error::Inconsistent(format!("edit of {} has no order", self.order_id));
        orders::load(tx, self.order_id).await?.ok_or_else(missing)
    }

    /// Stores what the command is answered, if it has no answer yet.
    async fn answer(&self, tx: &mut Tx, status: u16, body: &impl Serialize) -> Result<()> {
        answer(tx, &self.key, status, body).await
    }

    /// Where the order goes from now on, and the key of its customer; nothing when they were erased meanwhile: what
    /// was charged and promised stays right all the same.
    async fn address(&self, db: &Db, order: &Order) -> Result<Option<(Address, Arc<PersonKey>)>> {
        let key = match store::personal::key(db, order.customer_id).await {
            Ok(key) => key,
            Err(Error::Erased) => return Ok(None),
            Err(error) => return Err(error),
        };
        match personal::opened(db, self.order_id, &self.after.address).await {
            Ok(address) => Ok(Some((address, key))),
            Err(Error::Erased) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn applied(&self, tx: &mut Tx) -> Result<()> {
        change::lock_order(tx, self.order_id).await?;
        let before = self.load(tx).await?;
        let address = self.address(tx.db(), &before).await?;
        let address = address.as_ref().map(|(address, key)| (address, key.as_ref()));
        let applied = edit::apply(tx, &before, self.change_id, &self.after, address).await?;
        let Some(version) = applied else {
            let detail = format!("The order is {}; it was not edited.", before.status.word());
            let problem = Problem::new(code::ORDER_STATE, detail);
            let problem = problem.with("order_status", before.status);
            return self.failed(tx, &problem.with("allowed", before.allowed())).await;
        };
        // What it costs less is on its way back from now on.
        if self.due.minor() >= 0 && !edit::end(tx, self.change_id, None, self.due).await? {
            return Err(Error::Inconsistent(format!("edit {} has ended", self.change_id)));
        }
        let order = self.load(tx).await?;
        let event = OrderEdited {
            order_id: order.id,
            change_id: self.change_id,
            customer_id: order.customer_id,
            lines_before: before.sold(),
            lines: order.sold(),
            released: self.after.released.clone(),
            total_before: before.totals.total,
            total: order.totals.total,
            breakdown_before: Some(breakdown(&before)),
            breakdown: Some(breakdown(&order)),
            confirmed_at: order.confirmed_at.unwrap_or(order.created_at),
            reason: self.reason.clone(),
        };
        tx.emit(&event, version)?;
        answer_with(tx, &self.key, 200, (order, self.shown.clone())).await
    }

    /// The order stays what it was.
    async fn failed(&self, tx: &mut Tx, why: &Problem) -> Result<()> {
        let order = self.load(tx).await?;
        if let Some(version) = edit::let_go(tx, order.id, self.change_id).await? {
            let has_ended = edit::end(tx, self.change_id, Some(&why.detail), self.due).await?;
            let less = -self.due.minor();
            if has_ended && less > 0 {
                let back = ORDER_REFUNDED.give(tx, &[(order.id, less)]).await?;
                back.map_err(|_| {
                    Error::Inconsistent(format!("{} was to cost less", order.number))
                })?;
            }
            let event = OrderEditFailed {
                order_id: order.id,
                change_id: self.change_id,
                customer_id: order.customer_id,
                code: why.code.clone(),
                detail: why.detail.clone(),
            };
            tx.emit(&event, version)?;
        }
        let problem = why.clone().with("change_id", self.change_id);
        self.answer(tx, problem.status, &problem).await
    }
}

#[async_trait]
impl Saga for Edit {
    const KIND: &'static str = "edit.v1";
    type Ports = Ports;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&ReserveMore, &SetMoreAside]
    }

    /// It waits for the shopper: whoever edits the order is told where to send them.
    async fn waiting(&mut self, tx: &mut Tx) -> Result<()> {
        let Some(url) = &self.challenge else { return Ok(()) };
        let order = self.load(tx).await?;
        let waiting = Waiting {
            order_id: order.id,
            change_id: self.change_id,
            payment_id: self.payment,
            due: self.due,
            next_action: NextAction { kind: "redirect".to_owned(), url: url.clone() },
        };
        self.answer(tx, 202, &waiting).await
    }

    async fn ended(&mut self, tx: &mut Tx, failure: Option<&Problem>) -> Result<()> {
        match failure {
            None => self.applied(tx).await,
            Some(why) => self.failed(tx, why).await,
        }
    }
}

/// An edit that waits for the shopper to confirm what the order costs more.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = EditWaits)]
pub struct Waiting {
    order_id: OrderId,
    change_id: ChangeId,
    payment_id: Option<PaymentId>,
    /// What the order costs more.
    due: Money,
    /// Where to send the shopper.
    next_action: NextAction,
}

struct ReserveMore;

#[async_trait]
impl Step<Edit> for ReserveMore {
    fn name(&self) -> &'static str {
        "reserve_more"
    }

    async fn run(&self, saga: &mut Edit, ports: &Ports) -> Outcome {
        let added = &saga.after.added;
        if added.is_empty() {
            return Outcome::Done;
        }
        let address = match personal::opened(&ports.db, saga.order_id, &saga.after.address).await {
            Ok(address) => address,
            Err(error) => return personal::closed(&error),
        };
        let to = Destination { country: address.country, postal_code: address.postal_code };
        let key = saga.change_id.to_string();
        match ports.stock.reserve_more(saga.order_id, &key, added, Some(&to)).await {
            Ok(()) => Outcome::Done,
            Err(StockError::OutOfStock(lines)) => {
                let detail = "There is not enough of the products named; the order is as it was.";
                Outcome::Reject(Problem::new(code::OUT_OF_STOCK, detail).with("lines", lines))
            }
            Err(StockError::ReservationEnded) => Outcome::Reject(moved()),
            Err(StockError::Unavailable(error)) => Outcome::Retry(error.to_string()),
        }
    }

    async fn undo(&self, saga: &mut Edit, ports: &Ports) -> std::result::Result<(), String> {
        if saga.after.added.is_empty() || fault::bug("edit_keeps_its_units") {
            return Ok(());
        }
        let key = saga.change_id.to_string();
        let undone = ports.stock.take_back_more(saga.order_id, &key).await;
        undone.map_err(|error| error.to_string())
    }
}

struct SetMoreAside;

#[async_trait]
impl Step<Edit> for SetMoreAside {
    fn name(&self) -> &'static str {
        "charge_more"
    }

    async fn run(&self, saga: &mut Edit, ports: &Ports) -> Outcome {
        if saga.due.minor() <= 0 {
            return Outcome::Done;
        }
        let payer = match personal::payer(&ports.db, saga.order_id, saga.payer.as_ref()).await {
            Ok(payer) => payer,
            Err(error) => return personal::closed(&error),
        };
        let request = ChargeMore {
            order_id: saga.order_id,
            change: saga.change_id,
            by: DearerBy::Edit,
            key: format!("{}/charge", saga.change_id),
            amount: saga.due,
            token: saga.token.clone().unwrap_or_default(),
            payer,
        };
        let told = (&mut saga.payment, &mut saga.challenge);
        let outcome = outcome::charge(ports.payments.as_ref(), request, told).await;
        if !matches!(outcome, Outcome::Retry(_)) {
            // It was decided about.
            saga.payer = None;
        }
        outcome
    }

    async fn undo(&self, saga: &mut Edit, ports: &Ports) -> std::result::Result<(), String> {
        if saga.due.minor() <= 0 {
            return Ok(());
        }
        let undone = ports.payments.cancel_charge(saga.order_id, saga.change_id).await;
        undone.map_err(|error| error.to_string())
    }
}

/// The order's stock is promised to it no longer: it was called off meanwhile.
fn moved() -> Problem {
    let detail = "The order was called off meanwhile; it was not edited.";
    Problem::new(code::ORDER_STATE, detail).with("order_status", Status::Cancelled)
}
