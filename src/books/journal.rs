//! The journal against the books of orders and payments.

use std::collections::BTreeMap;

use credit::Credits;
use kernel::Timestamp;
use kernel::id::OrderId;
use ledger::{Ledger, Position};
use order::Status;
use platform::sql::Result;
use platform::verify::Check;

use super::{Books, Story, page};

/// What the journal says of what orders owe and payments did. What happened after `young` may not be journaled.
pub async fn journal(books: Books<'_>, ledger: &Ledger, young: Timestamp) -> Result<Vec<Check>> {
    let mut moved = Check::new("the journal has what every order's payments took and gave back");
    let mut owed = Check::new("what the journal says is owed for an order is what is set aside");
    let mut after = None;
    loop {
        let (stories, last) = page(books, after).await?;
        compare(ledger, &stories, young, (&mut moved, &mut owed)).await?;
        match last {
            Some(last) => after = Some(last),
            None => return Ok(vec![moved, owed]),
        }
    }
}

/// Compares what the journal says is owed to those who have gift cards and store credit with what is left of these.
pub async fn held(credits: &Credits, ledger: &Ledger, young: Timestamp) -> Result<Check> {
    let mut check = Check::new("the journal owes what is left of gift cards and store credit");
    // What moves after this is young.
    let owed = ledger.owed().await?.into_iter();
    let mut owed: BTreeMap<(String, String), i64> =
        owed.map(|(code, currency, minor)| ((code, currency), minor)).collect();
    for left in credits.left().await? {
        let code = if left.kind == "gift_card" { "gift_cards" } else { "store_credit" };
        let of = (code.to_owned(), left.currency);
        let owed = owed.remove(&of).unwrap_or_default();
        check.row(owed == left.left_minor || left.moved_at >= young, || {
            format!("{code} {}: {owed} is owed of {}", of.1, left.left_minor)
        });
    }
    // A movement is there before the journal hears of it.
    for ((code, currency), owed) in owed {
        check.row(owed == 0, || format!("{code} {currency}: {owed} is owed, and nobody has it"));
    }
    Ok(check)
}

async fn compare(
    ledger: &Ledger,
    stories: &BTreeMap<OrderId, Story>,
    young: Timestamp,
    (moved, owed): (&mut Check, &mut Check),
) -> Result<()> {
    let ids: Vec<OrderId> = stories.keys().copied().collect();
    let positions = ledger.positions(&ids).await?;
    for (id, story) in stories {
        let position = positions.get(id).copied().unwrap_or_default();
        let touched = [
            story.order.as_ref().map(|order| order.updated_at),
            story.payment.as_ref().map(|payment| payment.updated_at),
        ];
        let is_young = touched.into_iter().flatten().any(|at| at >= young);
        let (took, gave) = story
            .payment
            .as_ref()
            .map_or((0, 0), |payment| (payment.captured.minor(), payment.refunded.minor()));
        let is_same = (position.captured, position.refunded) == (took, gave);
        moved.row(is_same || is_young, || {
            let Position { captured, refunded, .. } = position;
            format!("{id}: it has {captured} and {refunded}, and they {took} and {gave}")
        });
        if let Some(expected) = set_aside(story) {
            // What the staff gave back at a payment may be missing to what the order still has to give; where an
            // event of old did not tell who asked, it stands as owed.
            let beside = given_beside(story);
            let may = expected - beside..=expected + beside;
            owed.row(may.contains(&position.owed) || is_young, || {
                format!("{id}: {} is owed of {expected}", position.owed)
            });
        }
    }
    Ok(())
}

/// What payments gave back and no order asked for, of an order that goes on.
fn given_beside(story: &Story) -> i64 {
    let goes_on = story.order.as_ref().is_some_and(|order| order.status.is_sold());
    let payment = story.payment.as_ref().filter(|_| goes_on);
    payment.map_or(0, |payment| payment.refunded.minor() - payment.asked_by_order.minor())
}

/// What should be owed for an order; none while that may change at any moment.
fn set_aside(story: &Story) -> Option<i64> {
    let order = story.order.as_ref()?;
    let held = story.payment.as_ref().map_or(0, |payment| payment.held.minor());
    let disputed = story.payment.as_ref().map_or(0, |payment| payment.disputed.minor());
    match order.status {
        Status::Pending | Status::AwaitingPayment => None,
        _ if order.giving > 0 || order.is_being_edited => None,
        // What is disputed of it is given back, or taken away, when that ends.
        Status::Failed | Status::Cancelled => Some(-disputed),
        Status::Confirmed | Status::Shipped | Status::Delivered | Status::Returned => Some(held),
    }
}
