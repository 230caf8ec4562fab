use serde::Serialize;
use serde_json::json;

use super::{PLENTY, Promise, at_once, settle_money};
use crate::World;
use crate::client::{Answer, Result};
use crate::people::{CHALLENGED, Shopper, text};
use crate::plan::{Dice, Pause};
use crate::verdict::Verdict;

/// What happens to an order whose shopper is at their bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Act {
    Approve,
    Decline,
    Cancel,
    Look,
}

impl Act {
    async fn of(self, shopper: &Shopper, order: &str, payment: &str, n: usize) -> Result<Answer> {
        let bank = async |outcome: &str| {
            let path = format!("/v1/payments/{payment}/challenge");
            shopper.client.post(&path, &json!({"outcome": outcome})).await
        };
        match self {
            Self::Approve => bank("approve").await,
            Self::Decline => bank("decline").await,
            Self::Cancel => {
                let path = format!("/v1/orders/{order}/cancel");
                shopper.client.command(&path, &format!("cancel {n}"), &json!({})).await
            }
            Self::Look => shopper.client.get(&format!("/v1/orders/{order}")).await,
        }
    }
}

/// Answers from the bank that come twice, late and in any order, against cancels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Challenges {
    orders: Vec<Vec<(Act, Pause)>>,
}

impl Challenges {
    pub const PROMISE: Promise =
        Promise("answers of the bank", "an order has one end, and the money follows it");

    pub fn draw(dice: &mut Dice, crowd: usize) -> Self {
        let all = [Act::Approve, Act::Decline, Act::Cancel, Act::Look];
        let orders = dice.many(2 + crowd / 6, |dice| {
            let acts = dice.within(2..=6);
            let mut acts = dice.many(acts, |dice| (dice.one(&all), dice.pause(12)));
            // Without one of these it would wait for its deadline.
            acts.push((dice.one(&all[..3]), dice.pause(12)));
            acts
        });
        Self { orders }
    }

    pub async fn attack(&self, world: &World) -> Result<Verdict> {
        let mut verdict = Self::PROMISE.verdict();
        let sku = format!("{}-BANK", world.run);
        let product = &world.staff.product(&sku, 2_500, PLENTY).await?;
        let raced = at_once(self.orders.iter().map(|acts| async move {
            let shopper = Shopper::with(&world.door, product, 1).await?;
            let order = shopper.buy(CHALLENGED, "AWAITING_PAYMENT").await?;
            let (id, payment) = (text(&order, "id"), text(&order["payment"], "id"));
            let (id, payment, shopper) = (id.as_str(), payment.as_str(), &shopper);
            let answers = at_once(acts.iter().enumerate().map(|(n, (act, pause))| async move {
                pause.wait().await;
                act.of(shopper, id, payment, n).await
            }));
            let answers = answers.await?;
            Ok((shopper.ended(id).await?, answers, shopper.orders().await?.len()))
        }));
        for (order, answers, orders) in raced.await? {
            let status = text(&order, "status");
            verdict.saw(&status);
            verdict.demand(orders == 1, || format!("one checkout is {orders} orders"));
            for answer in answers {
                verdict.demand(answer.status < 500, || format!("an act was told {}", answer.body));
            }
            settle_money(world, &order, &mut verdict).await?;
        }
        Ok(verdict)
    }
}
