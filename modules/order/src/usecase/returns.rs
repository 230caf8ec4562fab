//! Goods come back: a customer asks for it, the staff agrees, takes them in and looks at them, and what was
//! accepted is paid back. Each step has the order's row.

use chrono::TimeDelta;
use kernel::Money;
use kernel::events::{
    OrderReturnApproved, OrderReturnInspected, OrderReturnReceived, OrderReturnRejected,
    OrderReturnRequested, OrderReturnWithdrawn, ParcelLine,
};
use kernel::id::{ChangeId, CustomerId, OrderId};
use kernel::problem::{Problem, code};
use platform::audit::{self, Entry};
use platform::fault;
use platform::idempotency::{self, Answer, Key};
use platform::sql::{Error, Tx};

use super::advance::By;
use super::cancel_lines::{move_on, tell};
use super::changed::claimed;
use super::exchange::due;
use super::refund::Told;
use super::ship::units;
use crate::Orders;
use crate::domain::after_sale::{ActorKind, Change, ChangeLine, Kind, Reason};
use crate::domain::change_state::{Fact, State};
use crate::domain::edit::AddedLine;
use crate::domain::exchange::{self, Exchange};
use crate::domain::inspection::{Inspected, accepted, came_back, note};
use crate::domain::order::{Line, Order};
use crate::domain::share::owed;
use crate::domain::shipment::{ShipmentLine, taken};
use crate::error::OrderError;
use crate::saga::exchange::call_off;
use crate::store::change::{self, Gone};
use crate::store::{balance, orders};

/// Units that a customer wants to send back.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The units.
    pub units: ShipmentLine,
    /// Why.
    pub reason: Reason,
}

/// What happens to a return.
#[derive(Debug, Clone)]
pub enum ReturnStep {
    /// The shop agrees.
    Approve,
    /// The shop does not.
    Reject {
        /// Why.
        reason: String,
    },
    /// The customer keeps the goods.
    Withdraw,
    /// The goods came back.
    Receive,
    /// They were looked at.
    Inspect {
        /// What was found of each line.
        lines: Vec<Inspected>,
    },
}

impl ReturnStep {
    const fn fact(&self) -> Fact {
        match self {
            Self::Approve => Fact::Approved,
            Self::Reject { .. } => Fact::Rejected,
            Self::Withdraw => Fact::Withdrawn,
            Self::Receive => Fact::Received,
            Self::Inspect { .. } => Fact::Decided,
        }
    }

    const fn action(&self) -> &'static str {
        match self {
            Self::Approve => "order.return_approve",
            Self::Reject { .. } => "order.return_reject",
            Self::Withdraw => "order.return_withdraw",
            Self::Receive => "order.return_receive",
            Self::Inspect { .. } => "order.return_inspect",
        }
    }
}

/// An answer, and whether it is that of an earlier request with the same key.
pub struct Done {
    /// The answer.
    pub answer: Answer,
    /// Whether the command had been done before.
    pub replayed: bool,
}

impl Orders {
    /// A customer asks to send units back, once for the key; `told` is what else is to be said, and what is
    /// wanted instead of money.
    pub async fn request_return(
        &self,
        id: OrderId,
        customer: CustomerId,
        wanted: &[Wanted],
        told: (Option<&str>, &[AddedLine]),
        key: &Key,
    ) -> Result<Done, OrderError> {
        platform::sql::retry(|| async {
            let mut tx = self.inner.db.begin("order.return_request").await?;
            if let Some(answer) = claimed(&mut tx, key).await? {
                tx.commit().await?;
                return Ok(Done { answer, replayed: true });
            }
            change::lock_order(&mut tx, id).await?;
            let order = orders::load(&mut tx, id).await?;
            let order = order.filter(|order| order.customer_id == customer);
            let order = order.ok_or(OrderError::NotFound)?;
            let change = self.new_return(&mut tx, &order, wanted, told).await?;
            let version = one_event(&mut tx, &order).await?;
            change::insert(&mut tx, &change).await?;
            let asked: Vec<ShipmentLine> = wanted.iter().map(|one| one.units).collect();
            let event = OrderReturnRequested {
                order_id: id,
                change_id: change.id,
                customer_id: customer,
                lines: units(&order, &asked),
                exchange_for: told.1.iter().map(parcel_line).collect(),
            };
            tx.emit(&event, version)?;
            finish(tx, Some(key), 201, change.for_the_customer()).await
        })
        .await
    }

    async fn new_return(
        &self,
        tx: &mut Tx,
        order: &Order,
        wanted: &[Wanted],
        (comment, instead): (Option<&str>, &[AddedLine]),
    ) -> Result<Change, OrderError> {
        if wanted.is_empty() {
            return Err(Problem::invalid("lines", "must not be empty").into());
        }
        exchange::check(instead)?;
        if !order.status.allowed().contains(&"return") {
            return Err(OrderError::state(order));
        }
        let asked: Vec<ShipmentLine> = wanted.iter().map(|one| one.units).collect();
        let mut coming = change::on_their_way(tx, order.id).await?;
        if fault::bug("return_is_asked_for_twice") {
            coming.clear();
        }
        let left =
            |line: &Line| line.returnable() - coming.get(&line.id).copied().unwrap_or_default();
        taken(&order.lines, &asked, left, "have arrived, were not paid back and are in no return")?;
        let days = TimeDelta::days(self.inner.settings.return_days);
        if let Some(arrived) = change::arrived(tx, order.id).await?
            && tx.now() > arrived + days
        {
            let detail =
                format!("Goods could be sent back until {}.", (arrived + days).date_naive());
            return Err(Problem::new(code::ORDER_STATE, detail)
                .with("order_status", order.status)
                .with("return_until", arrived + days)
                .into());
        }
        let none = Money::zero(order.totals.total.currency());
        let line = |one: &Wanted| ChangeLine {
            line_id: one.units.line_id,
            quantity: one.units.quantity,
            reason: Some(one.reason),
            accepted: None,
            condition: None,
            restock: None,
            refund: none,
        };
        let now = tx.now();
        Ok(Change {
            id: ChangeId::new(),
            order_id: order.id,
            kind: Kind::Return,
            state: State::Requested,
            by: ActorKind::Customer,
            actor: Some(order.customer_id),
            reason: comment.map(str::to_owned),
            answer: None,
            refund: none,
            refund_to: None,
            exchange: (!instead.is_empty()).then(|| Exchange::of(instead.to_vec(), none)),
            lines: wanted.iter().map(line).collect(),
            created_at: now,
            updated_at: now,
        })
    }

    /// Moves a return on, once for the key when there is one.
    pub async fn move_return(
        &self,
        id: ChangeId,
        step: &ReturnStep,
        key: Option<&Key>,
        by: By<'_>,
    ) -> Result<Done, OrderError> {
        let known = change::find(&self.inner.db, id).await?.ok_or(OrderError::NotFound)?;
        platform::sql::retry(|| async {
            let mut tx = self.inner.db.begin("order.return").await?;
            if let Some(key) = key
                && let Some(answer) = claimed(&mut tx, key).await?
            {
                tx.commit().await?;
                return Ok(Done { answer, replayed: true });
            }
            change::lock_order(&mut tx, known.order_id).await?;
            let order = orders::load(&mut tx, known.order_id).await?;
            let mut order = order.ok_or(OrderError::NotFound)?;
            let found = change::load(&mut tx, id).await?;
            let mut change =
                found.filter(|one| one.kind == Kind::Return).ok_or(OrderError::NotFound)?;
            if let By::Customer(customer) = by
                && customer != order.customer_id
            {
                return Err(OrderError::NotFound);
            }
            let before = change.clone();
            change.apply(step.fact())?;
            change.updated_at = tx.now();
            if let ReturnStep::Inspect { lines } = step {
                self.inspect(&mut tx, &mut order, &mut change, lines).await?;
            } else {
                simple(&mut tx, &order, &mut change, before.state, step).await?;
            }
            if let By::Staff(staff) = by {
                let (was, is) = (Told::of(&before), Told::of(&change));
                let entry = Entry::changed(step.action(), order.id.uuid(), &was, &is)?;
                audit::record(&mut tx, staff, &[entry]).await?;
            }
            if let By::Customer(_) = by {
                change = change.for_the_customer();
            }
            finish(tx, key, 200, change).await
        })
        .await
    }

    /// What was accepted counts as returned and is paid back; the order is RETURNED when everything of it
    /// that arrived came back.
    async fn inspect(
        &self,
        tx: &mut Tx,
        order: &mut Order,
        change: &mut Change,
        found: &[Inspected],
    ) -> Result<(), OrderError> {
        note(change, found)?;
        let accepted = accepted(change);
        if accepted.is_empty() {
            let message = "must accept a unit; reject the return instead";
            return Err(Problem::invalid("lines", message).into());
        }
        taken(&order.lines, &accepted, Line::returnable, "can come back and were not paid back")?;
        let owed = owed(order, &accepted);
        let amount = owed.total(balance::left(tx, order).await?);
        let currency = order.totals.total.currency();
        for (unit, minor) in accepted.iter().zip(&owed.lines) {
            for line in change.lines.iter_mut().filter(|line| line.line_id == unit.line_id) {
                line.refund = Money::from_minor(*minor, currency);
            }
        }
        change.refund = Money::from_minor(amount, currency);
        let how = due(change)?;
        if amount == 0 && how.is_none() {
            change.apply(Fact::Settled)?;
        }
        let seen = order.clone();
        for unit in &accepted {
            for line in order.lines.iter_mut().filter(|line| line.id == unit.line_id) {
                line.returned += unit.quantity;
            }
        }
        let events = 1 + i64::from(how.is_some_and(|how| how.due.minor() > 0));
        let told = move_on(tx, &seen, order, events).await?;
        let gone = |unit: &ShipmentLine| {
            (unit.line_id, Gone { returned: unit.quantity, ..Gone::default() })
        };
        let counts: Vec<_> = accepted.iter().map(gone).collect();
        let is_moved = change::move_on(tx, State::Received, change).await?;
        if !change::count(tx, order.id, &counts).await? || !is_moved {
            return Err(OrderError::Stale);
        }
        change::inspect(tx, change).await?;
        let event = OrderReturnInspected {
            order_id: order.id,
            change_id: change.id,
            customer_id: order.customer_id,
            lines: came_back(order, change),
            refund: change.refund,
        };
        tx.emit(&event, told)?;
        tell(tx, seen.status, order, told + events)?;
        if how.is_some() {
            return self.settle_exchange(tx, order, change, told + 1).await;
        }
        self.pay_back(tx, order, change, None).await?;
        Ok(())
    }
}

/// A step that moves nothing but the return.
async fn simple(
    tx: &mut Tx,
    order: &Order,
    change: &mut Change,
    from: State,
    step: &ReturnStep,
) -> Result<(), OrderError> {
    if let ReturnStep::Reject { reason } = step {
        change.answer = Some(reason.clone());
    }
    if !change::move_on(tx, from, change).await? {
        return Err(OrderError::Stale);
    }
    let told = one_event(tx, order).await?;
    match step {
        ReturnStep::Reject { reason } => call_off(tx, change, reason).await?,
        ReturnStep::Withdraw => call_off(tx, change, "the return was withdrawn").await?,
        _ => {}
    }
    let (order_id, change_id, customer_id) = (order.id, change.id, order.customer_id);
    match step {
        ReturnStep::Approve => {
            let event = OrderReturnApproved {
                order_id,
                change_id,
                customer_id,
                replacement_id: None,
                replacement_total: None,
            };
            tx.emit(&event, told)?;
        }
        ReturnStep::Reject { reason } => {
            let reason = reason.clone();
            tx.emit(&OrderReturnRejected { order_id, change_id, customer_id, reason }, told)?;
        }
        ReturnStep::Withdraw => {
            tx.emit(&OrderReturnWithdrawn { order_id, change_id, customer_id }, told)?;
        }
        ReturnStep::Receive => {
            tx.emit(&OrderReturnReceived { order_id, change_id, customer_id }, told)?;
        }
        // It moves the order too.
        ReturnStep::Inspect { .. } => {}
    }
    Ok(())
}

fn parcel_line(line: &AddedLine) -> ParcelLine {
    ParcelLine { product_id: line.product_id, quantity: line.quantity }
}

/// Moves the order's version by an event that leaves it as it is.
async fn one_event(tx: &mut Tx, order: &Order) -> Result<i64, OrderError> {
    if orders::move_on(tx, order, order.status, 1).await? {
        return Ok(order.version + 1);
    }
    Err(OrderError::Stale)
}

/// Stores the answer, commits, and gives it.
async fn finish(
    mut tx: Tx,
    key: Option<&Key>,
    status: u16,
    change: Change,
) -> Result<Done, OrderError> {
    let body = serde_json::to_string(&change)
        .map_err(|error| Error::Inconsistent(format!("an answer: {error}")))?;
    let answer = Answer { status, body };
    if let Some(key) = key {
        idempotency::finish(&mut tx, &key.scope, &key.key, &answer).await?;
    }
    tx.commit().await?;
    Ok(Done { answer, replayed: false })
}
