//! Money of an order goes back to the way it was paid: decided in one commit with its place in the order's
//! balance, then done by a saga.

use chrono::TimeDelta;
use kernel::Money;
use kernel::id::{ChangeId, OrderId};
use kernel::problem::{Problem, code};
use platform::audit::{self, Actor, Entry};
use platform::fault;
use platform::idempotency::Key;
use platform::saga::Running;
use platform::sql::Tx;
use serde::Serialize;

use super::advance::{Advance, By};
use super::changed::{Changed, Tried, claimed};
use super::credit::has_left;
use crate::Orders;
use crate::domain::after_sale::{ActorKind, Change, ChangeLine, Kind, RefundTo};
use crate::domain::change_state::State;
use crate::domain::order::{Line, Order};
use crate::domain::share::{Owed, owed};
use crate::domain::shipment::{ShipmentLine, taken};
use crate::error::OrderError;
use crate::store::balance::{self, ORDER_REFUNDED};
use crate::store::change::{self, Gone};
use crate::store::orders;

/// A refund is never given up, but it is looked at by the books in the end.
pub const DEADLINE: TimeDelta = TimeDelta::days(3_650);

/// What is to be given back.
#[derive(Debug, Clone)]
pub enum What {
    /// So much.
    Amount(Money),
    /// What these units cost, which left and stay where they are.
    Lines(Vec<ShipmentLine>),
}

impl Orders {
    /// Gives money of an order back, once for the key.
    pub async fn refund(
        &self,
        id: OrderId,
        what: &What,
        to: Option<RefundTo>,
        reason: &str,
        key: &Key,
        staff: &Actor,
    ) -> Result<Changed, OrderError> {
        let kept = match to {
            None => i64::MAX,
            Some(RefundTo::StoreCredit) => self.creditable(id).await?,
        };
        let to = (to, kept);
        let tried =
            platform::sql::retry(|| self.try_refund(id, what, to, reason, key, staff)).await?;
        self.changed(tried, key).await
    }

    async fn try_refund(
        &self,
        id: OrderId,
        what: &What,
        (to, kept): (Option<RefundTo>, i64),
        reason: &str,
        key: &Key,
        staff: &Actor,
    ) -> Result<Tried, OrderError> {
        let mut tx = self.inner.db.begin("order.refund").await?;
        if let Some(answer) = claimed(&mut tx, key).await? {
            tx.commit().await?;
            return Ok(Tried::Replayed(answer));
        }
        change::lock_order(&mut tx, id).await?;
        let order = orders::load(&mut tx, id).await?.ok_or(OrderError::NotFound)?;
        if !order.status.is_sold() {
            return Err(OrderError::state(&order));
        }
        if to.is_some() {
            has_left(&order)?;
        }
        let left = balance::left(&mut tx, &order).await?;
        let (amount, lines) = match what {
            What::Amount(amount) => (within(*amount, left, &order)?, vec![]),
            What::Lines(units) => {
                if units.is_empty() {
                    return Err(Problem::invalid("lines", "must not be empty").into());
                }
                let have = "have left and were not paid back";
                taken(&order.lines, units, Line::refundable, have)?;
                let owed = owed(&order, units);
                (owed.total(left), lines(&order, units, &owed))
            }
        };
        if amount == 0 {
            let detail = "There is nothing left to give back.";
            return Err(too_much(detail, left, &order).into());
        }
        if amount > kept {
            let detail = "So much is not kept of what paid the order: it is disputed, was given back, or is not taken yet.";
            return Err(too_much(detail, kept.max(0), &order).into());
        }
        let counts: Vec<_> = lines
            .iter()
            .map(|line| (line.line_id, Gone { refunded: line.quantity, ..Gone::default() }))
            .collect();
        if !change::count(&mut tx, order.id, &counts).await? {
            return Err(OrderError::Stale);
        }
        let mut change = new_change(&mut tx, &order, Kind::Refund, amount, lines, (staff, reason));
        change.refund_to = to;
        let running = self.settle(&mut tx, &order, &change, Some(key)).await?;
        let Some(running) = running else { return Err(OrderError::Stale) };
        let told = Told::of(&change);
        let entry = Entry::done("order.refund", order.id.uuid(), &told)?;
        audit::record(&mut tx, staff, &[entry]).await?;
        tx.commit().await?;
        Ok(Tried::Begun(change.id, running))
    }

    /// Gives back what a replacement cost that was called off: its money is that of another order, and no
    /// payment of its own goes back for it.
    pub(super) async fn give_credit_back(
        &self,
        tx: &mut Tx,
        order: &Order,
        advance: &Advance,
        by: By<'_>,
    ) -> Result<(), OrderError> {
        let (Advance::Cancel { reason } | Advance::CancelLines { reason, .. }) = advance else {
            return Ok(());
        };
        if order.replaces.is_none() {
            return Ok(());
        }
        let amount = balance::left(tx, order).await?;
        if amount == 0 {
            return Ok(());
        }
        let staff = if let By::Staff(staff) = by { staff } else { &Actor::SYSTEM };
        let mut change = new_change(tx, order, Kind::Refund, amount, vec![], (staff, reason));
        if let By::Customer(customer) = by {
            (change.by, change.actor) = (ActorKind::Customer, Some(customer));
        }
        self.settle(tx, order, &change, None).await.map(drop)
    }

    /// Writes a new change that is decided, takes what it gives back out of the order's balance, and
    /// starts what pays it. Nothing runs when nothing is given back.
    pub(super) async fn settle(
        &self,
        tx: &mut Tx,
        order: &Order,
        change: &Change,
        key: Option<&Key>,
    ) -> Result<Option<Running>, OrderError> {
        change::insert(tx, change).await?;
        self.pay_back(tx, order, change, key).await
    }

    /// The same for a change that was written before.
    pub(super) async fn pay_back(
        &self,
        tx: &mut Tx,
        order: &Order,
        change: &Change,
        key: Option<&Key>,
    ) -> Result<Option<Running>, OrderError> {
        let amount = change.refund.minor();
        if amount == 0 {
            return Ok(None);
        }
        let is_bounded = !fault::bug("balance_is_not_looked_at");
        if ORDER_REFUNDED.take(tx, &[(order.id, amount)]).await?.is_err() && is_bounded {
            // The order's row is held, so what was left is left still: it is looked at again.
            return Err(OrderError::Stale);
        }
        let deadline = tx.now() + DEADLINE;
        let saga = crate::saga::give_back::GiveBack::of(order, change, key);
        let running = self.inner.refunds.start(tx, order.id.uuid(), &saga, deadline).await?;
        Ok(Some(running))
    }
}

/// What the audit log keeps of a change.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    change: ChangeId,
    state: State,
    #[serde(skip_serializing_if = "<[ChangeLine]>::is_empty")]
    lines: &'a [ChangeLine],
    refund: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_to: Option<RefundTo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'a str>,
}

impl<'a> Told<'a> {
    pub(super) fn of(change: &'a Change) -> Self {
        Self {
            change: change.id,
            state: change.state,
            lines: &change.lines,
            refund: change.refund,
            refund_to: change.refund_to,
            reason: change.reason.as_deref(),
            answer: change.answer.as_deref(),
        }
    }
}

/// A change that the staff decides on now.
pub(super) fn new_change(
    tx: &mut Tx,
    order: &Order,
    kind: Kind,
    amount: i64,
    lines: Vec<ChangeLine>,
    (staff, reason): (&Actor, &str),
) -> Change {
    let now = tx.now();
    Change {
        id: ChangeId::new(),
        order_id: order.id,
        kind,
        state: if amount == 0 { State::Done } else { State::Settling },
        by: ActorKind::Staff,
        actor: staff.id(),
        reason: Some(reason.to_owned()),
        answer: None,
        refund: Money::from_minor(amount, order.totals.total.currency()),
        refund_to: None,
        exchange: None,
        lines,
        created_at: now,
        updated_at: now,
    }
}

/// Units with what is owed for them.
pub(super) fn lines(order: &Order, units: &[ShipmentLine], owed: &Owed) -> Vec<ChangeLine> {
    let currency = order.totals.total.currency();
    let line = |(unit, amount): (&ShipmentLine, &i64)| ChangeLine {
        line_id: unit.line_id,
        quantity: unit.quantity,
        reason: None,
        accepted: None,
        condition: None,
        restock: None,
        refund: Money::from_minor(*amount, currency),
    };
    units.iter().zip(&owed.lines).map(line).collect()
}

fn within(amount: Money, left: i64, order: &Order) -> Result<i64, Problem> {
    let currency = order.totals.total.currency();
    if amount.currency() != currency || amount.minor() <= 0 {
        let message = format!("must be positive and in {}", currency.code());
        return Err(Problem::invalid("amount", message));
    }
    if amount.minor() > left && !fault::bug("balance_is_not_looked_at") {
        let left_over = Money::from_minor(left, currency);
        let detail = format!("Of the order only {left_over} can still be given back.");
        return Err(too_much(&detail, left, order));
    }
    Ok(amount.minor())
}

fn too_much(detail: &str, left: i64, order: &Order) -> Problem {
    let left = Money::from_minor(left, order.totals.total.currency());
    Problem::new(code::ORDER_STATE, detail)
        .with("order_status", order.status)
        .with("refundable", left)
        .with("allowed", order.allowed())
}
