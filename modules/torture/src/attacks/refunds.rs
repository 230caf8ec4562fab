use serde::Serialize;
use serde_json::json;

use super::{PLENTY, Promise, at_once, captured, total};
use crate::World;
use crate::client::Result;
use crate::people::{APPROVED, Shopper, cents, euros, text};
use crate::plan::{Dice, Pause};
use crate::verdict::Verdict;

/// Refunds of one payment that together are more than was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Refunds {
    /// For each payment the refunds: how many hundredths of it, when, and how often it is sent.
    payments: Vec<Vec<(i64, Pause, usize)>>,
}

impl Refunds {
    pub const PROMISE: Promise =
        Promise("refund against refund", "each is given once, and together no more than was paid");

    pub fn draw(dice: &mut Dice, crowd: usize) -> Self {
        let payments = dice.many(1 + crowd / 12, |dice| {
            let refunds = dice.within(2..=8);
            dice.many(refunds, |dice| (dice.within(5..=100), dice.pause(10), dice.within(1..=3)))
        });
        Self { payments }
    }

    pub async fn attack(&self, world: &World) -> Result<Verdict> {
        let mut verdict = Self::PROMISE.verdict();
        let sku = format!("{}-REFUND", world.run);
        let product = &world.staff.product(&sku, 4_321, PLENTY).await?;
        let raced = at_once(self.payments.iter().map(|refunds| async move {
            let shopper = Shopper::with(&world.door, product, 1).await?;
            let order = shopper.buy(APPROVED, "CONFIRMED").await?;
            let payment = captured(world, &text(&order, "id")).await?;
            let paid = total(&order);
            let sent = refunds.iter().enumerate().flat_map(|(n, (share, pause, times))| {
                let amount = (paid * share / 100).max(1);
                let payment = payment.as_str();
                (0..*times).map(move |_| async move {
                    pause.wait().await;
                    let path = format!("/v1/admin/payments/{payment}/refund");
                    let body = json!({"amount": euros(amount)});
                    let key = format!("{payment} {n}");
                    Ok((n, amount, world.staff.client.command(&path, &key, &body).await?))
                })
            });
            let answers = at_once(sent).await?;
            let order = text(&order, "id");
            Ok((paid, answers, order))
        }));
        for (paid, mut answers, order) in raced.await? {
            answers.sort_by_key(|(n, ..)| *n);
            let mut given = 0;
            for same in answers.chunk_by(|a, b| a.0 == b.0) {
                for (_, _, answer) in same {
                    verdict.saw(&answer.word());
                    verdict.demand([200, 409].contains(&answer.status), || {
                        format!("a refund was told {}", answer.body)
                    });
                }
                let (_, amount, first) = &same[0];
                given += if first.is_success() { *amount } else { 0 };
                let alike = same.iter().all(|(.., answer)| answer.status == first.status);
                verdict.demand(alike, || format!("one key has two outcomes: {same:?}"));
            }
            let refunded = world.door.until("refunds that settle", async || {
                let payments = world.staff.payments(&order).await?;
                let refunded: i64 = payments.iter().map(|it| cents(&it["refunded"])).sum();
                Ok((refunded == given).then_some(()))
            });
            let is_right = refunded.await.is_ok();
            verdict.demand(is_right, || format!("{given} cents were accepted, and not given"));
            verdict.demand(given <= paid, || format!("{given} of {paid} cents were given back"));
        }
        Ok(verdict)
    }
}
