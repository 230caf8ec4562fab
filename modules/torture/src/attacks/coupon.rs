use serde::Serialize;
use serde_json::json;

use super::{PLENTY, Promise, at_once};
use crate::World;
use crate::client::Result;
use crate::people::{APPROVED, DECLINED, Shopper, cents};
use crate::plan::{Dice, Pause};
use crate::verdict::Verdict;

/// One code, asked for again and again by many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Coupon {
    uses_max: usize,
    /// Whether every third card is declined, which gives a use back.
    some_are_declined: bool,
    /// When each tab of each shopper asks.
    shoppers: Vec<Vec<Pause>>,
}

impl Coupon {
    pub const PROMISE: Promise =
        Promise("one coupon", "it is used as often as it may, and no more");

    pub fn draw(dice: &mut Dice, crowd: usize) -> Self {
        let shoppers = 1 + crowd / 4;
        let uses_max = dice.within(1..=shoppers);
        let shoppers = dice.many(shoppers, |dice| {
            let tabs = dice.within(1..=8);
            dice.many(tabs, |dice| dice.pause(10))
        });
        Self { uses_max, some_are_declined: dice.one(&[true, false]), shoppers }
    }

    pub async fn attack(&self, world: &World) -> Result<Verdict> {
        let mut verdict = Self::PROMISE.verdict();
        let code = format!("{}-COUPON", world.run);
        let product = &world.staff.product(&code, 2_000, PLENTY).await?;
        let code = code.as_str();
        let promotion = json!({"code": code, "percent": "10", "uses_max": self.uses_max});
        world.staff.issue(&promotion).await?;
        let shoppers = at_once(self.shoppers.iter().enumerate().map(|(n, _)| async move {
            let shopper = Shopper::with(&world.door, product, 1).await?;
            let is_declined = self.some_are_declined && n % 3 == 0;
            let card = if is_declined { DECLINED } else { APPROVED };
            let mut body = shopper.order_by(card).await?;
            body["coupon"] = json!(code);
            Ok((shopper, body))
        }));
        let shoppers = shoppers.await?;
        let tries = shoppers.iter().zip(&self.shoppers).flat_map(|((shopper, body), tabs)| {
            tabs.iter().enumerate().map(move |(tab, pause)| async move {
                pause.wait().await;
                shopper.order(&format!("tab {tab}"), body).await
            })
        });
        let mut used = 0;
        for answer in at_once(tries).await? {
            verdict.saw(&answer.word());
            match (answer.status, answer.body["code"].as_str()) {
                (201, _) => {
                    used += 1;
                    let discount = cents(&answer.body["totals"]["discount"]);
                    verdict.demand(discount == 200, || format!("{discount} cents were taken off"));
                }
                (402, _) if self.some_are_declined => {}
                (409, Some("coupon_refused" | "cart_in_checkout" | "cart_empty")) => {}
                _ => verdict.demand(false, || format!("a shopper was told {}", answer.body)),
            }
        }
        // While an order is on its way to be declined, its use is not there for anybody else.
        let is_kept = used == self.uses_max || (self.some_are_declined && used < self.uses_max);
        verdict.demand(is_kept, || format!("{used} of {} uses", self.uses_max));
        let mut counted = None;
        let settled = world.door.until("uses that settle", async || {
            counted = world.staff.promotion(code).await?["uses"].as_u64();
            Ok((counted == Some(used as u64)).then_some(()))
        });
        let is_settled = settled.await.is_ok();
        verdict.demand(is_settled, || format!("{counted:?} uses are counted of {used}"));
        Ok(verdict)
    }
}
