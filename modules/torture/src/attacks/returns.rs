use serde::Serialize;
use serde_json::{Value, json};

use super::{Promise, at_once, same_outcome};
use crate::World;
use crate::client::Result;
use crate::people::{APPROVED, Level, Shopper, cents, text};
use crate::plan::{Dice, Pause};
use crate::verdict::Verdict;

/// How many units arrive.
const ARRIVED: i64 = 3;
/// How many units each return is about: one return fits, two do not.
const BACK: i64 = 2;
/// How many lie there.
const THERE: i64 = 1_000;

/// Returns that are asked for twice and looked at twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Returns {
    orders: Vec<Return>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Return {
    /// With which key it is asked for, and when.
    asked: Vec<(usize, Pause)>,
    /// With which key it is looked at, and when.
    inspected: Vec<(usize, Pause)>,
    restock: bool,
}

impl Returns {
    pub const PROMISE: Promise =
        Promise("returns", "goods come back once, and are paid back and lie there once");

    pub fn draw(dice: &mut Dice, crowd: usize) -> Self {
        let some = |dice: &mut Dice| {
            let times = dice.within(2..=4);
            dice.many(times, |dice| (dice.within(1..=2), dice.pause(8)))
        };
        let orders = dice.many(1 + crowd / 24, |dice| Return {
            asked: some(dice),
            inspected: some(dice),
            restock: dice.one(&[true, false]),
        });
        Self { orders }
    }

    pub async fn attack(&self, world: &World) -> Result<Verdict> {
        let mut verdict = Self::PROMISE.verdict();
        let product = &world.staff.product(&format!("{}-RETURN", world.run), 1_999, THERE).await?;
        let raced = at_once(self.orders.iter().map(|what| what.race(world, product)));
        let mut expected = Level { on_hand: THERE, reserved: 0 };
        for (order, asked, inspected, restock) in raced.await? {
            let won = |answers: &[(usize, crate::client::Answer)]| {
                let mut keys: Vec<usize> =
                    answers.iter().filter(|it| it.1.is_success()).map(|it| it.0).collect();
                keys.sort_unstable();
                keys.dedup();
                keys.len()
            };
            for answers in [&asked, &inspected] {
                let mut answers = answers.clone();
                answers.sort_by_key(|(key, _)| *key);
                for same in answers.chunk_by(|a, b| a.0 == b.0) {
                    same_outcome(&mut verdict, same.iter().map(|(_, answer)| answer));
                }
            }
            let (asked, inspected) = (won(&asked), won(&inspected));
            verdict.demand((asked, inspected) == (1, 1), || {
                format!("{asked} returns of the same units, {inspected} inspections of one")
            });
            let id = text(&order, "id");
            let mut told = (0, 0, 0);
            let settled = world.door.until("a return that is paid back", async || {
                let changes = world.staff.changes(&id).await?;
                let owed: i64 = changes.iter().map(|change| cents(&change["refund"])).sum();
                let payments = world.staff.payments(&id).await?;
                let given = payments.iter().map(|it| cents(&it["refunded"])).sum();
                let order = world.staff.order(&id).await?;
                let returned = order["lines"][0]["returned"].as_i64().unwrap_or_default();
                told = (owed, given, returned);
                Ok((owed > 0 && owed == given && returned == BACK).then_some(()))
            });
            let is_right = settled.await.is_ok();
            let (owed, given, returned) = told;
            verdict.demand(is_right, || {
                format!("{returned} units came back, {owed} cents are owed and {given} were given")
            });
            expected.on_hand -= if restock { ARRIVED - BACK } else { ARRIVED };
        }
        let settled = world.door.until("a stock that settles", async || {
            Ok((world.staff.level(product).await? == expected).then_some(()))
        });
        let is_right = settled.await.is_ok();
        verdict.demand(is_right, || format!("the stock is not {expected:?}"));
        Ok(verdict)
    }
}

/// The order, and what was answered to whoever asked for a return and looked at it, by key.
type Raced =
    (Value, Vec<(usize, crate::client::Answer)>, Vec<(usize, crate::client::Answer)>, bool);

impl Return {
    async fn race(&self, world: &World, product: &str) -> Result<Raced> {
        let staff = &world.staff;
        let shopper = &Shopper::with(&world.door, product, ARRIVED).await?;
        let order = shopper.buy(APPROVED, "CONFIRMED").await?;
        let id = text(&order, "id");
        super::captured(world, &id).await?;
        for step in ["ship", "deliver"] {
            let moved = staff.advance(&id, step, &format!("{step} {id}")).await?;
            if !moved.is_success() {
                return Err(moved.unexpected(step));
            }
        }
        let line = &order["lines"][0]["id"];
        let path = &format!("/v1/orders/{id}/returns");
        let wanted = &json!({"lines": [{"line_id": line, "quantity": BACK, "reason": "other"}]});
        let asked = at_once(self.asked.iter().map(|(key, pause)| async move {
            pause.wait().await;
            Ok((*key, shopper.client.command(path, &format!("return {key}"), wanted).await?))
        }));
        let asked = asked.await?;
        let made = asked.iter().find(|(_, answer)| answer.is_success());
        let Some((_, made)) = made else { return Ok((order, asked, vec![], self.restock)) };
        let path = &format!("/v1/admin/returns/{}", text(&made.body, "id"));
        for step in ["approve", "receive"] {
            staff.client.must_post(&format!("{path}/{step}"), &json!({})).await?;
        }
        let found = &json!({"lines": [{"line_id": line, "accepted": BACK,
            "condition": if self.restock { "sellable" } else { "damaged" }, "restock": self.restock}]});
        let inspected = at_once(self.inspected.iter().map(|(key, pause)| async move {
            pause.wait().await;
            let (path, key_of_it) = (format!("{path}/inspect"), format!("{path} {key}"));
            Ok((*key, staff.client.command(&path, &key_of_it, found).await?))
        }));
        Ok((order, asked, inspected.await?, self.restock))
    }
}
