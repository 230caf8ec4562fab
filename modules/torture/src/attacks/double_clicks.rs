use serde::Serialize;

use super::{PLENTY, Promise, at_once, settle_money, total};
use crate::World;
use crate::client::Result;
use crate::people::{APPROVED, Shopper, text};
use crate::plan::{Dice, Pause};
use crate::verdict::Verdict;

/// Shoppers who click twice, and do so in several tabs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct DoubleClicks {
    /// For each shopper the clicks: in which tab, and when. A tab sends the same key each time.
    shoppers: Vec<Vec<(usize, Pause)>>,
}

impl DoubleClicks {
    pub const PROMISE: Promise = Promise("double clicks", "one cart is one order, charged once");

    pub fn draw(dice: &mut Dice, crowd: usize) -> Self {
        let shoppers = dice.many(1 + crowd / 12, |dice| {
            let tabs = dice.within(1..=4);
            let clicks = dice.within(2..=16);
            dice.many(clicks, |dice| (dice.within(1..=tabs), dice.pause(10)))
        });
        Self { shoppers }
    }

    pub async fn attack(&self, world: &World) -> Result<Verdict> {
        let mut verdict = Self::PROMISE.verdict();
        let sku = format!("{}-CLICK", world.run);
        let product = world.staff.product(&sku, 1_234, PLENTY).await?;
        let product = product.as_str();
        let clicked = at_once(self.shoppers.iter().map(|clicks| async move {
            let shopper = Shopper::with(&world.door, product, 2).await?;
            let body = &shopper.order_by(APPROVED).await?;
            let answers = at_once(clicks.iter().map(|(tab, pause)| {
                let shopper = &shopper;
                async move {
                    pause.wait().await;
                    shopper.order(&format!("tab {tab}"), body).await
                }
            }));
            let answers = answers.await?;
            let orders = shopper.orders().await?;
            Ok((answers, orders))
        }));
        for (answers, orders) in clicked.await? {
            let mut ids = Vec::new();
            for answer in &answers {
                verdict.saw(&answer.word());
                match (answer.status, answer.body["code"].as_str()) {
                    (201, _) => ids.push(text(&answer.body, "id")),
                    (409, Some("cart_in_checkout" | "cart_empty")) => {}
                    _ => verdict.demand(false, || format!("a click was told {}", answer.body)),
                }
            }
            ids.sort_unstable();
            ids.dedup();
            verdict.demand(ids.len() == 1 && orders.len() == 1, || {
                format!("{} clicks are {} orders, told as {ids:?}", answers.len(), orders.len())
            });
            for order in &orders {
                verdict.demand(total(order) >= 2 * 1_234, || format!("it costs {order}"));
                settle_money(world, order, &mut verdict).await?;
            }
        }
        Ok(verdict)
    }
}
