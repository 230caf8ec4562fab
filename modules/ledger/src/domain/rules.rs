//! What is posted when something happened. A rule is a function of the event, and of what the journal knows of
//! its order where that decides; so the journal comes to the same balances in whatever order the events of
//! orders and of payments come.

mod credit;
mod tests;

use kernel::events::{
    Breakdown, OrderCancelled, OrderConfirmed, OrderEdited, OrderExchanged, OrderFailed,
    OrderRefunded, PaymentCaptured, PaymentDisputeClosed, PaymentDisputed, PaymentRefunded,
};
use kernel::id::{OrderId, PaymentId};
use kernel::{Currency, Envelope, Event, Money};

use super::account::{Account, Kind};
use super::entry::Entry;
use super::matching::Movement;
use super::replacement::Replacement;
use super::settlement::LineKind;

/// The kinds of entries that say what of an order was sold.
pub(crate) const SALE: [&str; 3] = [OrderConfirmed::TYPE, OrderEdited::TYPE, OrderRefunded::TYPE];

/// An event that cannot be journaled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidEvent {
    #[error("the event is in {0} and has an amount in {1}")]
    Currencies(Currency, Currency),
    #[error("the parts of the order do not sum to its total")]
    Parts,
    #[error(transparent)]
    Unreadable(#[from] serde_json::Error),
}

/// What the journal knows of an order.
#[derive(Debug, Clone, Default)]
pub(crate) struct SoFar {
    pub sold: Vec<Sold>,
    /// What was given back at its payments and no order knows of.
    pub goodwill: Option<Money>,
    /// What disputes took away of it.
    pub dispute_losses: Option<Money>,
    /// Whether it was called off or failed.
    pub is_called_off: bool,
    /// What is known of the replacement that the event is about, if it is one.
    pub replacement: Option<Replacement>,
}

/// What of an order's sale an account has: what was credited to it less what was debited, for what is owed.
#[derive(Debug, Clone)]
pub(crate) struct Sold {
    pub receivable: Account,
    pub account: Account,
    pub minor: i64,
    pub currency: Currency,
}

/// The order that an event ends before it was sent, if it does.
pub(crate) fn ends(event: &Envelope) -> Option<OrderId> {
    let ends = event.is::<OrderCancelled>() || event.is::<OrderFailed>();
    ends.then(|| event.subject.into())
}

/// The entry of an event; none when no money moved.
pub(crate) fn entry(event: &Envelope, so_far: &SoFar) -> Result<Option<Entry>, InvalidEvent> {
    let mut entry = if let Some(confirmed) = event.open::<OrderConfirmed>() {
        confirmed_order(event, &confirmed?)?
    } else if let Some(edited) = event.open::<OrderEdited>() {
        edited_order(event, &edited?)?
    } else if let Some(refunded) = event.open::<OrderRefunded>() {
        refunded_order(event, &refunded?)?
    } else if let Some(exchanged) = event.open::<OrderExchanged>() {
        exchanged_goods(event, &exchanged?)?
    } else if let Some(order) = ends(event) {
        let Some(entry) = ended_order(event, order, so_far) else { return Ok(None) };
        entry
    } else if let Some(captured) = event.open::<PaymentCaptured>() {
        captured_payment(event, &captured?)
    } else if let Some(refunded) = event.open::<PaymentRefunded>() {
        refunded_payment(event, &refunded?, so_far)
    } else if let Some(disputed) = event.open::<PaymentDisputed>() {
        disputed_payment(event, &disputed?)
    } else if let Some(closed) = event.open::<PaymentDisputeClosed>() {
        closed_dispute(event, &closed?, so_far)
    } else {
        return credit::credit(event);
    };
    if let Some(replacement) = &so_far.replacement {
        replacement.bring_together(&mut entry);
    }
    Ok(Some(entry).filter(|entry| !entry.postings.is_empty()))
}

/// What the processor is to settle because of an event.
pub(crate) fn movement(event: &Envelope) -> Result<Option<Movement>, InvalidEvent> {
    let (kind, payment_id, amount, charge) = if let Some(captured) = event.open::<PaymentCaptured>()
    {
        let PaymentCaptured { payment_id, amount, charge, .. } = captured?;
        (LineKind::Charge, payment_id, amount, charge)
    } else if let Some(refunded) = event.open::<PaymentRefunded>() {
        let PaymentRefunded { payment_id, amount, charge, .. } = refunded?;
        (LineKind::Refund, payment_id, amount, charge)
    } else if let Some(closed) = event.open::<PaymentDisputeClosed>() {
        let closed = closed?;
        if !is_lost(&closed) {
            return Ok(None);
        }
        (LineKind::Dispute, closed.payment_id, closed.amount, closed.charge)
    } else {
        return Ok(None);
    };
    let movement = Movement {
        id: event.id.to_string(),
        kind,
        payment_id,
        charge,
        amount,
        occurred_at: event.time,
        line: None,
    };
    Ok(Some(movement).filter(|movement| movement.amount.minor() > 0))
}

fn of(event: &Envelope, currency: Currency, order: OrderId, description: String) -> Entry {
    Entry {
        key: event.id.to_string(),
        kind: event.kind.clone(),
        occurred_at: event.time,
        order_id: Some(order),
        payment_id: None,
        description,
        currency,
        postings: Vec::new(),
    }
}

fn minor(amount: Money, currency: Currency) -> Result<i64, InvalidEvent> {
    if amount.currency() == currency {
        return Ok(amount.minor());
    }
    Err(InvalidEvent::Currencies(currency, amount.currency()))
}

/// What a total is made of, by account. That of an order of old is not known.
fn parts(total: Money, breakdown: Option<&Breakdown>) -> Result<Vec<(Account, i64)>, InvalidEvent> {
    let Some(breakdown) = breakdown else {
        return Ok(vec![(Account::revenue(None), total.minor())]);
    };
    let currency = total.currency();
    let mut parts = vec![
        (Account::of(Kind::Shipping), minor(breakdown.shipping, currency)?),
        (Account::of(Kind::Tax), minor(breakdown.tax, currency)?),
    ];
    for goods in &breakdown.goods {
        let account = Account::revenue(goods.category.as_deref());
        parts.push((account, minor(goods.amount, currency)?));
    }
    if parts.iter().map(|(_, minor)| minor).sum::<i64>() != total.minor() {
        return Err(InvalidEvent::Parts);
    }
    Ok(parts)
}

fn confirmed_order(event: &Envelope, order: &OrderConfirmed) -> Result<Entry, InvalidEvent> {
    let what = format!("Order {} was confirmed.", order.number);
    let mut entry = of(event, order.total.currency(), order.order_id, what);
    let receivable = Account::receivable(order.account_id.unwrap_or(order.order_id));
    for (account, minor) in parts(order.total, order.breakdown.as_ref())? {
        entry.post(&receivable, &account, minor);
    }
    Ok(entry)
}

/// An edited order costs more or less, and of some categories less although it costs more.
fn edited_order(event: &Envelope, edited: &OrderEdited) -> Result<Entry, InvalidEvent> {
    let currency = edited.total.currency();
    let mut entry = of(event, currency, edited.order_id, "The order was edited.".to_owned());
    let receivable = Account::receivable(edited.order_id);
    minor(edited.total_before, currency)?;
    let told = edited.breakdown_before.as_ref().zip(edited.breakdown.as_ref());
    let mut changes = parts(edited.total, told.map(|(_, now)| now))?;
    for (account, before) in parts(edited.total_before, told.map(|(before, _)| before))? {
        match changes.iter_mut().find(|(known, _)| *known == account) {
            Some((_, now)) => *now -= before,
            None => changes.push((account, -before)),
        }
    }
    for (account, more) in changes {
        entry.post(&receivable, &account, more);
    }
    Ok(entry)
}

/// What is given back of a sale. What an edit made an order cost less was posted with the edit, and what is
/// given back of an order that was called off with that.
fn refunded_order(event: &Envelope, refunded: &OrderRefunded) -> Result<Entry, InvalidEvent> {
    let currency = refunded.amount.currency();
    let what = "Money of the order was given back.".to_owned();
    let mut entry = of(event, currency, refunded.order_id, what);
    if refunded.is_sold && !refunded.is_difference {
        let receivable = Account::receivable(refunded.account_id.unwrap_or(refunded.order_id));
        give(&mut entry, &receivable, refunded.amount, refunded.tax)?;
    }
    Ok(entry)
}

/// The value of what came back pays what is sent instead. Events of old do not tell the tax.
fn exchanged_goods(event: &Envelope, exchanged: &OrderExchanged) -> Result<Entry, InvalidEvent> {
    let currency = exchanged.credit.currency();
    let what = "Goods that came back were exchanged.".to_owned();
    let mut entry = of(event, currency, exchanged.order_id, what);
    let account = Account::receivable(exchanged.account_id);
    give(&mut entry, &account, exchanged.credit, exchanged.credit_tax)?;
    Ok(entry)
}

/// Takes an amount out of what was sold: it is owed no longer.
fn give(
    entry: &mut Entry,
    receivable: &Account,
    amount: Money,
    tax: Option<Money>,
) -> Result<(), InvalidEvent> {
    let tax = tax.map_or(Ok(0), |tax| minor(tax, entry.currency))?;
    entry.post(&Account::of(Kind::Refunds), receivable, amount.minor() - tax);
    entry.post(&Account::of(Kind::Tax), receivable, tax);
    Ok(())
}

/// An order that was called off was not sold: whatever was posted for its sale is posted the other way round.
/// What the staff gave back at its payments, or disputes took away, was a part of that.
fn ended_order(event: &Envelope, order: OrderId, so_far: &SoFar) -> Option<Entry> {
    let goodwill = Account::goodwill(order);
    let of_sale = so_far.sold.first().map(|sold| sold.currency);
    let beside =
        [(goodwill, so_far.goodwill), (Account::dispute_losses(order), so_far.dispute_losses)];
    let of_beside = beside.iter().find_map(|(_, amount)| amount.map(Money::currency));
    let currency = of_sale.or(of_beside)?;
    let mut entry = of(event, currency, order, "The order was called off.".to_owned());
    for sold in &so_far.sold {
        entry.post(&sold.account, &sold.receivable, sold.minor);
    }
    for (account, amount) in &beside {
        entry.post(&Account::receivable(order), account, amount.map_or(0, Money::minor));
    }
    Some(entry)
}

fn captured_payment(event: &Envelope, captured: &PaymentCaptured) -> Entry {
    let PaymentCaptured { payment_id, order_id, amount, .. } = captured;
    let mut entry = of_payment(event, *amount, *order_id, *payment_id, "The processor took it.");
    let clearing = Account::clearing(*payment_id);
    entry.post(&clearing, &Account::receivable(*order_id), amount.minor());
    entry
}

/// What orders ask to be given back is posted by them; what the staff gives back at a payment is not, unless
/// all of the order is given back.
fn refunded_payment(event: &Envelope, refunded: &PaymentRefunded, so_far: &SoFar) -> Entry {
    let PaymentRefunded { payment_id, order_id, amount, by_staff, .. } = refunded;
    let what = "The processor gave it back.";
    let mut entry = of_payment(event, *amount, *order_id, *payment_id, what);
    let of = if *by_staff && !so_far.is_called_off {
        Account::goodwill(*order_id)
    } else {
        Account::receivable(*order_id)
    };
    entry.post(&of, &Account::clearing(*payment_id), amount.minor());
    entry
}

/// What is disputed is not settled before the dispute has ended.
fn disputed_payment(event: &Envelope, disputed: &PaymentDisputed) -> Entry {
    let PaymentDisputed { payment_id, order_id, amount, .. } = disputed;
    let what = "The holder of the card disputes it.";
    let mut entry = of_payment(event, *amount, *order_id, *payment_id, what);
    let clearing = Account::clearing(*payment_id);
    entry.post(&Account::disputed(*payment_id), &clearing, amount.minor());
    entry
}

/// What is won is settled after all. What is lost is a loss, but of an order that was called off it went where it
/// had to go.
fn closed_dispute(event: &Envelope, closed: &PaymentDisputeClosed, so_far: &SoFar) -> Entry {
    let PaymentDisputeClosed { payment_id, order_id, amount, .. } = closed;
    let (what, to) = if !is_lost(closed) {
        ("The dispute was won.", Account::clearing(*payment_id))
    } else if so_far.is_called_off {
        ("The dispute was lost.", Account::receivable(*order_id))
    } else {
        ("The dispute was lost.", Account::dispute_losses(*order_id))
    };
    let mut entry = of_payment(event, *amount, *order_id, *payment_id, what);
    entry.post(&to, &Account::disputed(*payment_id), amount.minor());
    entry
}

fn is_lost(closed: &PaymentDisputeClosed) -> bool {
    closed.reason.as_deref() == Some("lost")
}

fn of_payment(
    event: &Envelope,
    amount: Money,
    order: OrderId,
    payment: PaymentId,
    what: &str,
) -> Entry {
    let entry = of(event, amount.currency(), order, what.to_owned());
    Entry { payment_id: Some(payment), ..entry }
}
