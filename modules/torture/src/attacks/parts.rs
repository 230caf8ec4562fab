use serde::Serialize;
use serde_json::{Value, json};

use super::{Promise, at_once};
use crate::World;
use crate::client::Result;
use crate::people::{APPROVED, Level, Shopper, cents, text};
use crate::plan::{Dice, Pause};
use crate::verdict::Verdict;

/// How many units are ordered.
const ORDERED: i64 = 3;
/// How many lie there.
const THERE: i64 = 1_000;

/// What somebody of the staff does to an order, so many units of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Act {
    Pack(i64),
    CallOff(i64),
    Edit(i64),
    Cancel,
}

impl Act {
    fn asked(self, order: &Value) -> (&'static str, Value) {
        let line = |units: i64| json!([{"line_id": order["lines"][0]["id"], "quantity": units}]);
        match self {
            Self::Pack(units) => ("shipments", json!({"lines": line(units)})),
            Self::CallOff(units) => {
                ("cancel-lines", json!({"lines": line(units), "reason": "torture"}))
            }
            Self::Edit(units) => ("edit", json!({"change": line(units), "reason": "torture"})),
            Self::Cancel => ("cancel", json!({"reason": "torture"})),
        }
    }
}

/// Orders whose units are packed, called off and edited away at the same moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Parts {
    orders: Vec<Vec<(Act, Pause)>>,
}

impl Parts {
    pub const PROMISE: Promise =
        Promise("packed and called off", "each unit has one end, and goods and money follow it");

    pub fn draw(dice: &mut Dice, crowd: usize) -> Self {
        // The first goes on in parts, one more than it has units, so that some of either kind happen in whatever
        // order they come; the others may be cut short.
        let parts = [Act::CallOff(1), Act::CallOff(1), Act::Pack(1), Act::Pack(1)];
        let in_parts = parts.map(|act| (act, dice.pause(10))).to_vec();
        let cut_short = dice.many(1 + crowd / 24, |dice| {
            let times = dice.within(3..=5);
            dice.many(times, |dice| {
                let units = dice.within(1..=2);
                let all = [Act::Pack(units), Act::CallOff(units), Act::Edit(units), Act::Cancel];
                (dice.one(&all), dice.pause(10))
            })
        });
        let orders = std::iter::once(in_parts).chain(cut_short).collect();
        Self { orders }
    }

    pub async fn attack(&self, world: &World) -> Result<Verdict> {
        let mut verdict = Self::PROMISE.verdict();
        let staff = &world.staff;
        let product = &staff.product(&format!("{}-PARTS", world.run), 2_345, THERE).await?;
        let raced = at_once(self.orders.iter().map(|acts| async move {
            let shopper = Shopper::with(&world.door, product, ORDERED).await?;
            let order = &shopper.buy(APPROVED, "CONFIRMED").await?;
            let id = text(order, "id");
            let id = id.as_str();
            // What was not taken is given back later, and nobody wants to wait for that.
            super::taken(world, id).await?;
            let answers = at_once(acts.iter().enumerate().map(|(n, (act, pause))| async move {
                pause.wait().await;
                let (step, body) = act.asked(order);
                let path = format!("/v1/admin/orders/{id}/{step}");
                let key = format!("{step} {id} {n}");
                Ok((*act, staff.client.command(&path, &key, &body).await?))
            }));
            let answers = answers.await?;
            let order = world.door.until("an order that is not edited", async || {
                let order = staff.order(id).await?;
                Ok(order["editing"].is_null().then_some(order))
            });
            Ok((order.await?, answers))
        }));
        let mut expected = Level { on_hand: THERE, reserved: 0 };
        for (order, answers) in raced.await? {
            let line = &order["lines"][0];
            let count = |field: &str| line[field].as_i64().unwrap_or_default();
            let (quantity, shipped) = (count("quantity"), count("shipped"));
            let is_off = order["status"] == "CANCELLED";
            let (mut packed, mut called_off) = (0, 0);
            for (act, answer) in &answers {
                verdict.saw(&answer.word());
                verdict.demand([200, 202, 409].contains(&answer.status), || {
                    format!("{act:?} was told {}", answer.body)
                });
                match act {
                    Act::Pack(units) if answer.is_success() => packed += units,
                    // What leaves nothing of an order calls it off as a whole.
                    Act::CallOff(units)
                        if answer.is_success() && answer.body["status"] != "CANCELLED" =>
                    {
                        called_off += units;
                    }
                    _ => {}
                }
            }
            let as_told = (shipped, count("cancelled")) == (packed, called_off);
            verdict.demand(as_told, || {
                format!("{packed} units were packed and {called_off} called off, and it is {order}")
            });
            verdict
                .demand(!is_off || shipped == 0, || format!("it left and is called off: {order}"));
            expected.on_hand -= shipped;
            let stays = quantity - shipped - count("cancelled");
            expected.reserved += if is_off { 0 } else { stays };
            self.settled(world, &order, &mut verdict).await?;
        }
        let settled = world.door.until("a stock that settles", async || {
            Ok((staff.level(product).await? == expected).then_some(()))
        });
        let is_right = settled.await.is_ok();
        verdict.demand(is_right, || format!("the stock is not {expected:?}"));
        Ok(verdict)
    }

    /// Waits until the shop keeps what the order costs less what its changes gave back.
    async fn settled(&self, world: &World, order: &Value, verdict: &mut Verdict) -> Result<()> {
        let (staff, id) = (&world.staff, text(order, "id"));
        let mut told = (0, 0);
        let settled = world.door.until("money that settles", async || {
            let changes = staff.changes(&id).await?;
            let is_open = changes.iter().any(|change| change["state"] == "settling");
            let gone = changes.iter().filter(|change| change["kind"] != "edit");
            let given: i64 = gone.map(|change| cents(&change["refund"])).sum();
            let is_off = order["status"] == "CANCELLED";
            let right = if is_off { 0 } else { super::total(order) - given };
            told = (staff.keeps(&id).await?, right);
            Ok((!is_open && told.0 == told.1).then_some(()))
        });
        if settled.await.is_err() {
            let (keeps, right) = told;
            verdict.demand(false, || format!("the shop keeps {keeps} of {right} cents: {order}"));
        }
        Ok(())
    }
}
