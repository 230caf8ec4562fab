//! The checkout: reserve the stock, authorize the payment, book the shipment, confirm.
//!
//! ```text
//! step               undo
//! reserve_stock      release
//! authorize_payment  void, or refund if captured; may wait for the shopper (3-D Secure)
//! book_shipment      cancel the booking
//! confirm            none: what it made final is released by the undo of reserve_stock
//! ```

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use kernel::events::{OrderCancelled, OrderConfirmed, OrderFailed};
use kernel::id::{OrderId, PaymentId};
use kernel::ports::{
    Authorization, Authorize, Booking, Destination, Logistics, NextAction, PaymentView, Payments,
    Stock, StockError, StockLine,
};
use kernel::problem::{Problem, code};
use kernel::{Address, Clock, Money, Timestamp};
use platform::fault;
use platform::idempotency::Key;
use platform::saga::{Outcome, Saga, Step};
use platform::sql::{Error, Result, Tx};
use serde::{Deserialize, Serialize};

use super::{answer, outcome};
use crate::domain::bundle::exploded;
use crate::domain::order::{COMPENSATION, Compensation, Order, OrderFailure};
use crate::domain::status::{Move, Status};
use crate::store::{cart, orders, promotion};

/// How long stock stays promised after the shopper's time to authenticate has ended.
const MARGIN: TimeDelta = TimeDelta::minutes(2);

/// What the steps may touch.
pub struct Ports {
    /// Stock.
    pub stock: Arc<dyn Stock>,
    /// Payments.
    pub payments: Arc<dyn Payments>,
    /// The carrier.
    pub logistics: Arc<dyn Logistics>,
    /// The clock.
    pub clock: Clock,
    /// How long stock is promised to an order that is not confirmed.
    pub hold: TimeDelta,
}

/// The state of a checkout.
#[derive(Clone, Serialize, Deserialize)]
pub struct Checkout {
    order_id: OrderId,
    lines: Vec<StockLine>,
    total: Money,
    token: String,
    address: Address,
    method: String,
    key: Key,
    trace: String,
    payment: Option<PaymentId>,
    challenge: Option<Challenge>,
    /// The payment after it was let go.
    let_go: Option<PaymentView>,
}

/// How a checkout is called off; it is kept with the reason that its saga is given up for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CalledOff {
    /// Why.
    pub reason: String,
    /// The command that is answered when it is done.
    pub key: Option<Key>,
}

/// The member of the reason that holds [`CalledOff`].
const CALLED_OFF: &str = "called_off";

impl CalledOff {
    /// The reason to give the saga up for.
    pub fn problem(&self) -> Problem {
        let detail = "The order was cancelled before its checkout had ended; nothing is charged.";
        Problem::new(code::ORDER_CANCELLED, detail).with(CALLED_OFF, self)
    }

    /// How the checkout was called off, if that is the reason, and what others are told of it.
    fn of(why: &Problem) -> Option<(Self, Problem)> {
        let mut told = why.clone();
        let called_off = told.extra.remove(CALLED_OFF)?;
        Some((Self::deserialize(called_off).ok()?, told))
    }
}

/// What the shopper has to do.
#[derive(Clone, Serialize, Deserialize)]
struct Challenge {
    url: String,
    until: Timestamp,
}

impl Checkout {
    /// The checkout of a new order.
    pub fn of(order: &Order, token: &str, key: &Key, trace: String) -> Self {
        Self {
            order_id: order.id,
            lines: exploded(order.lines.iter().map(|line| line.units(line.quantity))),
            total: order.totals.total,
            token: token.to_owned(),
            address: order.shipping_address.clone(),
            method: order.shipping_method.clone(),
            key: key.clone(),
            trace,
            payment: None,
            challenge: None,
            let_go: None,
        }
    }

    fn payment_view(&self, status: &str) -> Option<PaymentView> {
        let next_action =
            self.challenge.as_ref().filter(|_| status == "action_required").map(|challenge| {
                NextAction { kind: "redirect".to_owned(), url: challenge.url.clone() }
            });
        self.payment.map(|id| PaymentView { id, status: status.to_owned(), next_action })
    }

    async fn load(&self, tx: &mut Tx) -> Result<Order> {
        let missing = || Error::Inconsistent(format!("checkout of {} has no order", self.order_id));
        orders::load(tx, self.order_id).await?.ok_or_else(missing)
    }

    /// Stores what the shopper is answered, if nothing has been answered yet.
    async fn answer(&self, tx: &mut Tx, status: u16, body: &impl Serialize) -> Result<()> {
        answer(tx, &self.key, status, body).await
    }

    async fn confirmed(&self, tx: &mut Tx) -> Result<()> {
        let mut order = self.load(tx).await?;
        let Some(to) = order.status.after(Move::Confirm) else { return Ok(()) };
        keep(orders::move_on(tx, &order, to, 1).await?, &order)?;
        let event = OrderConfirmed {
            order_id: order.id,
            number: order.number.clone(),
            customer_id: order.customer_id,
            lines: order.sold(),
            total: order.totals.total,
        };
        tx.emit(&event, order.version + 1)?;
        cart::ordered(tx, order.cart_id, order.id).await?;
        (order.status, order.updated_at) = (to, tx.now());
        self.answer(tx, 201, &order.view(self.payment_view("authorized"))).await
    }

    async fn failed(&self, tx: &mut Tx, why: &Problem) -> Result<()> {
        let mut order = self.load(tx).await?;
        let Some(to) = order.status.after(Move::Fail) else { return Ok(()) };
        let compensation = Compensation::of(why);
        let (code, detail) = (why.code.clone(), why.detail.clone());
        order.failure = Some(OrderFailure { code, detail, compensation });
        keep(orders::move_on(tx, &order, to, 1).await?, &order)?;
        let event = OrderFailed {
            order_id: order.id,
            customer_id: order.customer_id,
            code: why.code.clone(),
            detail: why.detail.clone(),
            compensation: compensation.map(|kind| kind.word().to_owned()),
            replaces: None,
        };
        tx.emit(&event, order.version + 1)?;
        give_back(tx, &order).await?;
        self.refuse(tx, why).await
    }

    /// The order was called off while it was checked out: it was never sold.
    async fn called_off(&self, tx: &mut Tx, how: CalledOff, told: &Problem) -> Result<()> {
        let mut order = self.load(tx).await?;
        let Some(to) = order.status.after(Move::Cancel) else { return Ok(()) };
        keep(orders::move_on(tx, &order, to, 1).await?, &order)?;
        let event = OrderCancelled {
            order_id: order.id,
            customer_id: order.customer_id,
            lines: order.sold(),
            total: order.totals.total,
            confirmed_at: order.created_at,
            reason: how.reason,
            was_confirmed: fault::bug("cancelled_checkout_was_sold"),
            refunded: None,
            replaces: None,
        };
        tx.emit(&event, order.version + 1)?;
        give_back(tx, &order).await?;
        self.refuse(tx, told).await?;
        let Some(key) = how.key else { return Ok(()) };
        (order.status, order.updated_at) = (to, tx.now());
        answer(tx, &key, 200, &order.view(self.let_go.clone())).await
    }

    /// Tells whoever placed the order and was not answered yet that it came to nothing.
    async fn refuse(&self, tx: &mut Tx, why: &Problem) -> Result<()> {
        let mut problem = why.clone().with("order_id", self.order_id);
        problem.request_id = (!self.trace.is_empty()).then(|| self.trace.clone());
        self.answer(tx, problem.status, &problem).await
    }
}

/// The cart can be ordered again, and what was claimed of promotions be used by others.
async fn give_back(tx: &mut Tx, order: &Order) -> Result<()> {
    cart::let_go(tx, order.cart_id, order.id).await?;
    bring_over(tx, order).await?;
    promotion::give_back(tx, order).await
}

/// The cart of a guest who has logged in meanwhile goes into the one of the account. While that is being
/// ordered itself, nothing can be put into it: what the guest had stays behind.
async fn bring_over(tx: &mut Tx, order: &Order) -> Result<()> {
    let Some((from, customer)) = cart::stranded(tx, order.id).await? else { return Ok(()) };
    if let Some(into) = cart::touch(tx, customer).await? {
        return cart::merge(tx, from, into).await;
    }
    tracing::warn!(order = %order.id, "a guest's cart stays behind: the account orders");
    Ok(())
}

/// The saga alone moves an order that is being checked out; anything else is a bug.
fn keep(moved: bool, order: &Order) -> Result<()> {
    if moved {
        return Ok(());
    }
    Err(Error::Inconsistent(format!("order {} moved during its checkout", order.number)))
}

#[async_trait]
impl Saga for Checkout {
    const KIND: &'static str = "checkout.v1";
    type Ports = Ports;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&ReserveStock, &AuthorizePayment, &BookShipment, &Confirm]
    }

    async fn waiting(&mut self, tx: &mut Tx) -> Result<()> {
        let mut order = self.load(tx).await?;
        if order.status != Status::AwaitingPayment {
            let Some(to) = order.status.after(Move::AwaitPayment) else { return Ok(()) };
            keep(orders::move_on(tx, &order, to, 0).await?, &order)?;
            (order.status, order.updated_at) = (to, tx.now());
        }
        self.answer(tx, 201, &order.view(self.payment_view("action_required"))).await
    }

    async fn ended(&mut self, tx: &mut Tx, failure: Option<&Problem>) -> Result<()> {
        match failure {
            None => self.confirmed(tx).await,
            Some(why) => match CalledOff::of(why) {
                Some((how, told)) => self.called_off(tx, how, &told).await,
                None => self.failed(tx, why).await,
            },
        }
    }
}

struct ReserveStock;

#[async_trait]
impl Step<Checkout> for ReserveStock {
    fn name(&self) -> &'static str {
        "reserve_stock"
    }

    async fn run(&self, saga: &mut Checkout, ports: &Ports) -> Outcome {
        let until = ports.clock.now() + ports.hold;
        let Address { country, postal_code, .. } = saga.address.clone();
        let to = Destination { country, postal_code };
        stock_outcome(ports.stock.reserve(saga.order_id, &saga.lines, Some(&to), until).await)
    }

    async fn undo(&self, saga: &mut Checkout, ports: &Ports) -> std::result::Result<(), String> {
        ports.stock.release(saga.order_id).await.map_err(|error| error.to_string())
    }
}

fn stock_outcome(result: std::result::Result<(), StockError>) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(StockError::OutOfStock(lines)) => {
            let detail = "There is not enough of the products named; nothing was charged.";
            Outcome::Reject(Problem::new(code::OUT_OF_STOCK, detail).with("lines", lines))
        }
        Err(StockError::ReservationEnded) => {
            let detail = "The stock was no longer held for this order; nothing was charged.";
            let problem = Problem::new(code::ORDER_NOT_COMPLETED, detail);
            Outcome::Reject(problem.with(COMPENSATION, Compensation::InventoryUnavailable))
        }
        Err(StockError::Unavailable(error)) => Outcome::Retry(error.to_string()),
    }
}

struct AuthorizePayment;

#[async_trait]
impl Step<Checkout> for AuthorizePayment {
    fn name(&self) -> &'static str {
        "authorize_payment"
    }

    async fn run(&self, saga: &mut Checkout, ports: &Ports) -> Outcome {
        if saga.total.minor() == 0 {
            return Outcome::Done;
        }
        let mut key = format!("{}/authorize", saga.order_id);
        if fault::bug("every_try_pays_again") {
            key = platform::random::token();
        }
        let request = Authorize {
            order_id: saga.order_id,
            key,
            amount: saga.total,
            token: saga.token.clone(),
        };
        match ports.payments.authorize(request).await {
            Ok(Authorization::Authorized(payment)) => {
                saga.payment = Some(payment);
                Outcome::Done
            }
            Ok(Authorization::ActionRequired { payment_id, url, until }) => {
                let held = ports.stock.extend(saga.order_id, until + MARGIN).await;
                saga.payment = Some(payment_id);
                saga.challenge = Some(Challenge { url, until });
                match stock_outcome(held) {
                    Outcome::Done => Outcome::Wait(until),
                    // The payment was asked for, so its undo must follow.
                    Outcome::Reject(problem) => Outcome::GiveUp(problem),
                    other => other,
                }
            }
            Err(error) => outcome::unpaid(error),
        }
    }

    async fn undo(&self, saga: &mut Checkout, ports: &Ports) -> std::result::Result<(), String> {
        let told = |error: kernel::ports::Unavailable| error.to_string();
        ports.payments.cancel(saga.order_id).await.map_err(told)?;
        let payments = ports.payments.of_orders(&[saga.order_id]).await.map_err(told)?;
        saga.let_go = payments.into_iter().next().map(|(_, payment)| payment);
        Ok(())
    }
}

struct BookShipment;

#[async_trait]
impl Step<Checkout> for BookShipment {
    fn name(&self) -> &'static str {
        "book_shipment"
    }

    async fn run(&self, saga: &mut Checkout, ports: &Ports) -> Outcome {
        let booking = Booking {
            order_id: saga.order_id,
            address: saga.address.clone(),
            method: saga.method.clone(),
        };
        outcome::book(ports.logistics.as_ref(), booking, |why| {
            format!("The order cannot be shipped: {why}. Nothing was charged.")
        })
        .await
    }

    async fn undo(&self, saga: &mut Checkout, ports: &Ports) -> std::result::Result<(), String> {
        outcome::recall(ports.logistics.as_ref(), saga.order_id).await
    }
}

struct Confirm;

#[async_trait]
impl Step<Checkout> for Confirm {
    fn name(&self) -> &'static str {
        "confirm"
    }

    async fn run(&self, saga: &mut Checkout, ports: &Ports) -> Outcome {
        stock_outcome(ports.stock.commit(saga.order_id).await)
    }
}
