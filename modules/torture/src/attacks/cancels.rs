use serde::Serialize;
use serde_json::json;

use super::{Promise, at_once, settle_money};
use crate::World;
use crate::client::{Answer, Result};
use crate::people::{APPROVED, Level, Shopper, text};
use crate::plan::{Dice, Pause};
use crate::verdict::Verdict;

/// Orders that are shipped and called off at the same moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Cancels {
    races: Vec<Race>,
}

/// When the shopper cancels, the staff cancels and the staff ships.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Race {
    /// Who is answered before the others begin.
    ahead: Ahead,
    pauses: [Pause; 3],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Ahead {
    Nobody,
    Shopper,
    Parcel,
}

impl Cancels {
    pub const PROMISE: Promise =
        Promise("cancel against ship", "one of them happens, and goods and money follow it");

    pub fn draw(dice: &mut Dice, crowd: usize) -> Self {
        // However fast the shop is at what, some orders are called off and some are shipped.
        let mut ahead = [Ahead::Nobody, Ahead::Shopper, Ahead::Parcel].into_iter().cycle();
        let draw = |dice: &mut Dice| Race {
            ahead: ahead.next().unwrap_or(Ahead::Nobody),
            pauses: [dice.pause(8), dice.pause(12), dice.pause(8)],
        };
        Self { races: dice.many(2 + crowd / 6, draw) }
    }

    pub async fn attack(&self, world: &World) -> Result<Verdict> {
        let mut verdict = Self::PROMISE.verdict();
        let staff = &world.staff;
        let product = &staff.product(&format!("{}-CANCEL", world.run), 3_000, 1_000).await?;
        let raced = at_once(self.races.iter().map(|Race { ahead, pauses }| async {
            let [shopper_cancels, staff_cancels, ships] = pauses;
            let shopper = Shopper::with(&world.door, product, 1).await?;
            let id = text(&shopper.buy(APPROVED, "CONFIRMED").await?, "id");
            let path = format!("/v1/orders/{id}/cancel");
            let mine = async {
                shopper_cancels.wait().await;
                shopper.client.command(&path, "cancel", &json!({})).await
            };
            let theirs = async {
                staff_cancels.wait().await;
                staff.advance(&id, "cancel", &format!("cancel {id}")).await
            };
            let shipping = async {
                ships.wait().await;
                staff.advance(&id, "ship", &format!("ship {id}")).await
            };
            let (mine, theirs, shipped) = match ahead {
                Ahead::Nobody => tokio::try_join!(mine, theirs, shipping)?,
                Ahead::Shopper => {
                    let mine = mine.await?;
                    let (theirs, shipped) = tokio::try_join!(theirs, shipping)?;
                    (mine, theirs, shipped)
                }
                Ahead::Parcel => {
                    let shipped = shipping.await?;
                    let (mine, theirs) = tokio::try_join!(mine, theirs)?;
                    (mine, theirs, shipped)
                }
            };
            let order = shopper.client.must_get(&format!("/v1/orders/{id}")).await?;
            Ok((order, [mine, theirs], shipped))
        }));
        let mut shipped_units = 0;
        for (order, cancels, shipped) in raced.await? {
            let status = text(&order, "status");
            verdict.saw(&status);
            let won = cancels.iter().filter(|answer| answer.is_success()).count();
            let as_told = match status.as_str() {
                "CANCELLED" => won == 1 && is_refused(&shipped),
                "SHIPPED" => won == 0 && shipped.status == 200,
                _ => false,
            };
            shipped_units += i64::from(status == "SHIPPED");
            verdict.demand(as_told, || {
                let cancels = cancels.each_ref().map(Answer::word);
                format!("it is {status}, ship was told {}, cancel {cancels:?}", shipped.word())
            });
            settle_money(world, &order, &mut verdict).await?;
        }
        let expected = Level { on_hand: 1_000 - shipped_units, reserved: 0 };
        let settled = world.door.until("a stock that settles", async || {
            Ok((staff.level(product).await? == expected).then_some(()))
        });
        let is_right = settled.await.is_ok();
        verdict.demand(is_right, || format!("the stock is not {expected:?}"));
        Ok(verdict)
    }
}

fn is_refused(answer: &Answer) -> bool {
    answer.status == 409 && answer.body["code"] == "order_state"
}
