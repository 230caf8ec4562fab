use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Promise, at_once};
use crate::client::{Answer, Result};
use crate::people::{APPROVED, Level, Shopper, text};
use crate::plan::{Dice, Pause};
use crate::verdict::Verdict;
use crate::{Signed, Signer, World};

/// What happens to each parcel, in order.
const WORDS: [&str; 3] = ["picked_up", "in_transit", "delivered"];
/// How many units each order has.
const UNITS: i64 = 2;
/// How many lie there.
const THERE: i64 = 1_000;
/// How far from now a call is not believed, in seconds.
const TOO_FAR_S: i64 = 600;
const CALLS: &str = "/v1/webhooks/carrier";

/// Calls that are told for the carrier's and are not: each says that the parcel is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Forged {
    Unsigned,
    ByAnother,
    /// With the signature of something else that the carrier said.
    OfAnother,
    Old,
    Early,
}

const FORGED: [Forged; 5] =
    [Forged::Unsigned, Forged::ByAnother, Forged::OfAnother, Forged::Old, Forged::Early];

/// What a parcel's carrier tells several times and in any order, between calls that it did not make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Webhooks {
    orders: Vec<Way>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Way {
    /// The events, by their place in `WORDS`.
    events: Vec<(usize, Pause)>,
    /// What is told between them.
    forged: Vec<(Forged, Pause)>,
}

impl Webhooks {
    pub const PROMISE: Promise = Promise(
        "webhooks of the carrier",
        "a parcel is where its carrier last put it, and no other",
    );

    pub fn draw(dice: &mut Dice, crowd: usize) -> Self {
        let orders = dice.many(1 + crowd / 24, |dice| {
            let more = dice.within(1..=4);
            let mut events = dice.many(more, |dice| (dice.within(0..=2), dice.pause(20)));
            // Each is told at least once.
            events.extend((0..WORDS.len()).map(|n| (n, dice.pause(20))));
            let forged = dice.within(2..=4);
            Way { events, forged: dice.many(forged, |dice| (dice.one(&FORGED), dice.pause(20))) }
        });
        Self { orders }
    }

    pub async fn attack(&self, world: &World) -> Result<Verdict> {
        let mut verdict = Self::PROMISE.verdict();
        let Some(sign) = &world.signer else {
            verdict.saw("no_carrier");
            return Ok(verdict);
        };
        let staff = &world.staff;
        let product = &staff.product(&format!("{}-WAY", world.run), 2_750, THERE).await?;
        let raced = at_once(self.orders.iter().map(|Way { events, forged }| async move {
            let shopper = Shopper::with(&world.door, product, UNITS).await?;
            let order = text(&shopper.buy(APPROVED, "CONFIRMED").await?, "id");
            let tracking = staff.tracking(&order).await?;
            let (shopper, tracking) = (&shopper, tracking.as_str());
            let told = at_once(events.iter().map(|(n, pause)| async move {
                pause.wait().await;
                let (id, body) = (format!("{tracking}/{n}"), event(tracking, n + 1, WORDS[*n]));
                call(shopper, &id, &body, sign(&id, 0, body.to_string().as_bytes())).await
            }));
            let lies = at_once(forged.iter().enumerate().map(|(n, (how, pause))| async move {
                pause.wait().await;
                let id = format!("{tracking}/forged {n}");
                how.told(shopper, &id, &event(tracking, 9, "lost"), sign).await
            }));
            let (told, lies) = tokio::try_join!(told, lies)?;
            Ok((order, told, lies))
        }));
        let raced = raced.await?;
        let orders = i64::try_from(raced.len()).unwrap_or(0);
        for (id, told, lies) in raced {
            for (answers, expected) in [(&told, 204), (&lies, 401)] {
                for answer in answers {
                    verdict.saw(&answer.word());
                    verdict.demand(answer.status == expected, || {
                        format!("a call was told {} instead of {expected}", answer.status)
                    });
                }
            }
            let mut order = Value::Null;
            let settled = world.door.until("a parcel that arrives", async || {
                order = staff.order(&id).await?;
                let parcels = order["shipments"].as_array().map_or(0, Vec::len);
                let is_there = order["status"] == "DELIVERED" && parcels == 1;
                Ok((is_there && order["shipments"][0]["state"] == "delivered").then_some(()))
            });
            let is_right = settled.await.is_ok();
            verdict.demand(is_right, || format!("it did not arrive in one parcel: {order}"));
        }
        let expected = Level { on_hand: THERE - UNITS * orders, reserved: 0 };
        let settled = world.door.until("a stock that settles", async || {
            Ok((staff.level(product).await? == expected).then_some(()))
        });
        let is_right = settled.await.is_ok();
        verdict.demand(is_right, || format!("the stock is not {expected:?}"));
        Ok(verdict)
    }
}

impl Forged {
    async fn told(self, who: &Shopper, id: &str, body: &Value, sign: &Signer) -> Result<Answer> {
        let bytes = body.to_string().into_bytes();
        let now = || sign(id, 0, &bytes);
        let signed = match self {
            Self::Unsigned => Signed { signature: String::new(), ..now() },
            Self::ByAnother => Signed { signature: format!("v1,{}=", "A".repeat(43)), ..now() },
            Self::OfAnother => sign("another", 0, &bytes),
            Self::Old => sign(id, -TOO_FAR_S, &bytes),
            Self::Early => sign(id, TOO_FAR_S, &bytes),
        };
        call(who, id, body, signed).await
    }
}

fn event(tracking: &str, seq: usize, event: &str) -> Value {
    json!({
        "tracking": tracking, "seq": seq, "event": event, "happened_at": "2026-11-29T10:00:00Z",
    })
}

/// Calls the shop as a carrier does.
async fn call(who: &Shopper, id: &str, body: &Value, signed: Signed) -> Result<Answer> {
    let at = signed.at.to_string();
    let headers =
        [("webhook-id", id), ("webhook-timestamp", &at), ("webhook-signature", &signed.signature)];
    who.client.ask(Method::POST, CALLS, Some(body), &headers).await
}
