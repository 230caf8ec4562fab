//! The attacks, a file each: what is drawn, what is done, and what must hold.

mod budget;
mod cancels;
mod carts;
mod challenges;
mod coupon;
mod double_clicks;
mod hang_ups;
mod last_units;
mod prices;
mod refunds;

pub(crate) use budget::Budget;
pub(crate) use cancels::Cancels;
pub(crate) use carts::Carts;
pub(crate) use challenges::Challenges;
pub(crate) use coupon::Coupon;
pub(crate) use double_clicks::DoubleClicks;
pub(crate) use hang_ups::HangUps;
pub(crate) use last_units::LastUnits;
pub(crate) use prices::Prices;
pub(crate) use refunds::Refunds;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;

use crate::World;
use crate::client::Result;
use crate::people::{cents, text};
use crate::verdict::Verdict;

/// The stock of a product that is not to run out.
const PLENTY: i64 = 1_000_000;
/// How many act at the same moment.
const AT_ONCE: usize = 256;

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
