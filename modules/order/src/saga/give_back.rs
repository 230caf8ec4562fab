//! Giving money of an order back: decided by a commit of the order, done by the payments, and kept in the
//! order's books.
//!
//! Its one step cannot be undone, so it is never given up: it waits until there is an answer.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use kernel::events::{OrderRefundFailed, OrderRefunded};
use kernel::id::{ChangeId, CustomerId, OrderId};
use kernel::ports::{Credit, Payments, Refund, Unavailable};
use kernel::problem::{Problem, code};
use kernel::{Clock, Money};
use platform::fault;
use platform::idempotency::Key;
use platform::saga::{Outcome, Saga, Step};
use platform::sql::{Error, Result, Tx};
use serde::{Deserialize, Serialize};

use super::answer;
use crate::domain::after_sale::{Change, Kind, RefundTo};
use crate::domain::breakdown::tax_given;
use crate::domain::change_state::Fact;
use crate::domain::given::units_given;
use crate::domain::order::Order;
use crate::domain::status::Status;
use crate::store::balance::ORDER_REFUNDED;
use crate::store::change::{self, Gone};
use crate::store::orders;

/// When it is asked again first, of payments that did not answer or have not taken the money yet. It
/// doubles, up to an hour: a shop may take it when the goods leave.
const AGAIN: TimeDelta = TimeDelta::seconds(1);
/// How often it doubles.
const DOUBLED_MAX: u32 = 12;

/// What the step may touch.
pub struct Ports {
    /// Payments.
    pub payments: Arc<dyn Payments>,
    /// Gift cards and store credit.
    pub credit: Arc<dyn Credit>,
    /// The clock.
    pub clock: Clock,
}

/// The state of a refund.
#[derive(Clone, Serialize, Deserialize)]
pub struct GiveBack {
    order_id: OrderId,
    /// The order whose payments hold the money, when it is another one.
    #[serde(default)]
    account_id: Option<OrderId>,
    change_id: ChangeId,
    amount: Money,
    /// Whose store credit it becomes, if it does not go back to the way the order was paid.
    #[serde(default)]
    becomes_credit_of: Option<CustomerId>,
    /// The command that is answered when it is done.
    key: Option<Key>,
    /// What of it was given back, when the rest was refused.
    given: Option<Money>,
    /// Whether it waits for money that was not taken yet.
    is_early: bool,
    /// How often it was asked for in vain.
    tries: u32,
}

impl GiveBack {
    /// The refund that a change of an order decided on; the command of `key` is answered with its end.
    pub fn of(order: &Order, change: &Change, key: Option<&Key>) -> Self {
        Self {
            order_id: change.order_id,
            account_id: order.replaces.map(|replaces| replaces.account_id),
            change_id: change.id,
            amount: change.refund,
            becomes_credit_of: change.refund_to.map(|RefundTo::StoreCredit| order.customer_id),
            key: key.cloned(),
            given: None,
            is_early: false,
            tries: 0,
        }
    }

    fn wait(&mut self, ports: &Ports) -> Outcome {
        let pause = AGAIN * (1 << self.tries.min(DOUBLED_MAX));
        self.tries += 1;
        Outcome::Wait(ports.clock.now() + pause)
    }

    async fn load(&self, tx: &mut Tx) -> Result<(Order, Change)> {
        let missing = || Error::Inconsistent(format!("change {} is not there", self.change_id));
        change::lock_order(tx, self.order_id).await?;
        let order = orders::load(tx, self.order_id).await?.ok_or_else(missing)?;
        let change = change::load(tx, self.change_id).await?.ok_or_else(missing)?;
        Ok((order, change))
    }

    /// Stores what the command is answered, if it has no answer yet.
    async fn answer(&self, tx: &mut Tx, status: u16, body: &impl Serialize) -> Result<()> {
        let Some(key) = &self.key else { return Ok(()) };
        answer(tx, key, status, body).await
    }

    /// Keeps the end of the change and tells it.
    async fn end(&self, tx: &mut Tx, why: Option<&Problem>) -> Result<Change> {
        let (order, mut change) = self.load(tx).await?;
        let (from, fact) = (change.state, why.map_or(Fact::Settled, |_| Fact::Refused));
        if change.apply(fact).is_err() {
            return Ok(change);
        }
        let none = Money::zero(self.amount.currency());
        let given = if why.is_some() { self.given.unwrap_or(none) } else { self.amount };
        change.refund = given;
        if let Some(why) = why {
            change.answer = Some(why.detail.clone());
        }
        if !change::move_on(tx, from, &change).await? {
            return Err(Error::Inconsistent(format!("change {} moved", change.id)));
        }
        let events = i64::from(given.minor() > 0) + i64::from(why.is_some());
        if !orders::move_on(tx, &order, order.status, events).await? {
            return Err(Error::Inconsistent(format!("order {} moved", order.number)));
        }
        let mut told = order.version;
        let (order_id, change_id, customer_id) = (order.id, change.id, order.customer_id);
        if given.minor() > 0 {
            told += 1;
            let event = OrderRefunded {
                order_id,
                change_id,
                customer_id,
                amount: given,
                tax: Some(tax_given(&order, &change, given)),
                account_id: self.account_id,
                confirmed_at: order.confirmed_at.unwrap_or(order.created_at),
                is_sold: order.status != Status::Cancelled,
                is_difference: change.kind == Kind::Edit,
                lines: units_given(&order.lines, &change),
            };
            tx.emit(&event, told)?;
        }
        let Some(why) = why else { return Ok(change) };
        let missing = self.amount.minor() - given.minor();
        let back = ORDER_REFUNDED.give(tx, &[(order_id, missing)]).await?;
        back.map_err(|_| Error::Inconsistent(format!("{order_id} was to give more back")))?;
        // It can be tried again; of units that were paid back in part the rest is given back by amount.
        if change.kind == Kind::Refund && given.minor() == 0 {
            let less = |quantity: i64| Gone { refunded: -quantity, ..Gone::default() };
            let counts: Vec<_> =
                change.lines.iter().map(|line| (line.line_id, less(line.quantity))).collect();
            if !change::count(tx, order_id, &counts).await? {
                return Err(Error::Inconsistent(format!("{order_id} refunded fewer units")));
            }
        }
        let event = OrderRefundFailed {
            order_id,
            change_id,
            customer_id,
            amount: Money::from_minor(missing, self.amount.currency()),
            reason: why.detail.clone(),
        };
        tx.emit(&event, told + 1)?;
        Ok(change)
    }
}

#[async_trait]
impl Saga for GiveBack {
    const KIND: &'static str = "refund.v1";
    type Ports = Ports;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&GiveMoneyBack]
    }

    async fn waiting(&mut self, tx: &mut Tx) -> Result<()> {
        if !self.is_early {
            return Ok(());
        }
        let (_, change) = self.load(tx).await?;
        self.answer(tx, 202, &change).await
    }

    async fn ended(&mut self, tx: &mut Tx, failure: Option<&Problem>) -> Result<()> {
        let change = self.end(tx, failure).await?;
        match failure {
            None => self.answer(tx, 200, &change).await,
            Some(why) => {
                let why = why.clone().with("change_id", change.id);
                self.answer(tx, why.status, &why).await
            }
        }
    }
}

struct GiveMoneyBack;

impl GiveMoneyBack {
    /// What gift cards and store credit paid is given back before what the card paid: it is given at once and for
    /// nothing, no dispute and no card that has ended stands in its way, and each gets at most what it paid.
    async fn ask(saga: &GiveBack, ports: &Ports) -> std::result::Result<Refund, Unavailable> {
        let account = saga.account_id.unwrap_or(saga.order_id);
        let (change, amount) = (saga.change_id, saga.amount);
        if let Some(customer) = saga.becomes_credit_of {
            ports.credit.refund(account, customer, change, amount).await?;
            return Ok(Refund::Given);
        }
        let of_credit = ports.credit.give_back(account, change, amount).await?;
        let rest = Money::from_minor(amount.minor() - of_credit.minor(), amount.currency());
        if rest.minor() == 0 {
            return Ok(Refund::Given);
        }
        let mut key = change.to_string();
        if fault::bug("refund_takes_a_new_key") {
            key = ChangeId::new().to_string();
        }
        Ok(match ports.payments.refund(account, &key, rest).await? {
            Refund::Refused { given, code, detail } => {
                let given = Money::from_minor(of_credit.minor() + given.minor(), given.currency());
                Refund::Refused { given, code, detail }
            }
            answer => answer,
        })
    }
}

#[async_trait]
impl Step<GiveBack> for GiveMoneyBack {
    fn name(&self) -> &'static str {
        "give_money_back"
    }

    async fn run(&self, saga: &mut GiveBack, ports: &Ports) -> Outcome {
        saga.is_early = false;
        match Self::ask(saga, ports).await {
            Ok(Refund::Given) => Outcome::Done,
            Ok(Refund::NotTaken) => {
                saga.is_early = true;
                saga.wait(ports)
            }
            Ok(Refund::Refused { given, code: word, detail }) => {
                saga.given = Some(given);
                let problem = Problem::new(code::CONFLICT, detail);
                Outcome::Reject(problem.with("refund_code", word))
            }
            Err(error) => {
                tracing::warn!(order = %saga.order_id, %error, "a refund is asked for again");
                saga.wait(ports)
            }
        }
    }

    /// What was given back stays so: only what was refused anyway can be given up.
    async fn undo(&self, saga: &mut GiveBack, ports: &Ports) -> std::result::Result<(), String> {
        match Self::ask(saga, ports).await {
            Ok(Refund::Refused { given, .. }) => {
                saga.given = Some(given);
                Ok(())
            }
            Ok(Refund::Given | Refund::NotTaken) => {
                Err("money that is given back is not taken again".to_owned())
            }
            Err(error) => Err(error.to_string()),
        }
    }
}
