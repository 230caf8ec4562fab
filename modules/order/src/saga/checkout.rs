//! The checkout: reserve the stock, authorize the payment, book the shipment, confirm.
//!
//! ```text
//! step               undo
//! reserve_stock      release
//! authorize_payment  void, or refund if captured, and give back what gift cards and store credit paid; may wait
//!                    for the shopper (3-D Secure)
//! book_shipment      cancel the booking
//! confirm            none: what it made final is released by the undo of reserve_stock
//! ```

mod pay;

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use kernel::events::{OrderCancelled, OrderConfirmed, OrderFailed};
use kernel::id::{CustomerId, OrderId, PaymentId};
use kernel::ports::{
    Booking, Credit, CreditPart, Destination, Logistics, NextAction, Payer, PaymentView, Payments,
    PersonKey, Stock, StockError, StockLine,
};
use kernel::problem::{Problem, code};
use kernel::{Address, Clock, Money, Timestamp};
use platform::fault;
use platform::idempotency::Key;
use platform::personal::Kept;
use platform::saga::{Outcome, Saga, Step};
use platform::sql::{Db, Error, Result, Tx};
use serde::{Deserialize, Serialize};

use super::{answer, answer_with, outcome, personal};
use crate::domain::breakdown::breakdown;
use crate::domain::bundle::exploded;
use crate::domain::order::{COMPENSATION, Compensation, Order, OrderFailure};
use crate::domain::status::{Move, Status};
use crate::store::{cart, orders, promotion};
use crate::usecase::credit::due;
use pay::Pay;

/// What the steps may touch.
pub struct Ports {
    /// Stock.
    pub stock: Arc<dyn Stock>,
    /// Payments.
    pub payments: Arc<dyn Payments>,
    /// Gift cards and store credit.
    pub credit: Arc<dyn Credit>,
    /// The carrier.
    pub logistics: Arc<dyn Logistics>,
    /// The clock.
    pub clock: Clock,
    /// The database, whose keys open what is personal.
    pub db: Db,
    /// How long stock is promised to an order that is not confirmed.
    pub hold: TimeDelta,
}

/// The state of a checkout.
#[derive(Clone, Serialize, Deserialize)]
pub struct Checkout {
    order_id: OrderId,
    lines: Vec<StockLine>,
    /// What is to be paid by card.
    total: Money,
    /// What gift cards and store credit pay, and whose that is.
    #[serde(default)]
    credit: Option<(CustomerId, Vec<CreditPart>)>,
    token: String,
    address: Kept<Address>,
    method: String,
    key: Key,
    trace: String,
    /// Who pays; a checkout of old does not know it.
    #[serde(default)]
    payer: Option<Kept<Payer>>,
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
    /// The checkout of a new order that was placed `from` an address.
    pub fn of(
        order: &Order,
        (token, from): (&str, Option<IpAddr>),
        key: &Key,
        trace: String,
        person: &PersonKey,
    ) -> Result<Self> {
        Ok(Self {
            order_id: order.id,
            lines: exploded(order.lines.iter().map(|line| line.units(line.quantity))),
            total: due(order.totals.total, &order.credit),
            credit: (!order.credit.is_empty()).then(|| (order.customer_id, order.credit.clone())),
            token: token.to_owned(),
            address: personal::kept(person, order.id, &order.shipping_address)?,
            method: order.shipping_method.clone(),
            key: key.clone(),
            trace,
            payer: Some(personal::kept(person, order.id, &order.payer(from))?),
            payment: None,
            challenge: None,
            let_go: None,
        })
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
            breakdown: Some(breakdown(&order)),
            account_id: None,
        };
        tx.emit(&event, order.version + 1)?;
        cart::ordered(tx, order.cart_id, order.id).await?;
        (order.status, order.updated_at) = (to, tx.now());
        answer_with(tx, &self.key, 201, (order, self.payment_view("authorized"))).await
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
        answer_with(tx, &key, 200, (order, self.let_go.clone())).await
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
        &[&ReserveStock, &Pay, &BookShipment, &Confirm]
    }

    async fn waiting(&mut self, tx: &mut Tx) -> Result<()> {
        let mut order = self.load(tx).await?;
        if order.status != Status::AwaitingPayment {
            let Some(to) = order.status.after(Move::AwaitPayment) else { return Ok(()) };
            keep(orders::move_on(tx, &order, to, 0).await?, &order)?;
            (order.status, order.updated_at) = (to, tx.now());
        }
        answer_with(tx, &self.key, 201, (order, self.payment_view("action_required"))).await
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
        let address = match personal::opened(&ports.db, saga.order_id, &saga.address).await {
            Ok(address) => address,
            Err(error) => return personal::closed(&error),
        };
        let Address { country, postal_code, .. } = address;
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

struct BookShipment;

#[async_trait]
impl Step<Checkout> for BookShipment {
    fn name(&self) -> &'static str {
        "book_shipment"
    }

    async fn run(&self, saga: &mut Checkout, ports: &Ports) -> Outcome {
        let address = match personal::opened(&ports.db, saga.order_id, &saga.address).await {
            Ok(address) => address,
            Err(error) => return personal::closed(&error),
        };
        let booking = Booking { order_id: saga.order_id, address, method: saga.method.clone() };
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
