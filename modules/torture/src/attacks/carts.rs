use reqwest::Method;
use serde::Serialize;
use serde_json::json;

use super::{PLENTY, Promise, at_once, settle_money};
use crate::World;
use crate::client::{Answer, Result};
use crate::people::{APPROVED, Shopper, cents, text, units};
use crate::plan::{Dice, Pause};
use crate::verdict::Verdict;

/// What somebody does to the cart while it is being ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Change {
    AddAnother,
    SetQuantity(i64),
    Remove,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Race {
    change: Change,
    ordered_after: Pause,
    changed_after: Pause,
}

/// Carts that change while they are being bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Carts {
    races: Vec<Race>,
}

/// How many units are in the cart at first.
const FIRST: i64 = 2;

impl Carts {
    pub const PROMISE: Promise =
        Promise("changed carts", "what is sold is paid, and what was put in is in one place");

    pub fn draw(dice: &mut Dice, crowd: usize) -> Self {
        let races = dice.many(2 + crowd / 4, |dice| Race {
            change: dice.one(&[
                Change::AddAnother,
                Change::SetQuantity(1),
                Change::SetQuantity(9),
                Change::Remove,
            ]),
            ordered_after: dice.pause(6),
            changed_after: dice.pause(30),
        });
        Self { races }
    }

    pub async fn attack(&self, world: &World) -> Result<Verdict> {
        let mut verdict = Self::PROMISE.verdict();
        let [one, other] = ["ONE", "OTHER"].map(|it| format!("{}-CART-{it}", world.run));
        let one = world.staff.product(&one, 1_100, PLENTY).await?;
        let other = world.staff.product(&other, 700, PLENTY).await?;
        let (one, other) = (one.as_str(), other.as_str());
        let raced = at_once(self.races.iter().map(|race| async move {
            let shopper = Shopper::arrive(&world.door).await?;
            let cart = shopper.add(one, FIRST).await?;
            let line = text(&cart.body["lines"][0], "id");
            let body = shopper.order_by(APPROVED).await?;
            let ordering = async {
                race.ordered_after.wait().await;
                shopper.order("order", &body).await
            };
            let changing = async {
                race.changed_after.wait().await;
                change(&shopper, race.change, &line, other).await
            };
            let (ordered, changed) = tokio::try_join!(ordering, changing)?;
            let left = (shopper.in_cart(one).await?, shopper.in_cart(other).await?);
            Ok((race.change, ordered, changed, left))
        }));
        for (change, ordered, changed, left) in raced.await? {
            verdict.saw(&ordered.word());
            let order = &ordered.body;
            let sold = (units(order, one), units(order, other));
            // An order that was refused left everything in the cart.
            let there = (sold.0 + left.0, sold.1 + left.1);
            let expected = match (change, changed.is_success()) {
                (_, false) => (FIRST, 0),
                (Change::AddAnother, true) => (FIRST, 1),
                (Change::SetQuantity(units), true) => (units, 0),
                (Change::Remove, true) => (0, 0),
            };
            verdict.demand(there == expected, || {
                format!("{change:?} told {}: {there:?} instead of {expected:?}", changed.word())
            });
            if ordered.status == 201 {
                let worth = sold.0 * 1_100 + sold.1 * 700;
                let items = cents(&order["totals"]["items"]);
                verdict.demand(worth == items, || format!("{worth} cents are sold for {items}"));
                settle_money(world, order, &mut verdict).await?;
            }
        }
        Ok(verdict)
    }
}

async fn change(shopper: &Shopper, what: Change, line: &str, other: &str) -> Result<Answer> {
    let path = format!("/v1/cart/lines/{line}");
    match what {
        Change::AddAnother => shopper.add(other, 1).await,
        Change::SetQuantity(units) => {
            let body = json!({"quantity": units});
            shopper.client.ask(Method::PATCH, &path, Some(&body), &[]).await
        }
        Change::Remove => shopper.client.ask(Method::DELETE, &path, None, &[]).await,
    }
}
