use serde::Serialize;

use super::{PLENTY, Promise, at_once, settle_money, total};
use crate::World;
use crate::client::Result;
use crate::people::{APPROVED, Shopper, euros};
use crate::plan::{Dice, Pause};
use crate::verdict::Verdict;

/// Prices that move while shoppers look at a quote and order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Prices {
    /// The prices in cents, and how long each holds.
    moves: Vec<(i64, Pause)>,
    /// When each shopper asks for a quote, and how long they look at it.
    shoppers: Vec<(Pause, Pause)>,
}

impl Prices {
    pub const PROMISE: Promise = Promise("moving prices", "nobody pays but what they were shown");

    pub fn draw(dice: &mut Dice, crowd: usize) -> Self {
        Self {
            moves: dice.many(6, |dice| (dice.within(100..=9_999), dice.pause(60))),
            shoppers: dice.many(3 + crowd / 6, |dice| (dice.pause(120), dice.pause(60))),
        }
    }

    pub async fn attack(&self, world: &World) -> Result<Verdict> {
        let mut verdict = Self::PROMISE.verdict();
        let sku = format!("{}-PRICE", world.run);
        let product = world.staff.product(&sku, 5_000, PLENTY).await?;
        let moving = async {
            for (price, pause) in &self.moves {
                let answer = world.staff.reprice(&product, *price).await?;
                if !answer.is_success() {
                    return Err(answer.unexpected("a new price"));
                }
                pause.wait().await;
            }
            Ok(())
        };
        let buying = at_once(self.shoppers.iter().map(|(arrives, looks)| async {
            let shopper = Shopper::with(&world.door, &product, 1).await?;
            let mut body = shopper.order_by(APPROVED).await?;
            arrives.wait().await;
            let quoted = shopper.quote().await?;
            body["expected_total"] = euros(quoted);
            looks.wait().await;
            Ok((quoted, shopper.order("order", &body).await?))
        }));
        let ((), bought) = tokio::try_join!(moving, buying)?;
        for (quoted, answer) in bought {
            verdict.saw(&answer.word());
            match (answer.status, answer.body["code"].as_str()) {
                (201, _) => {
                    let paid = total(&answer.body);
                    verdict.demand(paid == quoted, || format!("{paid} cents and not {quoted}"));
                    settle_money(world, &answer.body, &mut verdict).await?;
                }
                (409, Some("price_changed")) => {}
                _ => verdict.demand(false, || format!("a shopper was told {}", answer.body)),
            }
        }
        Ok(verdict)
    }
}
