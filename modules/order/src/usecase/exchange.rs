//! Goods come back and others are sent instead: the shop approves it and sets these aside, and the customer
//! pays what they cost more, or gets their money back.

use std::time::Duration;

use chrono::TimeDelta;
use kernel::events::{OrderExchangeDue, OrderPlaced};
use kernel::id::{ChangeId, CustomerId, LineId, OrderId};
use kernel::ports::{Buyer, Destination, PersonKey, Taxed, Wanted};
use kernel::problem::{Problem, code};
use kernel::{Address, Money, Timestamp};
use platform::audit::{self, Actor, Entry};
use platform::idempotency::{self, Claim, Key};
use platform::random;
use platform::sql::{Error, Tx};
use platform::tasks::Tasks;
use serde::Serialize;

use super::changed::{Changed, Tried, claimed};
use super::edit::terms;
use super::place::check_token;
use crate::Orders;
use crate::domain::after_sale::{Change, Kind};
use crate::domain::bundle::exploded;
use crate::domain::cart::CartLine;
use crate::domain::change_state::{Fact, State};
use crate::domain::exchange::{Replaces, Settlement, settle};
use crate::domain::number::number;
use crate::domain::order::Order;
use crate::domain::status::Status;
use crate::domain::tax::LineTax;
use crate::domain::totals::{Priced, totals};
use crate::error::OrderError;
use crate::saga::exchange::{Exchange, give_up, load};
use crate::saga::personal::kept;
use crate::saga::replacement::Replacement;
use crate::store::balance::ORDER_REFUNDED;
use crate::store::change;
use crate::store::{exchange, orders, personal};

/// For how long it is tried to send something instead that nobody has to pay for.
const PATIENCE: TimeDelta = TimeDelta::days(1);
/// How often it is looked for exchanges that were not paid in time.
const LAPSE_EVERY: Duration = Duration::from_secs(1);

/// What the audit log keeps of the approval of an exchange.
#[derive(Serialize)]
struct Noted {
    change: ChangeId,
    replacement: OrderId,
    price: Money,
}

impl Orders {
    /// Approves the return of goods that are exchanged, once for the key: what is sent instead is set aside at
    /// the prices of today, all of it, or nothing is approved.
    pub async fn approve_exchange(
        &self,
        id: ChangeId,
        key: &Key,
        staff: &Actor,
    ) -> Result<Changed, OrderError> {
        if let Some(Claim::Done(answer)) = idempotency::find(&self.inner.db, key).await? {
            return Ok(Changed::Answered { answer, replayed: true });
        }
        let tried = platform::sql::retry(|| self.try_approve(id, key, staff)).await?;
        self.changed(tried, key).await
    }

    /// The customer pays what is sent instead costs more, once for the key.
    pub async fn pay_difference(
        &self,
        id: ChangeId,
        customer: CustomerId,
        token: &str,
        key: &Key,
    ) -> Result<Changed, OrderError> {
        check_token("payment.token", token)?;
        let tried = platform::sql::retry(|| self.try_pay(id, customer, token, key)).await?;
        self.changed(tried, key).await
    }

    async fn try_approve(
        &self,
        id: ChangeId,
        key: &Key,
        staff: &Actor,
    ) -> Result<Tried, OrderError> {
        let known = change::find(&self.inner.db, id).await?.ok_or(OrderError::NotFound)?;
        known.clone().apply(Fact::Approved)?;
        let order = orders::find(&self.inner.db, known.order_id).await?;
        let order = order.ok_or(OrderError::NotFound)?;
        // Priced before the unit of work begins: it holds SQLite's only writer.
        let mut instead = self.replacement(&order, &known).await?;
        let person = personal::key(&self.inner.db, order.customer_id).await?;
        let mut tx = self.inner.db.begin("order.exchange_approve").await?;
        if let Some(answer) = claimed(&mut tx, key).await? {
            tx.commit().await?;
            return Ok(Tried::Replayed(answer));
        }
        let (order, change) = load(&mut tx, order.id, id).await?;
        change.clone().apply(Fact::Approved)?;
        if let Some(before) = change.exchange.as_ref().and_then(|it| it.replacement_id) {
            let before = orders::load(&mut tx, before).await?;
            if before.is_some_and(|before| before.is_decided_by_its_exchange()) {
                return Err(Problem::new(code::CONFLICT, "It is being approved.").into());
            }
        }
        // A guest may have logged in meanwhile.
        instead.customer_id = order.customer_id;
        (instead.created_at, instead.updated_at) = (tx.now(), tx.now());
        if !orders::insert(&mut tx, &instead, &person).await? {
            // The next try draws another number.
            return Err(OrderError::Stale);
        }
        exchange::link(&mut tx, &instead, id).await?;
        let price = instead.totals.total;
        let placed = OrderPlaced {
            order_id: instead.id,
            number: instead.number.clone(),
            customer_id: instead.customer_id,
            total: price,
        };
        tx.emit(&placed, instead.version)?;
        let noted = Noted { change: id, replacement: instead.id, price };
        let entry = Entry::done("order.return_approve", order.id.uuid(), &noted)?;
        audit::record(&mut tx, staff, &[entry]).await?;
        let saga = self.reserving(&instead, &change, key, &person)?;
        let deadline = tx.now() + TimeDelta::seconds(self.inner.settings.checkout_deadline_s);
        let running = self.inner.replacements.start(&mut tx, id.uuid(), &saga, deadline).await?;
        tx.commit().await?;
        Ok(Tried::Begun(id, running))
    }

    fn reserving(
        &self,
        instead: &Order,
        change: &Change,
        key: &Key,
        person: &PersonKey,
    ) -> platform::sql::Result<Replacement> {
        let Address { country, postal_code, .. } = instead.shipping_address.clone();
        let to = Destination { country, postal_code };
        Ok(Replacement {
            order_id: change.order_id,
            change_id: change.id,
            instead_id: instead.id,
            lines: exploded(instead.lines.iter().map(|line| line.units(line.quantity))),
            to: kept(person, change.order_id, &to)?,
            until: self.held_until(instead),
            key: key.clone(),
        })
    }

    /// Until when the units of what is sent instead are held for it.
    fn held_until(&self, instead: &Order) -> Timestamp {
        instead.created_at + TimeDelta::days(self.inner.settings.exchange_hold_days)
    }

    /// The order of what is sent instead: it goes where the other one went, in its currency, without
    /// promotions, and its shipping costs nothing.
    async fn replacement(&self, order: &Order, change: &Change) -> Result<Order, OrderError> {
        let wanted = change.exchange.as_ref().map(|exchange| exchange.wanted.as_slice());
        let wanted = wanted.ok_or(OrderError::NotFound)?;
        let new: Vec<CartLine> = wanted
            .iter()
            .map(|it| CartLine {
                id: LineId::new(),
                product_id: it.product_id,
                quantity: it.quantity,
            })
            .collect();
        let asked: Vec<Wanted> = new.iter().map(CartLine::wanted).collect();
        let address = &order.shipping_address;
        let buyer = Buyer { country: Some(&address.country), group: None };
        let offers = self.inner.catalog.offers(buyer, &asked).await?;
        let terms = terms(order, &offers);
        let lines = self.new_lines(order, &new, &offers, terms).await?;
        let none = Money::zero(order.totals.total.currency());
        let priced: Vec<Priced> = lines
            .iter()
            .map(|line| Priced { unit: line.unit_price, quantity: line.quantity })
            .collect();
        let taxes = lines.iter().filter_map(|line| line.tax).map(|tax| tax.amount);
        let tax = Money::sum(none.currency(), taxes)?;
        let totals = totals(none.currency(), &priced, none, none, tax, terms.included)?;
        let rate_ppm = order.shipping_tax.map_or(0, LineTax::rate_ppm);
        Ok(Order {
            id: OrderId::new(),
            number: number(random::between(0, (1 << 50) - 1)),
            status: Status::Pending,
            lines,
            totals,
            coupon: None,
            promotions: vec![],
            credit: vec![],
            shipments: vec![],
            shipping_tax: Some(Taxed { rate_ppm, tax: none }.into()),
            failure: None,
            version: 1,
            editing: None,
            replaces: Some(Replaces { return_id: change.id, account_id: order.account() }),
            confirmed_at: None,
            ..order.clone()
        })
    }

    /// What was accepted of the goods is known: asks for what what is sent instead costs more, or sends it.
    /// The value is taken out of the order's balance now, for the one or the other. `told` is the version of
    /// the event that asks.
    pub(super) async fn settle_exchange(
        &self,
        tx: &mut Tx,
        order: &Order,
        change: &mut Change,
        told: i64,
    ) -> Result<(), OrderError> {
        let odd = || Error::Inconsistent(format!("exchange {} has no replacement", change.id));
        let how = due(change)?.ok_or_else(odd)?;
        let found = change.exchange.as_mut().and_then(|it| Some((it.replacement_id?, it)));
        let (replacement_id, asked) = found.ok_or_else(|| {
            Error::Inconsistent("an exchange without a replacement is settled".to_owned())
        })?;
        let missing = || Error::Inconsistent(format!("replacement {replacement_id} is missing"));
        let instead = orders::load(tx, replacement_id).await?.ok_or_else(missing)?;
        let accepted = change.refund.minor();
        if accepted > 0 && ORDER_REFUNDED.take(tx, &[(order.id, accepted)]).await?.is_err() {
            return Err(OrderError::Stale);
        }
        if how.due.minor() > 0 {
            let days = TimeDelta::days(self.inner.settings.exchange_pay_days);
            let pay_until = (tx.now() + days).min(self.held_until(&instead));
            exchange::ask(tx, change.id, pay_until).await?;
            (asked.due, asked.pay_until) = (Some(how.due), Some(pay_until));
            let event = OrderExchangeDue {
                order_id: order.id,
                change_id: change.id,
                customer_id: order.customer_id,
                replacement_id,
                due: how.due,
                pay_until,
            };
            return Ok(tx.emit(&event, told)?);
        }
        if !exchange::begin(tx, change.id).await? {
            return Err(OrderError::Stale);
        }
        let deadline = tx.now() + PATIENCE;
        let person = personal::key(tx.db(), order.customer_id).await?;
        let asked = (String::new(), None);
        let saga = settling(&instead, change.id, order.id, how, asked, &person)?;
        self.inner.exchanges.start(tx, change.id.uuid(), &saga, deadline).await?;
        Ok(())
    }

    async fn try_pay(
        &self,
        id: ChangeId,
        customer: CustomerId,
        token: &str,
        key: &Key,
    ) -> Result<Tried, OrderError> {
        let known = change::find(&self.inner.db, id).await?.ok_or(OrderError::NotFound)?;
        // Had before the unit of work begins: it may be made in another database.
        let person = personal::key(&self.inner.db, customer).await?;
        let mut tx = self.inner.db.begin("order.exchange_pay").await?;
        if let Some(answer) = claimed(&mut tx, key).await? {
            tx.commit().await?;
            return Ok(Tried::Replayed(answer));
        }
        let (order, change) = load(&mut tx, known.order_id, id).await?;
        if order.customer_id != customer || change.kind != Kind::Return {
            return Err(OrderError::NotFound);
        }
        let asked = change.exchange.as_ref();
        let until = asked.and_then(|exchange| exchange.pay_until);
        let replacement = asked.and_then(|exchange| exchange.replacement_id);
        let how = due(&change)?.filter(|_| until.is_some_and(|until| tx.now() < until));
        let (Some(how), Some(replacement)) = (how, replacement) else {
            let detail = "There is nothing to pay for this return, or no more time for it.";
            return Err(Problem::new(code::ORDER_STATE, detail)
                .with("change_state", change.state)
                .with("allowed", change.state.allowed())
                .into());
        };
        if !exchange::begin(&mut tx, id).await? {
            return Err(Problem::new(code::CONFLICT, "It is being paid.").into());
        }
        let missing = || Error::Inconsistent(format!("replacement {replacement} is missing"));
        let instead = orders::load(&mut tx, replacement).await?.ok_or_else(missing)?;
        let deadline = tx.now() + TimeDelta::seconds(self.inner.settings.checkout_deadline_s);
        let asked = (token.to_owned(), Some(key.clone()));
        let saga = settling(&instead, id, order.id, how, asked, &person)?;
        let running = self.inner.exchanges.start(&mut tx, id.uuid(), &saga, deadline).await?;
        tx.commit().await?;
        Ok(Tried::Begun(id, running))
    }

    /// Ends exchanges that were not paid in time, for as long as the house is open.
    pub fn sweep(&self, tasks: &Tasks) {
        let orders = self.clone();
        tasks.every("order.exchanges", LAPSE_EVERY, None, move || {
            let orders = orders.clone();
            async move { orders.lapse().await }
        });
    }

    /// Gives customers their money back who did not pay in time. True when there may be more.
    pub async fn lapse(&self) -> platform::sql::Result<bool> {
        let lapsed = exchange::lapsed(&self.inner.db).await?;
        for (id, order) in &lapsed {
            let mut tx = self.inner.db.begin("order.exchange_lapse").await?;
            let (order, change) = load(&mut tx, *order, *id).await?;
            let asked = change.exchange.as_ref().filter(|exchange| !exchange.is_paying);
            let until = asked.and_then(|exchange| exchange.pay_until);
            if change.state == State::Settling && until.is_some_and(|until| until <= tx.now()) {
                let detail = "What is sent instead costs more, and that was not paid in time.";
                let why = Problem::new(code::ORDER_NOT_COMPLETED, detail);
                give_up(&mut tx, &order, &change, &why).await?;
            }
            tx.commit().await?;
        }
        Ok(!lapsed.is_empty())
    }
}

/// How a return is settled with what is sent instead; nothing when it is no exchange.
pub(super) fn due(change: &Change) -> Result<Option<Settlement>, OrderError> {
    let price = change.exchange.as_ref().and_then(|exchange| exchange.price);
    Ok(price.map(|price| settle(change.refund, price)).transpose()?)
}

fn settling(
    instead: &Order,
    change_id: ChangeId,
    order_id: OrderId,
    how: Settlement,
    (token, key): (String, Option<Key>),
    person: &PersonKey,
) -> platform::sql::Result<Exchange> {
    let payer = (how.due.minor() > 0).then(|| kept(person, order_id, &instead.payer(None)));
    Ok(Exchange {
        order_id,
        change_id,
        replacement_id: instead.id,
        account_id: instead.account(),
        address: kept(person, order_id, &instead.shipping_address)?,
        method: instead.shipping_method.clone(),
        due: how.due,
        token,
        payer: payer.transpose()?,
        attempt: random::token(),
        key,
        payment: None,
        challenge: None,
        is_declined: false,
    })
}
