use serde::Serialize;
use serde_json::{Value, json};

use super::{PLENTY, Promise, at_once};
use crate::World;
use crate::client::{Answer, Result};
use crate::people::{APPROVED, DECLINED, Shopper, cents, euros, text};
use crate::plan::{Dice, Pause};
use crate::verdict::Verdict;

/// What one lamp costs, in cents.
const PRICE: i64 = 2_000;

/// One gift card that many pay with at the same time, beside cards of which some are declined; money of what they
/// bought is given back, by several at once, and then it is called off, by several at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct GiftCard {
    /// What is on it, in cents.
    value: i64,
    buyers: Vec<Buyer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Buyer {
    is_declined: bool,
    /// When each tab orders.
    tabs: Vec<Pause>,
    /// When it is called off afterwards.
    cancels: Vec<Pause>,
    /// When how many cents of it are given back afterwards, and how often that is sent.
    refunds: Vec<(Pause, i64, usize)>,
}

impl GiftCard {
    pub const PROMISE: Promise =
        Promise("one gift card", "what is on it is spent once, and given back once");

    pub fn draw(dice: &mut Dice, crowd: usize) -> Self {
        let buyers = dice.many(2 + crowd / 4, |dice| {
            let (tabs, cancels, refunds) =
                (dice.within(1..=2), dice.within(0..=2), dice.within(0..=3));
            Buyer {
                is_declined: dice.within(0..=3) == 0,
                tabs: dice.many(tabs, |dice| dice.pause(10)),
                cancels: dice.many(cancels, |dice| dice.pause(10)),
                refunds: dice.many(refunds, |dice| {
                    (dice.pause(10), dice.within(1..=PRICE), dice.within(1..=2))
                }),
            }
        });
        Self { value: dice.within(PRICE / 2..=PRICE * 4), buyers }
    }

    pub async fn attack(&self, world: &World) -> Result<Verdict> {
        let mut verdict = Self::PROMISE.verdict();
        let sku = format!("{}-GIFT", world.run);
        let product = &world.staff.product(&sku, PRICE, PLENTY).await?;
        let issue = json!({"amount": euros(self.value), "reason": "torture"});
        let issued = world.staff.client.command("/v1/admin/gift-cards", &sku, &issue).await?;
        let (card, code) = (text(&issued.body, "id"), &text(&issued.body, "code"));
        self.declined(world, product, code, &mut verdict).await?;
        let bought = at_once(self.buyers.iter().map(|buyer| async move {
            let shopper = Shopper::with(&world.door, product, 1).await?;
            let by = if buyer.is_declined { DECLINED } else { APPROVED };
            let mut body = shopper.order_by(by).await?;
            body["gift_cards"] = json!([code]);
            let (shopper, body) = (&shopper, &body);
            let tries = buyer.tabs.iter().enumerate().map(|(tab, pause)| async move {
                pause.wait().await;
                shopper.order(&format!("tab {tab}"), body).await
            });
            let answers = at_once(tries).await?;
            let order = answers.iter().find(|answer| answer.status == 201);
            let order = order.map(|answer| text(&answer.body, "id"));
            if let Some(order) = &order {
                after(world, buyer, order).await?;
            }
            Ok((answers, order))
        }));
        let mut orders = Vec::new();
        for (answers, order) in bought.await? {
            for answer in answers {
                verdict.saw(&answer.word());
                verdict.demand(is_told(&answer), || format!("a buyer was told {}", answer.body));
            }
            orders.extend(order);
        }
        let (mut left, mut right) = (0, 0);
        let settled = world.door.until("a gift card that settles", async || {
            let mut kept = 0;
            for order in &orders {
                kept += keeps(world, order).await?;
            }
            let path = format!("/v1/admin/gift-cards/{card}");
            left = cents(&world.staff.client.must_get(&path).await?["balance"]);
            right = self.value - kept;
            Ok((left == right).then_some(()))
        });
        let is_settled = settled.await.is_ok();
        verdict.demand(is_settled && left >= 0, || {
            format!("{left} cents are left of {}, and should be {right}", self.value)
        });
        Ok(verdict)
    }

    /// Takes all of it for an order whose other card is declined, before anybody else comes.
    async fn declined(
        &self,
        world: &World,
        product: &str,
        code: &str,
        verdict: &mut Verdict,
    ) -> Result<()> {
        let shopper = Shopper::with(&world.door, product, self.value / PRICE + 1).await?;
        let mut body = shopper.order_by(DECLINED).await?;
        body["gift_cards"] = json!([code]);
        let refused = shopper.order("declined", &body).await?;
        verdict.saw(&refused.word());
        verdict.demand(refused.status == 402, || format!("it was told {}", refused.body));
        Ok(())
    }
}

/// Gives money of an order back, all at once, and calls it off when that was answered.
async fn after(world: &World, buyer: &Buyer, order: &str) -> Result<()> {
    let refunds = buyer.refunds.iter().enumerate().flat_map(|(n, (pause, amount, times))| {
        (0..*times).map(move |_| async move {
            pause.wait().await;
            let path = format!("/v1/admin/orders/{order}/refund");
            let body = json!({"amount": euros(*amount), "reason": "torture"});
            let key = format!("{order} back {n}");
            world.staff.client.command(&path, &key, &body).await.map(drop)
        })
    });
    at_once(refunds.collect::<Vec<_>>()).await?;
    let cancels = buyer.cancels.iter().enumerate().map(|(n, pause)| async move {
        pause.wait().await;
        world.staff.advance(order, "cancel", &format!("{order} off {n}")).await.map(drop)
    });
    at_once(cancels).await.map(drop)
}

/// What a buyer may be told: the order, a declined card, a gift card that others have spent, another tab.
fn is_told(answer: &Answer) -> bool {
    match (answer.status, answer.body["code"].as_str()) {
        (201 | 402, _) => true,
        (409, Some(code)) => ["credit_refused", "cart_in_checkout", "cart_empty"].contains(&code),
        _ => false,
    }
}

/// What an order keeps of the gift card: what it took, less what was given back of it before its card got any.
async fn keeps(world: &World, order: &str) -> Result<i64> {
    let now = world.staff.order(order).await?;
    if ["CANCELLED", "FAILED"].iter().any(|status| now["status"] == *status) {
        return Ok(0);
    }
    let parts = now["credit"].as_array().into_iter().flatten();
    let took: i64 = parts.map(|part| cents(&part["amount"])).sum();
    let changes = world.staff.changes(order).await?;
    let back: i64 = changes.iter().map(|change: &Value| cents(&change["refund"])).sum();
    Ok((took - back).max(0))
}
