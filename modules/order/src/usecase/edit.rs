//! Editing a confirmed order before anything of it has left: one commit holds the beginning of the edit,
//! its saga, the audit entry and the claim on the idempotency key.

use chrono::TimeDelta;
use kernel::events::OrderEditBegun;
use kernel::id::{ChangeId, LineId, OrderId};
use kernel::permission::Permission;
use kernel::ports::{Buyer, Principal, TaxRequest, TaxTerms, Wanted};
use kernel::problem::{Problem, code};
use kernel::{Address, Money};
use platform::audit::{self, Actor, Entry};
use platform::http::{demand, demand_step_up};
use platform::idempotency::{self, Claim, Key};
use platform::saga::Running;
use platform::sql::{Error, Tx};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::place::{Placed, check_token};
use crate::Orders;
use crate::domain::address;
use crate::domain::bundle::{check_count, exploded};
use crate::domain::cart::{CartLine, PricedLine, price};
use crate::domain::edit::{AddedLine, Asked, ChangedLine, Edited, check, edited};
use crate::domain::order::{Line, Order};
use crate::error::OrderError;
use crate::saga::edit::Edit;
use crate::saga::personal::kept;
use crate::store::balance::{self, ORDER_REFUNDED};
use crate::store::{edit, invoice, orders, personal};

/// What is to become of an order.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "shipping_address": {"name": "Ada Lovelace", "line1": "Unter den Linden 2", "city": "Berlin",
                         "postal_code": "10117", "country": "DE"},
    "reason": "She has moved."
}))]
pub struct EditOrder {
    /// Products that come to it, at the price of today. What the order has already is changed instead.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub add: Vec<AddedLine>,
    /// Lines that have another quantity from now on, at the price that they were sold for.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub change: Vec<ChangedLine>,
    /// Where it goes from now on; the country and the region stay.
    #[serde(default)]
    pub shipping_address: Option<Address>,
    /// Why.
    #[schema(min_length = 1, max_length = 200)]
    pub reason: String,
    /// What the order is to cost more, or less when it is negative. If it is anything else, nothing is
    /// changed.
    #[serde(default)]
    pub expected_difference: Option<Money>,
    /// What more is paid with: a token from `POST /v1/payment-tokens`.
    #[serde(default)]
    pub payment_token: Option<String>,
}

impl EditOrder {
    fn asked(&self) -> Asked<'_> {
        Asked { add: &self.add, change: &self.change, address: self.shipping_address.as_ref() }
    }
}

/// Who edits an order.
pub struct Clerk<'a> {
    /// Who called.
    pub caller: &'a Principal,
    /// Whom the audit log names.
    pub actor: &'a Actor,
}

/// What the audit log keeps of an edit.
#[derive(Serialize)]
struct Noted<'a> {
    change_id: ChangeId,
    total: Money,
    total_after: Money,
    add: &'a [AddedLine],
    change: &'a [ChangedLine],
    is_readdressed: bool,
    reason: &'a str,
}

impl Orders {
    /// Edits an order, and waits a moment for what comes of it.
    pub async fn edit(
        &self,
        id: OrderId,
        request: &EditOrder,
        key: &Key,
        clerk: &Clerk<'_>,
    ) -> Result<Placed, OrderError> {
        if let Some(known) = self.known(key).await? {
            return Ok(known);
        }
        let begun = platform::sql::retry(|| self.begin_edit(id, request, key, clerk)).await;
        match begun {
            Ok(running) => {
                running.settled(self.inner.settings.answer_wait()).await;
                match idempotency::find(&self.inner.db, key).await? {
                    Some(Claim::Done(answer)) => Ok(Placed::Answered { answer, replayed: false }),
                    _ => Ok(Placed::Running(id)),
                }
            }
            // The same command may have been done meanwhile.
            Err(error) => self.known(key).await?.ok_or(error),
        }
    }

    async fn begin_edit(
        &self,
        id: OrderId,
        request: &EditOrder,
        key: &Key,
        clerk: &Clerk<'_>,
    ) -> Result<Running, OrderError> {
        let order = orders::find(&self.inner.db, id).await?.ok_or(OrderError::NotFound)?;
        if !order.allowed().contains(&"edit") {
            return Err(OrderError::state(&order));
        }
        if let Some(address) = &request.shipping_address {
            address::check(address, "shipping_address")?;
        }
        check(&order, &request.asked())?;
        let mut after = self.edited(&order, request).await?;
        check_count(&exploded(after.lines.iter().map(|line| line.units(line.quantity))))?;
        let (before, total) = (order.totals.total, after.totals.total);
        let due = total.checked_sub(before)?;
        expect(request, due, &after)?;
        if due.minor() < 0 {
            demand(clerk.caller, Permission::OrdersRefund)?;
            demand_step_up(clerk.caller, self.inner.db.clock().now())?;
        }
        // Asked before the unit of work begins: it holds SQLite's only writer.
        let person = personal::key(&self.inner.db, order.customer_id).await?;
        let goes_to = request.shipping_address.as_ref().unwrap_or(&order.shipping_address);
        after.address = kept(&person, id, goes_to)?;
        let payer = (due.minor() > 0).then(|| kept(&person, id, &order.payer(None)));
        let shown = self.payment_of(id).await?;
        let edit = Edit {
            order_id: id,
            change_id: ChangeId::new(),
            after,
            due,
            token: request.payment_token.clone(),
            payer: payer.transpose()?,
            reason: request.reason.clone(),
            key: key.clone(),
            payment: None,
            challenge: None,
            shown,
        };
        self.commit_edit(&order, edit, request, clerk.actor).await
    }

    async fn commit_edit(
        &self,
        order: &Order,
        edit: Edit,
        request: &EditOrder,
        actor: &Actor,
    ) -> Result<Running, OrderError> {
        let mut tx = self.inner.db.begin("order.edit").await?;
        match idempotency::claim(&mut tx, &edit.key).await? {
            Claim::Fresh => {}
            // If it is done or running, `edit` finds that once it is on disk.
            _ => return Err(OrderError::Stale),
        }
        let new = edit::NewEdit {
            id: edit.change_id,
            actor: actor.id().map(Into::into),
            reason: &edit.reason,
            due: edit.due,
        };
        if !edit::begin(&mut tx, order, &new).await? {
            return Err(OrderError::Stale);
        }
        take_its_place(&mut tx, order, edit.due).await?;
        // The order's row is held: whoever issues an invoice waits, or has issued it.
        if invoice::load(&mut tx, order.id).await?.is_some() {
            let detail = "The invoice of the order was issued and says what it says; cancel lines or \
                          refund instead.";
            return Err(Problem::new(code::ORDER_STATE, detail)
                .with("order_status", order.status)
                .with("allowed", without_edit(order))
                .into());
        }
        let noted = Noted {
            change_id: edit.change_id,
            total: order.totals.total,
            total_after: edit.after.totals.total,
            add: &request.add,
            change: &request.change,
            is_readdressed: request.shipping_address.is_some(),
            reason: &edit.reason,
        };
        let entry = Entry::done("order.edit", order.id.uuid(), &noted)?;
        audit::record(&mut tx, actor, &[entry]).await?;
        let (order_id, customer_id) = (order.id, order.customer_id);
        let event = OrderEditBegun { order_id, change_id: edit.change_id, customer_id };
        tx.emit(&event, order.version + 1)?;
        let deadline = tx.now() + TimeDelta::seconds(self.inner.settings.checkout_deadline_s);
        let subject = edit.change_id.uuid();
        let running = self.inner.edits.start(&mut tx, subject, &edit, deadline).await?;
        tx.commit().await?;
        Ok(running)
    }

    /// The order after its edit: new lines at the prices and rates of today.
    async fn edited(&self, order: &Order, request: &EditOrder) -> Result<Edited, OrderError> {
        let address = &order.shipping_address;
        let new: Vec<CartLine> = request
            .add
            .iter()
            .map(|add| CartLine {
                id: LineId::new(),
                product_id: add.product_id,
                quantity: add.quantity,
            })
            .collect();
        let old = order
            .lines
            .iter()
            .map(|line| Wanted { product_id: line.product_id, quantity: line.quantity });
        // The old ones are asked for how their prices stand to the tax.
        let wanted: Vec<Wanted> = new.iter().map(CartLine::wanted).chain(old).collect();
        let buyer = Buyer { country: Some(&address.country), group: None };
        let offers = self.inner.catalog.offers(buyer, &wanted).await?;
        let terms = terms(order, &offers);
        let lines = self.new_lines(order, &new, &offers, terms).await?;
        Ok(edited(order, &request.asked(), lines, terms)?)
    }

    /// Lines of products that come to an order, at the prices and rates of today.
    pub(super) async fn new_lines(
        &self,
        order: &Order,
        new: &[CartLine],
        offers: &[kernel::ports::Offer],
        terms: TaxTerms,
    ) -> Result<Vec<Line>, OrderError> {
        if new.is_empty() {
            return Ok(vec![]);
        }
        let (currency, mut lines) = price(new, offers)?;
        if currency != order.totals.total.currency() {
            let detail = "must be sold in the currency of the order";
            return Err(Problem::invalid("add", detail).into());
        }
        let address = &order.shipping_address;
        let request = TaxRequest {
            country: address.country.clone(),
            region: address.region.clone(),
            postal_code: address.postal_code.clone(),
            at: self.inner.db.clock().now(),
            terms,
            lines: lines.iter().map(PricedLine::taxable).collect::<Result<_, _>>()?,
            shipping: Money::zero(currency),
        };
        let taxed = self.inner.tax.assess(&request).await?;
        if taxed.lines.len() != lines.len() {
            let told = format!("{} of {} lines were taxed", taxed.lines.len(), lines.len());
            return Err(Error::Inconsistent(told).into());
        }
        for (line, tax) in lines.iter_mut().zip(taxed.lines) {
            line.tax = tax;
        }
        Ok(lines.iter().map(|line| Line::new(line.line.id, line)).collect())
    }
}

/// Takes what an order is to cost less out of its balance, or says that so much is not left.
async fn take_its_place(tx: &mut Tx, order: &Order, due: Money) -> Result<(), OrderError> {
    let less = -due.minor();
    if less <= 0 {
        return Ok(());
    }
    let left = balance::left(tx, order).await?;
    if ORDER_REFUNDED.take(tx, &[(order.id, less)]).await?.is_ok() {
        return Ok(());
    }
    let left = Money::from_minor(left, due.currency());
    let detail = format!("Of the order only {left} can still be given back.");
    Err(Problem::new(code::ORDER_STATE, detail)
        .with("order_status", order.status)
        .with("refundable", left)
        .with("allowed", without_edit(order))
        .into())
}

/// How the prices of an order stand to the tax: as they did when it was sold, where that can be told.
pub(super) fn terms(order: &Order, offers: &[kernel::ports::Offer]) -> TaxTerms {
    let market = offers.first().map(|offer| offer.tax).unwrap_or_default();
    let totals = &order.totals;
    let is_told = totals.included_tax.minor() > 0 || totals.tax.minor() > 0;
    let included = if is_told { totals.included_tax.minor() > 0 } else { market.included };
    TaxTerms { included, ..market }
}

/// What can be asked for of an order that cannot be edited.
fn without_edit(order: &Order) -> Vec<&'static str> {
    order.allowed().into_iter().filter(|word| *word != "edit").collect()
}

/// Refuses what is not the difference that was expected, and more to pay without anything to pay it with.
fn expect(request: &EditOrder, due: Money, after: &Edited) -> Result<(), Problem> {
    if let Some(expected) = request.expected_difference
        && expected != due
    {
        let detail = format!("The order would cost {due} more, not {expected}.");
        return Err(Problem::new(code::PRICE_CHANGED, detail)
            .with("difference", due)
            .with("totals", after.totals));
    }
    if let Some(token) = &request.payment_token {
        check_token("payment_token", token)?;
    } else if due.minor() > 0 {
        let detail = format!("must be given: the order would cost {due} more");
        return Err(Problem::invalid("payment_token", detail).with("difference", due));
    }
    Ok(())
}
