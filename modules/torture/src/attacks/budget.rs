use serde::Serialize;
use serde_json::json;

use super::{PLENTY, Promise, at_once};
use crate::World;
use crate::client::Result;
use crate::people::{APPROVED, Shopper, cents, euros};
use crate::plan::{Dice, Pause};
use crate::verdict::Verdict;

/// A promotion that may give away so much and applies by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Budget {
    /// In cents, as what it takes off an order is.
    most: i64,
    amount: i64,
    shoppers: Vec<Pause>,
}

impl Budget {
    pub const PROMISE: Promise = Promise("one budget", "no cent more is given away than there is");

    pub fn draw(dice: &mut Dice, crowd: usize) -> Self {
        let shoppers = 2 + crowd / 6;
        let amount = dice.within(1..=777);
        let uses = dice.within(1..=i64::try_from(shoppers).unwrap_or(1));
        let budget = amount * uses + dice.within(0..=amount - 1);
        Self { most: budget, amount, shoppers: dice.many(shoppers, |dice| dice.pause(10)) }
    }

    pub async fn attack(&self, world: &World) -> Result<Verdict> {
        let mut verdict = Self::PROMISE.verdict();
        let code = format!("{}-BUDGET", world.run);
        let product = world.staff.product(&code, 2_000, PLENTY).await?;
        let promotion = json!({
            "code": code, "kind": "fixed", "amount": euros(self.amount), "class": code,
            "budget": euros(self.most), "automatic": true, "include": {"products": [product]},
        });
        world.staff.issue(&promotion).await?;
        let orders = at_once(self.shoppers.iter().map(|pause| async {
            let shopper = Shopper::with(&world.door, &product, 1).await?;
            let body = shopper.order_by(APPROVED).await?;
            pause.wait().await;
            shopper.order("order", &body).await
        }));
        let mut given = 0;
        for answer in orders.await? {
            let discount = cents(&answer.body["totals"]["discount"]);
            verdict.saw(if discount > 0 { "cheaper" } else { "at its price" });
            verdict.demand(answer.status == 201, || format!("a shopper was told {}", answer.body));
            verdict.demand([0, self.amount].contains(&discount), || {
                format!("{discount} cents were taken off instead of {}", self.amount)
            });
            given += discount;
        }
        let spent = cents(&world.staff.promotion(&code).await?["spent"]);
        let uses = self.most / self.amount;
        let most = uses.min(i64::try_from(self.shoppers.len()).unwrap_or(i64::MAX)) * self.amount;
        verdict.demand(given == most, || format!("{given} of {most} cents were given away"));
        verdict.demand(spent == given, || format!("{spent} of {given} cents are counted"));
        Ok(verdict)
    }
}
