use serde::Serialize;

use super::{Promise, at_once};
use crate::World;
use crate::client::Result;
use crate::people::{APPROVED, Level, Shopper};
use crate::plan::{Dice, Pause};
use crate::verdict::Verdict;

/// More shoppers than there are units, while the staff writes units off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LastUnits {
    stock: i64,
    /// How many units each shopper wants, and when.
    wants: Vec<(i64, Pause)>,
    /// How many units are found broken, and when.
    broken: Vec<(i64, Pause)>,
}

impl LastUnits {
    pub const PROMISE: Promise =
        Promise("last units", "no more is sold than there is, and nobody is refused what is left");

    pub fn draw(dice: &mut Dice, crowd: usize) -> Self {
        let stock = dice.within(1..=i64::try_from(crowd).unwrap_or(i64::MAX).max(1));
        let quantity = dice.within(1..=3);
        Self {
            stock,
            wants: dice.many(crowd, |dice| (dice.within(1..=quantity), dice.pause(5))),
            broken: dice.many(4, |dice| (dice.within(1..=1 + stock / 8), dice.pause(60))),
        }
    }

    pub async fn attack(&self, world: &World) -> Result<Verdict> {
        let mut verdict = Self::PROMISE.verdict();
        let staff = &world.staff;
        let sku = format!("{}-LAST", world.run);
        let product = staff.product(&sku, 1_990, self.stock).await?;
        let buyers = at_once(self.wants.iter().map(|(wanted, pause)| async {
            let buyer = Shopper::with(&world.door, &product, *wanted).await?;
            let body = buyer.order_by(APPROVED).await?;
            Ok((buyer, body, *wanted, *pause))
        }))
        .await?;

        let buying = at_once(buyers.iter().map(|(buyer, body, wanted, pause)| async move {
            pause.wait().await;
            Ok((*wanted, buyer.order("last", body).await?))
        }));
        let writing_off = at_once(self.broken.iter().enumerate().map(|(n, (units, pause))| {
            let product = &product;
            async move {
                pause.wait().await;
                let answer = staff.adjust(product, &format!("broken {n}"), -units).await?;
                match answer.status {
                    200 => Ok(*units),
                    409 => Ok(0),
                    _ => Err(answer.unexpected("an adjustment")),
                }
            }
        }));
        let (bought, written_off) = tokio::try_join!(buying, writing_off)?;

        let left = self.stock - written_off.iter().sum::<i64>();
        let mut sold = 0;
        let mut least_refused = i64::MAX;
        for (wanted, answer) in &bought {
            verdict.saw(&answer.word());
            match (answer.status, answer.body["code"].as_str()) {
                (201, _) => sold += wanted,
                (409, Some("out_of_stock")) => least_refused = least_refused.min(*wanted),
                _ => verdict.demand(false, || format!("a buyer was told {}", answer.body)),
            }
        }
        verdict.demand(sold <= left, || format!("{sold} of {left} units were sold"));
        verdict.demand(least_refused > left - sold, || {
            format!("{least_refused} were refused although {} are left", left - sold)
        });
        let expected = Level { on_hand: left, reserved: sold };
        let mut level = None;
        let settled = world.door.until("a stock that settles", async || {
            let now = staff.level(&product).await?;
            let is_right = now == expected;
            level = Some(now);
            Ok(is_right.then_some(()))
        });
        let is_right = settled.await.is_ok();
        verdict.demand(is_right, || format!("the stock is {level:?} and not {expected:?}"));
        Ok(verdict)
    }
}
