//! Goods came back and what is sent instead is settled: charge what it costs more, book its parcel, keep its
//! units for good.
//!
//! ```text
//! step               undo
//! charge_difference  void, or refund if captured; may wait for the shopper (3-D Secure)
//! book_shipment      cancel the booking
//! confirm            none: its order is called off, and the stock follows that
//! ```
//!
//! The value of the goods was taken out of the balance of their order when they were looked at. The commit that
//! ends this saga decides what it was taken for: the replacement, or the customer.

use std::sync::Arc;

use async_trait::async_trait;
use kernel::events::{OrderCancelled, OrderConfirmed, OrderExchangeFailed, OrderExchanged};
use kernel::id::{ChangeId, OrderId, PaymentId};
use kernel::ports::{
    Booking, ChargeMore, DearerBy, Logistics, NextAction, Payer, Payments, Stock, StockError,
};
use kernel::problem::{Problem, code};
use kernel::{Address, Money};
use platform::idempotency::Key;
use platform::personal::Kept;
use platform::saga::{Outcome, Saga, Step};
use platform::sql::{Db, Error, Result, Tx};
use serde::{Deserialize, Serialize};

use super::{answer, outcome, personal};
use crate::domain::after_sale::Change;
use crate::domain::breakdown::{breakdown, tax_given};
use crate::domain::change_state::State;
use crate::domain::exchange::settle;
use crate::domain::order::Order;
use crate::domain::status::{Move, Status};
use crate::store::{change, exchange, orders};

/// What the steps may touch.
pub struct Ports {
    /// Stock.
    pub stock: Arc<dyn Stock>,
    /// Payments.
    pub payments: Arc<dyn Payments>,
    /// The carrier.
    pub logistics: Arc<dyn Logistics>,
    /// The database, whose keys open what is personal.
    pub db: Db,
}

/// The state of an exchange that is settled.
#[derive(Clone, Serialize, Deserialize)]
pub struct Exchange {
    /// The order whose goods came back.
    pub order_id: OrderId,
    /// The return.
    pub change_id: ChangeId,
    /// The order of what is sent instead.
    pub replacement_id: OrderId,
    /// The order whose payments hold the money.
    pub account_id: OrderId,
    /// Where it goes.
    pub address: Kept<Address>,
    /// How it goes there.
    pub method: String,
    /// What is still to be paid.
    pub due: Money,
    /// What it is paid with.
    pub token: String,
    /// Who pays that; an exchange of old does not know it.
    #[serde(default)]
    pub payer: Option<Kept<Payer>>,
    /// What is different each time the customer tries.
    pub attempt: String,
    /// The command that is answered, when the customer pays.
    pub key: Option<Key>,
    /// The payment.
    pub payment: Option<PaymentId>,
    /// Where the shopper is sent to confirm it.
    pub challenge: Option<String>,
    /// Whether it was declined: nothing is charged by this attempt, and the customer may make another one.
    pub is_declined: bool,
}

/// An exchange that waits for the shopper to confirm what they pay.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = ExchangeWaits)]
pub struct Waiting {
    change_id: ChangeId,
    payment_id: Option<PaymentId>,
    /// What is paid.
    due: Money,
    /// Where to send the shopper.
    next_action: NextAction,
}

/// A return with its order, whose row is held.
pub async fn load(tx: &mut Tx, order: OrderId, id: ChangeId) -> Result<(Order, Change)> {
    let missing = || Error::Inconsistent(format!("change {id} is not there"));
    change::lock_order(tx, order).await?;
    let order = orders::load(tx, order).await?.ok_or_else(missing)?;
    let change = change::load(tx, id).await?.ok_or_else(missing)?;
    Ok((order, change))
}

/// Calls the order of what was wanted instead off, if it waits; its stock is given back by whoever hears of
/// that. The row of the order whose goods come back is held.
pub async fn call_off(tx: &mut Tx, change: &Change, reason: &str) -> Result<()> {
    let id = change.exchange.as_ref().and_then(|exchange| exchange.replacement_id);
    let Some(id) = id else { return Ok(()) };
    let missing = || Error::Inconsistent(format!("replacement {id} is not there"));
    let order = orders::load(tx, id).await?.ok_or_else(missing)?;
    if !order.is_decided_by_its_exchange() {
        return Ok(());
    }
    if !orders::move_on(tx, &order, Status::Cancelled, 1).await? {
        return Err(Error::Inconsistent(format!("order {} moved", order.number)));
    }
    let event = OrderCancelled {
        order_id: order.id,
        customer_id: order.customer_id,
        lines: order.sold(),
        total: order.totals.total,
        confirmed_at: order.created_at,
        reason: reason.to_owned(),
        was_confirmed: false,
        refunded: None,
        replaces: Some(change.id),
    };
    tx.emit(&event, order.version + 1)
}

/// Nothing is sent instead: what was wanted is called off, and what was accepted goes back by whoever
/// hears of it. The order's row is held.
pub async fn give_up(tx: &mut Tx, order: &Order, change: &Change, why: &Problem) -> Result<()> {
    let replacement_id = change.exchange.as_ref().and_then(|exchange| exchange.replacement_id);
    let Some(replacement_id) = replacement_id else { return Ok(()) };
    if !exchange::give_up(tx, change.id, change.refund, &why.detail).await? {
        return Err(Error::Inconsistent(format!("exchange {} has ended", change.id)));
    }
    call_off(tx, change, &why.detail).await?;
    if !orders::move_on(tx, order, order.status, 1).await? {
        return Err(Error::Inconsistent(format!("order {} moved", order.number)));
    }
    let event = OrderExchangeFailed {
        order_id: order.id,
        change_id: change.id,
        customer_id: order.customer_id,
        replacement_id,
        refund: change.refund,
        code: why.code.clone(),
        detail: why.detail.clone(),
    };
    tx.emit(&event, order.version + 1)
}

impl Exchange {
    /// Stores what the command is answered, if it has no answer yet.
    async fn answer(&self, tx: &mut Tx, status: u16, body: &impl Serialize) -> Result<()> {
        let Some(key) = &self.key else { return Ok(()) };
        answer(tx, key, status, body).await
    }

    async fn exchanged(&self, tx: &mut Tx) -> Result<()> {
        let (order, change) = load(tx, self.order_id, self.change_id).await?;
        let odd = |what: &str| Error::Inconsistent(format!("exchange {}: {what}", self.change_id));
        let replacement = orders::load(tx, self.replacement_id).await?;
        let replacement = replacement.ok_or_else(|| odd("no replacement"))?;
        let how = settle(change.refund, replacement.totals.total).map_err(|_| odd("its money"))?;
        if how.due != self.due || exchange::settle(tx, change.id, how).await?.is_none() {
            return Err(odd("it is not being settled"));
        }
        let to = replacement.status.after(Move::Confirm).ok_or_else(|| odd("it has ended"))?;
        let is_confirmed = orders::move_on(tx, &replacement, to, 1).await?;
        if !is_confirmed || !orders::move_on(tx, &order, order.status, 1).await? {
            return Err(odd("an order moved"));
        }
        let confirmed = OrderConfirmed {
            order_id: replacement.id,
            number: replacement.number.clone(),
            customer_id: replacement.customer_id,
            lines: replacement.sold(),
            total: replacement.totals.total,
            breakdown: Some(breakdown(&replacement)),
            account_id: Some(self.account_id),
        };
        tx.emit(&confirmed, replacement.version + 1)?;
        let exchanged = OrderExchanged {
            order_id: order.id,
            change_id: change.id,
            customer_id: order.customer_id,
            replacement_id: replacement.id,
            account_id: self.account_id,
            credit: how.credit,
            credit_tax: Some(tax_given(&order, &change, how.credit)),
            charged: how.due,
            refund: how.refund,
            confirmed_at: order.confirmed_at.unwrap_or(order.created_at),
        };
        tx.emit(&exchanged, order.version + 1)?;
        let change = change::load(tx, self.change_id).await?.ok_or_else(|| odd("it is gone"))?;
        self.answer(tx, 200, &change.for_the_customer()).await
    }

    async fn failed(&self, tx: &mut Tx, why: &Problem) -> Result<()> {
        let (order, change) = load(tx, self.order_id, self.change_id).await?;
        let until = change.exchange.as_ref().and_then(|exchange| exchange.pay_until);
        let is_declined = why.code == code::PAYMENT_DECLINED.word;
        if is_declined && until.is_some_and(|until| tx.now() < until) {
            exchange::ask_again(tx, change.id).await?;
        } else if change.state == State::Settling {
            give_up(tx, &order, &change, why).await?;
        }
        let problem = why.clone().with("change_id", self.change_id);
        self.answer(tx, problem.status, &problem).await
    }
}

#[async_trait]
impl Saga for Exchange {
    const KIND: &'static str = "exchange.v1";
    type Ports = Ports;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&ChargeDifference, &BookShipment, &Confirm]
    }

    /// It waits for the shopper, who is told where to go.
    async fn waiting(&mut self, tx: &mut Tx) -> Result<()> {
        let Some(url) = &self.challenge else { return Ok(()) };
        let waiting = Waiting {
            change_id: self.change_id,
            payment_id: self.payment,
            due: self.due,
            next_action: NextAction { kind: "redirect".to_owned(), url: url.clone() },
        };
        self.answer(tx, 202, &waiting).await
    }

    async fn ended(&mut self, tx: &mut Tx, failure: Option<&Problem>) -> Result<()> {
        match failure {
            None => self.exchanged(tx).await,
            Some(why) => self.failed(tx, why).await,
        }
    }
}

struct ChargeDifference;

#[async_trait]
impl Step<Exchange> for ChargeDifference {
    fn name(&self) -> &'static str {
        "charge_difference"
    }

    async fn run(&self, saga: &mut Exchange, ports: &Ports) -> Outcome {
        if saga.due.minor() <= 0 {
            return Outcome::Done;
        }
        let payer = match personal::payer(&ports.db, saga.order_id, saga.payer.as_ref()).await {
            Ok(payer) => payer,
            Err(error) => return personal::closed(&error),
        };
        let request = ChargeMore {
            order_id: saga.account_id,
            change: saga.change_id,
            by: DearerBy::Exchange,
            key: format!("{}/charge/{}", saga.change_id, saga.attempt),
            amount: saga.due,
            token: saga.token.clone(),
            payer,
        };
        let told = (&mut saga.payment, &mut saga.challenge);
        let outcome = outcome::charge(ports.payments.as_ref(), request, told).await;
        saga.is_declined = matches!(outcome, Outcome::Reject(_));
        if !matches!(outcome, Outcome::Retry(_)) {
            // It was decided about.
            saga.payer = None;
        }
        outcome
    }

    async fn undo(&self, saga: &mut Exchange, ports: &Ports) -> std::result::Result<(), String> {
        if saga.due.minor() <= 0 || saga.is_declined {
            return Ok(());
        }
        let undone = ports.payments.cancel_charge(saga.account_id, saga.change_id).await;
        undone.map_err(|error| error.to_string())
    }
}

struct BookShipment;

#[async_trait]
impl Step<Exchange> for BookShipment {
    fn name(&self) -> &'static str {
        "book_shipment"
    }

    async fn run(&self, saga: &mut Exchange, ports: &Ports) -> Outcome {
        let address = match personal::opened(&ports.db, saga.order_id, &saga.address).await {
            Ok(address) => address,
            Err(error) => return personal::closed(&error),
        };
        let method = saga.method.clone();
        let booking = Booking { order_id: saga.replacement_id, address, method };
        outcome::book(ports.logistics.as_ref(), booking, |why| {
            format!("What is sent instead cannot be shipped: {why}.")
        })
        .await
    }

    async fn undo(&self, saga: &mut Exchange, ports: &Ports) -> std::result::Result<(), String> {
        // What was not paid was not booked, and may be paid by another attempt.
        if saga.is_declined {
            return Ok(());
        }
        outcome::recall(ports.logistics.as_ref(), saga.replacement_id).await
    }
}

struct Confirm;

#[async_trait]
impl Step<Exchange> for Confirm {
    fn name(&self) -> &'static str {
        "confirm"
    }

    async fn run(&self, saga: &mut Exchange, ports: &Ports) -> Outcome {
        match ports.stock.commit(saga.replacement_id).await {
            Ok(()) => Outcome::Done,
            Err(StockError::OutOfStock(_) | StockError::ReservationEnded) => {
                let detail = "What is sent instead was held for too long and is no longer there.";
                Outcome::Reject(Problem::new(code::OUT_OF_STOCK, detail))
            }
            Err(StockError::Unavailable(error)) => Outcome::Retry(error.to_string()),
        }
    }
}
