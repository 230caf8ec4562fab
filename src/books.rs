//! The shop's fsck: what each module can prove of itself, and what only holds across modules.

mod journal;
mod keyed;

use std::collections::BTreeMap;
use std::time::Duration;

use carrier::{Carrier, Parcel, State};
use chrono::TimeDelta;
use credit::{Credits, Paid};
use inventory::{Hold, HoldState, Inventory};
use kernel::Timestamp;
use kernel::id::{EventId, OrderId};
use messages::Messages;
use order::{Brief, Carried, Orders, Status};
use payment::{PaymentRow, Payments};
use platform::bus;
use platform::outbox;
use platform::sql::Result;
use platform::verify::Check;
use uuid::Uuid;

use crate::app::Shop;
use crate::command::Failure;
use crate::sealed;

pub use journal::{held, journal};

/// How many rows of a module are read at a time.
const PAGE: u32 = 1_000;

/// Every invariant of the shop, checked, each with the module it is about. What is younger than
/// `grace` may still be under way.
pub async fn verify(
    shop: &Shop,
    grace: Duration,
) -> std::result::Result<Vec<(&'static str, Check)>, Failure> {
    let young = settled_before(shop, grace);
    let books = Books {
        orders: &shop.orders,
        inventory: &shop.inventory,
        payments: &shop.payments,
        credits: &shop.credits,
    };
    let modules = [
        ("auth", shop.accounts.verify().await?),
        ("catalog", shop.catalog.verify().await?),
        ("inventory", shop.inventory.verify().await?),
        ("order", shop.orders.verify().await?),
        ("payment", shop.payments.verify().await?),
        ("analytics", shop.analytics.verify().await?),
        ("credit", shop.credits.verify().await?),
        ("shop", across(books, young).await?),
        ("shop", vec![sales(shop, grace).await?, told(shop).await?]),
        ("shop", vec![carried(&shop.carrier, &shop.orders, young).await?]),
        ("ledger", shop.ledger.verify().await?),
        ("shop", journal(books, &shop.ledger, young).await?),
        ("shop", vec![held(&shop.credits, &shop.ledger, young).await?]),
        ("notary", sealed::verify(shop).await?),
        ("vault", vaulted(shop).await?),
        ("privacy", shop.privacy.verify().await?),
        ("shop", vec![keyed::keyed(shop).await?]),
        ("events", bus::verify(&shop.bus, grace).await?),
    ];
    let named = modules
        .into_iter()
        .flat_map(|(module, checks)| checks.into_iter().map(move |check| (module, check)));
    Ok(named.collect())
}

/// Whoever knows what became of an order.
#[derive(Clone, Copy)]
pub struct Books<'a> {
    /// The orders.
    pub orders: &'a Orders,
    /// The stock.
    pub inventory: &'a Inventory,
    /// The payments.
    pub payments: &'a Payments,
    /// Gift cards and store credit.
    pub credits: &'a Credits,
}

/// What the order, stock, payment and credit of one id say of each other.
#[derive(Default)]
struct Story {
    order: Option<Brief>,
    hold: Option<Hold>,
    payment: Option<PaymentRow>,
    credit: Option<Paid>,
}

struct Across {
    money: Check,
    stock: Check,
    orphans: Check,
}

/// What happened before this may not be under way any more.
fn settled_before(shop: &Shop, grace: Duration) -> Timestamp {
    shop.databases().first().map_or_else(Timestamp::default, |db| db.clock().now())
        - TimeDelta::from_std(grace).unwrap_or(TimeDelta::MAX)
}

/// Compares what the figures say was sold with the orders.
async fn sales(shop: &Shop, grace: Duration) -> Result<Check> {
    let mut check = Check::new("the sales of every day are its orders that were not cancelled");
    let young = settled_before(shop, grace);
    // Counted first: an order that moves after this is young when it is read.
    let days = shop.analytics.days().await?.into_iter();
    let mut counted: BTreeMap<_, _> =
        days.map(|day| ((day.day, day.currency), (day.orders, day.revenue, day.refunds))).collect();
    for sold in shop.orders.sold().await? {
        let name = format!("{} {}", sold.day, sold.currency);
        let figures = counted.remove(&(sold.day, sold.currency)).unwrap_or_default();
        let right = (sold.orders, sold.revenue, sold.refunds);
        check.row(figures == right || sold.updated_at >= young, || {
            format!("{name}: orders, revenue, refunds {figures:?} of {right:?}")
        });
    }
    for ((day, currency), figures) in counted {
        check.broken(format!("{day} {currency}: {figures:?} of no orders"));
    }
    Ok(check)
}

/// Looks for events that customers are told of and that nobody has noted.
async fn told(shop: &Shop) -> Result<Check> {
    let mut check = Check::new("every event that customers are told of has its message");
    for subscription in shop.messages.subscriptions() {
        let (name, db) = (subscription.name, &subscription.db);
        for source in subscription.sources() {
            let from = shop.bus.publisher(source)?;
            let reached = bus::lag(&subscription, source, from).await?.pos;
            let mut after = 0;
            while after < reached {
                let events = outbox::read_after(from, after, PAGE.into()).await?;
                let Some(last) = events.last() else { break };
                after = last.pos;
                let heard = events.iter().filter(|event| event.pos <= reached);
                let wanted = heard.filter(|event| Messages::tells(&event.envelope.kind));
                let ids: Vec<EventId> = wanted.map(|event| event.envelope.id).collect();
                let told = shop.messages.told(&ids).await?;
                let missing: Vec<_> = ids.iter().filter(|id| !told.contains(id)).collect();
                check.rows += told.len() as u64;
                if !missing.is_empty() {
                    let parked = bus::dead_letters(db, Some(name), i64::MAX).await?;
                    let is_parked = |id: Uuid| parked.iter().any(|letter| letter.event_id == id);
                    for id in missing.into_iter().filter(|id| !is_parked(id.uuid())) {
                        check.broken(format!("{id} of {source}"));
                    }
                }
            }
        }
    }
    Ok(check)
}

/// Opens every card, where this process may.
async fn vaulted(shop: &Shop) -> std::result::Result<Vec<Check>, Failure> {
    match &shop.vault {
        Some(vault) => Ok(vault.verify().await?),
        None => Ok(vec![]),
    }
}

/// Compares what the carrier carries with the orders it was booked for.
async fn carried(carrier: &Carrier, orders: &Orders, young: Timestamp) -> Result<Check> {
    let mut check = Check::new("every parcel of the carrier is one that its order explains");
    let mut after = None;
    loop {
        let parcels = carrier.parcels(after, PAGE).await?;
        let Some(last) = parcels.last() else { return Ok(check) };
        after = Some(last.order_id);
        let ids: Vec<OrderId> = parcels.iter().map(|parcel| parcel.order_id).collect();
        let found = orders.consigned(&ids).await?;
        let found: BTreeMap<_, _> = found.iter().map(|order| (order.order_id, order)).collect();
        for parcel in &parcels {
            let order = found.get(&parcel.order_id).copied();
            let touched =
                order.map_or(parcel.updated_at, |it| it.updated_at.max(parcel.updated_at));
            let explained = explains(order, parcel);
            let holds = explained.is_ok() || touched >= young;
            check.row(holds, || {
                format!("{} {}", parcel.order_id, explained.err().unwrap_or_default())
            });
        }
    }
}

/// Whether an order explains what the carrier has of it.
fn explains(order: Option<&Carried>, parcel: &Parcel) -> std::result::Result<(), &'static str> {
    let Some(order) = order else { return Err("is carried and is no order") };
    let is_off = matches!(order.status, Status::Cancelled | Status::Failed);
    match parcel.state {
        State::Cancelled if is_off => Ok(()),
        State::Cancelled => Err("was called off at the carrier alone"),
        _ if order.carrier_ref.is_some() && order.carrier_ref != parcel.tracking => {
            Err("is carried under another number")
        }
        State::Booked if is_off => Err("was called off and the carrier expects it"),
        _ if is_off && !order.is_excepted => Err("was called off, goes, and nobody was told"),
        _ => Ok(()),
    }
}

/// What orders, stock, payments and credit say of each other. They are streamed side by side, in the order of
/// their ids. What happened after `young` may be under way.
pub async fn across(books: Books<'_>, young: Timestamp) -> Result<Vec<Check>> {
    let mut found = Across {
        money: Check::new("every order's money is what its state explains"),
        stock: Check::new("every order holds the stock that its state explains"),
        orphans: Check::new("every payment, every credit and every hold belongs to an order"),
    };
    let mut after = None;
    loop {
        let (stories, last) = page(books, after).await?;
        for (id, story) in &stories {
            found.look_at(*id, story, young);
        }
        match last {
            Some(last) => after = Some(last),
            None => return Ok(vec![found.money, found.stock, found.orphans]),
        }
    }
}

/// The stories of the next ids, and the last of them; none when there are no more.
async fn page(
    books: Books<'_>,
    after: Option<OrderId>,
) -> Result<(BTreeMap<OrderId, Story>, Option<OrderId>)> {
    let full = PAGE as usize;
    let orders = books.orders.briefs(after, PAGE).await?;
    let holds = books.inventory.holds(after, PAGE).await?;
    let payments = books.payments.payments_page(after, PAGE).await?;
    let credits = books.credits.paid(after, PAGE).await?;
    // Ids up to the end of the shortest full page are complete; the rest comes with the next one.
    let ends = [
        orders.last().filter(|_| orders.len() == full).map(|order| order.id),
        holds.last().filter(|_| holds.len() == full).map(|hold| hold.order_id),
        payments.last().filter(|_| payments.len() == full).map(|payment| payment.order_id),
        credits.last().filter(|_| credits.len() == full).map(|credit| credit.order_id),
    ];
    let last = ends.into_iter().flatten().min();
    let mut stories: BTreeMap<OrderId, Story> = BTreeMap::new();
    for order in orders {
        let id = order.id;
        stories.entry(id).or_default().order = Some(order);
    }
    for hold in holds {
        let id = hold.order_id;
        stories.entry(id).or_default().hold = Some(hold);
    }
    for payment in payments {
        let id = payment.order_id;
        stories.entry(id).or_default().payment = Some(payment);
    }
    for credit in credits {
        stories.entry(credit.order_id).or_default().credit = Some(credit);
    }
    if let Some(last) = last {
        stories.retain(|id, _| *id <= last);
    }
    Ok((stories, last))
}

impl Across {
    fn look_at(&mut self, id: OrderId, story: &Story, young: Timestamp) {
        let Some(order) = &story.order else {
            let begun = id.uuid().get_timestamp().map_or(0, |time| time.to_unix().0);
            let settled = i64::try_from(begun).unwrap_or(i64::MAX) < young.timestamp();
            self.orphans.row(!settled, || format!("{id} has stock or money but is no order"));
            return;
        };
        self.orphans.row(true, String::new);
        let settled = order.updated_at < young && !order.is_being_edited;
        let name = |what: String| format!("{} is {} but {what}", order.number, order.status.word());
        match money(order, story) {
            Err(what) if settled => self.money.row(false, || name(what)),
            _ => self.money.row(true, String::new),
        }
        match stock(order, story.hold.as_ref()) {
            Err(what) if settled => self.stock.row(false, || name(what)),
            _ => self.stock.row(true, String::new),
        }
    }
}

/// Whether the payment of an order, and what gift cards and store credit pay of it, is what its state explains.
fn money(order: &Brief, story: &Story) -> std::result::Result<(), String> {
    let payment = story.payment.as_ref();
    let paid = |it: Paid| (it.spent, it.given, it.asked);
    let (spent, given, by_credit) = story.credit.map_or((0, 0, 0), paid);
    let total = order.total.minor();
    if payment.is_some_and(|payment| payment.amount.currency() != order.total.currency()) {
        return Err("was paid in another currency".to_owned());
    }
    let held = payment.map_or(0, |payment| payment.held.minor());
    let taken = payment.map_or(0, |payment| payment.captured.minor());
    // What is disputed is not given back before that ends, and what is lost is gone.
    let gone = |it: &PaymentRow| (it.refunded.minor(), it.lost.minor(), it.disputed.minor());
    let (refunded, lost, disputed) = payment.map_or((0, 0, 0), gone);
    let kept = taken - refunded - lost - disputed;
    let asked = by_credit + payment.map_or(0, |payment| payment.asked_by_order.minor());
    if !(order.given..=order.given + order.giving).contains(&asked) {
        let (gave, gives) = (order.given, order.giving);
        return Err(format!("gave {gave} back, gives {gives}, and its payments gave {asked}"));
    }
    let (explained, what) = match order.status {
        Status::Pending | Status::AwaitingPayment => {
            let all = held + taken + spent;
            (all <= total, format!("holds {all} of {total}"))
        }
        Status::Failed | Status::Cancelled => {
            let kept = kept + spent - given;
            (held + kept == 0, format!("still holds {held} and keeps {kept}"))
        }
        Status::Confirmed | Status::Shipped | Status::Delivered | Status::Returned => {
            let taken = taken + spent;
            let what = format!("holds {held} and took {taken} of {total}, {spent} of it as credit");
            (held + taken == total && order.credit == spent, what)
        }
    };
    if explained { Ok(()) } else { Err(what) }
}

/// Whether what an order holds of the stock is what its state explains.
fn stock(order: &Brief, hold: Option<&Hold>) -> std::result::Result<(), String> {
    let state = hold.map(|hold| hold.state);
    let explained = match order.status {
        Status::Pending | Status::AwaitingPayment => true,
        Status::Failed | Status::Cancelled => {
            matches!(state, None | Some(HoldState::Released | HoldState::Expired))
        }
        Status::Confirmed => state == Some(HoldState::Committed),
        Status::Shipped | Status::Delivered | Status::Returned => state == Some(HoldState::Shipped),
    };
    if !explained {
        return Err(format!("its stock is {state:?}"));
    }
    let Some(hold) = hold.filter(|hold| hold.state.is_final()) else { return Ok(()) };
    let lines = hold.lines.iter().zip(&hold.shipped);
    let held: BTreeMap<_, _> =
        lines.map(|((product, units), shipped)| (*product, (*units, *shipped))).collect();
    // What was called off as a whole is not held.
    let kept = order.units.iter().filter(|line| line.ordered > 0);
    let units = kept.map(|line| (line.product_id, (line.ordered, line.shipped)));
    match units.clone().find(|(product, units)| held.get(product) != Some(units)) {
        Some((product, units)) => {
            let found = held.get(&product);
            Err(format!("of {product} it holds {found:?} of {units:?} units, and units that left"))
        }
        None if held.len() != units.clone().count() => {
            Err("holds units of products that were not ordered".to_owned())
        }
        None => Ok(()),
    }
}
