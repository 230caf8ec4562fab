use std::time::Duration;

use reqwest::Method;
use serde::Serialize;

use super::{PLENTY, Promise, at_once, settle_money};
use crate::World;
use crate::client::{KEY, Result};
use crate::people::{APPROVED, Shopper, text};
use crate::plan::{Dice, Pause};
use crate::verdict::Verdict;

/// How long a connection lives at least, so that the request leaves.
const LIFE_MIN: Duration = Duration::from_micros(300);

/// Shoppers whose connection ends while they order, and who come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct HangUps {
    /// How long each connection of each shopper lives after the order was sent.
    shoppers: Vec<Vec<Pause>>,
}

impl HangUps {
    pub const PROMISE: Promise =
        Promise("hang-ups", "whoever comes back with the same key has one order, charged once");

    pub fn draw(dice: &mut Dice, crowd: usize) -> Self {
        let shoppers = dice.many(2 + crowd / 6, |dice| {
            let times = dice.within(1..=4);
            dice.many(times, |dice| dice.pause(25))
        });
        Self { shoppers }
    }

    pub async fn attack(&self, world: &World) -> Result<Verdict> {
        let mut verdict = Self::PROMISE.verdict();
        let sku = format!("{}-HANG", world.run);
        let product = &world.staff.product(&sku, 1_750, PLENTY).await?;
        let came_back = at_once(self.shoppers.iter().map(|lives| async move {
            let shopper = Shopper::with(&world.door, product, 1).await?;
            let body = shopper.order_by(APPROVED).await?;
            for life in lives {
                // A future that is dropped closes its connection.
                let sent =
                    shopper.client.once(Method::POST, "/v1/orders", Some(&body), &[(KEY, "order")]);
                let life = life.duration() + LIFE_MIN;
                tokio::time::timeout(life, sent).await.ok();
            }
            let answer = shopper.order("order", &body).await?;
            Ok((answer, shopper.orders().await?))
        }));
        for (answer, orders) in came_back.await? {
            verdict.saw(&answer.word());
            let is_the_one =
                orders.len() == 1 && text(&orders[0], "id") == text(&answer.body, "id");
            verdict.demand(answer.status == 201 && is_the_one, || {
                format!("{} orders, and told {}", orders.len(), answer.body)
            });
            for order in &orders {
                settle_money(world, order, &mut verdict).await?;
            }
        }
        Ok(verdict)
    }
}
