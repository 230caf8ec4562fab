use serde::Serialize;
use serde_json::json;

use super::{PLENTY, Promise, at_once, captured, same_outcome, total};
use crate::World;
use crate::client::Result;
use crate::people::{APPROVED, Shopper, cents, euros, text};
use crate::plan::{Dice, Pause};
use crate::verdict::Verdict;

/// Who is asked to give money back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Through {
    Order,
    Payment,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Refund {
    through: Through,
    /// How many hundredths of what was paid.
    share: i64,
    pause: Pause,
    /// How often it is sent, with one key.
    times: usize,
}

/// Refunds of one order, by the order and behind its back by its payment, that are more than was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct OrderRefunds {
    orders: Vec<Vec<Refund>>,
}

impl OrderRefunds {
    pub const PROMISE: Promise = Promise(
        "refunds of an order",
        "what was given is what was told, and no more than was paid",
    );

    pub fn draw(dice: &mut Dice, crowd: usize) -> Self {
        let mut orders = Vec::new();
        for _ in 0..=crowd / 24 {
            // Every second has refunds of its own only, so that the order's own bound is what holds.
            for ways in [&[Through::Order][..], &[Through::Order, Through::Payment]] {
                let refunds = dice.within(3..=6);
                orders.push(dice.many(refunds, |dice| Refund {
                    through: dice.one(ways),
                    // Three are more than was paid, whatever is drawn.
                    share: dice.within(34..=100),
                    pause: dice.pause(10),
                    times: dice.within(1..=2),
                }));
            }
        }
        Self { orders }
    }

    pub async fn attack(&self, world: &World) -> Result<Verdict> {
        let mut verdict = Self::PROMISE.verdict();
        let staff = &world.staff;
        let product = &staff.product(&format!("{}-BACK", world.run), 3_579, PLENTY).await?;
        let raced = at_once(self.orders.iter().map(|refunds| async move {
            let shopper = Shopper::with(&world.door, product, 1).await?;
            let order = shopper.buy(APPROVED, "CONFIRMED").await?;
            let id = text(&order, "id");
            let (payment, paid) = (captured(world, &id).await?, total(&order));
            let sent = refunds.iter().enumerate().flat_map(|(n, refund)| {
                let amount = (paid * refund.share / 100).max(1);
                let key = format!("{id} {n}");
                let (path, body) = match refund.through {
                    Through::Order => (
                        format!("/v1/admin/orders/{id}/refund"),
                        json!({"amount": euros(amount), "reason": "torture"}),
                    ),
                    Through::Payment => (
                        format!("/v1/admin/payments/{payment}/refund"),
                        json!({"amount": euros(amount)}),
                    ),
                };
                (0..refund.times).map(move |_| {
                    let (path, key, body) = (path.clone(), key.clone(), body.clone());
                    async move {
                        refund.pause.wait().await;
                        Ok((n, amount, staff.client.command(&path, &key, &body).await?))
                    }
                })
            });
            let answers = at_once(sent).await?;
            Ok((id, paid, answers, refunds))
        }));
        for (id, paid, mut answers, refunds) in raced.await? {
            answers.sort_by_key(|(n, ..)| *n);
            let mut by_payment = 0;
            for same in answers.chunk_by(|a, b| a.0 == b.0) {
                same_outcome(&mut verdict, same.iter().map(|(.., answer)| answer));
                let (n, amount, first) = &same[0];
                let is_given = refunds[*n].through == Through::Payment && first.is_success();
                by_payment += if is_given { *amount } else { 0 };
            }
            let (mut told, mut is_refused) = ((0, 0), false);
            let settled = world.door.until("refunds that settle", async || {
                let changes = staff.changes(&id).await?;
                let is_open = changes.iter().any(|change| change["state"] == "settling");
                let by_order: i64 = changes.iter().map(|it| cents(&it["refund"])).sum();
                let payments = staff.payments(&id).await?;
                let given = payments.iter().map(|it| cents(&it["refunded"])).sum();
                told = (by_order, given);
                is_refused = changes.iter().any(|change| change["state"] == "failed");
                Ok((!is_open && given == by_order + by_payment).then_some(()))
            });
            let is_right = settled.await.is_ok();
            let (by_order, given) = told;
            verdict.demand(is_right, || {
                format!("the order tells of {by_order}, {by_payment} went by payment, {given} were given")
            });
            verdict.demand(given <= paid, || format!("{given} of {paid} cents were given back"));
            // A payment may have given it to somebody else, behind the order's back only.
            let is_alone = refunds.iter().all(|refund| refund.through == Through::Order);
            verdict.demand(!(is_alone && is_refused), || {
                "a refund was accepted that the payments had to refuse".to_owned()
            });
        }
        Ok(verdict)
    }
}
