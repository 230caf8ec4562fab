//! The attacks, a file each: what is drawn, what is done, and what must hold.

mod budget;
mod cancels;
mod carts;
mod challenges;
mod coupon;
mod double_clicks;
mod gift_card;
mod hang_ups;
mod last_units;
mod order_refunds;
mod parts;
mod prices;
mod refunds;
mod returns;
mod webhooks;

pub(crate) use budget::Budget;
pub(crate) use cancels::Cancels;
pub(crate) use carts::Carts;
pub(crate) use challenges::Challenges;
pub(crate) use coupon::Coupon;
pub(crate) use double_clicks::DoubleClicks;
pub(crate) use gift_card::GiftCard;
pub(crate) use hang_ups::HangUps;
pub(crate) use last_units::LastUnits;
pub(crate) use order_refunds::OrderRefunds;
pub(crate) use parts::Parts;
pub(crate) use prices::Prices;
pub(crate) use refunds::Refunds;
pub(crate) use returns::Returns;
pub(crate) use webhooks::Webhooks;

use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;

use crate::World;
use crate::client::{Answer, Result};
use crate::people::{cents, text};
use crate::verdict::Verdict;

/// The stock of a product that is not to run out.
const PLENTY: i64 = 1_000_000;
/// How many act at the same moment.
const AT_ONCE: usize = 256;
/// How often a payment is looked at before the shop seems to be one that takes it with the parcel.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// The name of an attack and what must hold.
pub(crate) struct Promise(&'static str, &'static str);

impl Promise {
    pub const fn verdict(&self) -> Verdict {
        Verdict::new(self.0, self.1)
    }
}

/// The verdict on an attack, also when it could not be carried out.
pub(crate) async fn told(
    promise: Promise,
    attack: impl Future<Output = Result<Verdict>>,
) -> Verdict {
    attack.await.unwrap_or_else(|error| promise.verdict().failed(&error))
}

/// Lets all act at once, and waits for all; the first that cannot ends it.
async fn at_once<T, F: Future<Output = Result<T>>>(
    all: impl IntoIterator<Item = F>,
) -> Result<Vec<T>> {
    stream::iter(all).buffer_unordered(AT_ONCE).try_collect().await
}

/// What an order costs, in cents.
fn total(order: &Value) -> i64 {
    cents(&order["totals"]["total"])
}

/// Waits until the shop keeps the money that an order's status explains: all of it, or nothing. What it
/// keeps instead is told.
async fn settle_money(world: &World, order: &Value, verdict: &mut Verdict) -> Result<()> {
    let id = text(order, "id");
    let sold = ["CONFIRMED", "SHIPPED", "DELIVERED"].iter().any(|it| order["status"] == *it);
    let right = if sold { total(order) } else { 0 };
    let mut keeps = 0;
    let settled = world.door.until("money that settles", async || {
        keeps = world.staff.keeps(&id).await?;
        Ok((keeps == right).then_some(()))
    });
    if settled.await.is_err() {
        let (number, status) = (text(order, "number"), text(order, "status"));
        verdict
            .demand(false, || format!("{number} is {status} and keeps {keeps} of {right} cents"));
    }
    Ok(())
}

/// Wants the same of all that were answered to one key. One that goes on is not decided.
fn same_outcome<'a>(verdict: &mut Verdict, answers: impl Iterator<Item = &'a Answer> + Clone) {
    for answer in answers.clone() {
        verdict.saw(&answer.word());
        verdict.demand([200, 201, 202, 409].contains(&answer.status), || {
            format!("a command was told {}", answer.body)
        });
    }
    let mut decided = answers.clone().filter(|answer| answer.status != 202);
    let first = decided.next().map(Answer::is_success);
    let alike = decided.all(|answer| Some(answer.is_success()) == first);
    verdict
        .demand(alike, || format!("one key has two outcomes: {:?}", answers.collect::<Vec<_>>()));
}

/// The payment of an order when the shop has taken it; none in a shop that takes it with the parcel.
async fn taken(world: &World, order: &str) -> Result<Option<String>> {
    for n in 0..LOOKS {
        if n > 0 {
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        let payments = world.staff.payments(order).await?;
        if let Some(taken) = payments.iter().find(|payment| payment["status"] == "captured") {
            return Ok(Some(text(taken, "id")));
        }
    }
    Ok(None)
}

/// The payment of an order once it is taken; a shop that takes it with the parcel is made to ship.
async fn captured(world: &World, order: &str) -> Result<String> {
    if let Some(payment) = taken(world, order).await? {
        return Ok(payment);
    }
    world.staff.advance(order, "ship", &format!("ship {order}")).await?;
    world.door.until("a payment that is captured", async || taken(world, order).await).await
}
