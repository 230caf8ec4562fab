//! What may be promised beyond what lies there, and until when.

use kernel::Timestamp;
use kernel::id::{ProductId, StockId};
use platform::audit::{self, Actor, Entry};
use platform::sql::{Db, Error, Result, Tx, retry};
use serde::Serialize;

use crate::domain::{Level, Location, Policy, StockPolicy, owed};
use crate::error::AdjustError;
use crate::store::{self, Cause, Kind, Moved};

/// How many preorders a round ends.
const ENDING_MAX: i64 = 200;

/// What the audit log keeps of a policy.
#[derive(Serialize)]
struct Told<'a> {
    location: &'a str,
    policy: Policy,
    backorder_max: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    available_from: Option<Timestamp>,
}

/// Says what may be promised of a stock beyond what lies there. What is owed already must stay within
/// the cap.
pub(crate) async fn set_policy(
    db: &Db,
    product: ProductId,
    location: &str,
    policy: &StockPolicy,
    actor: &Actor,
) -> std::result::Result<Level, AdjustError> {
    retry(|| async {
        let mut tx = db.begin("inventory.policy").await?;
        let Some((level, version)) = store::set_policy(&mut tx, product, location, policy).await?
        else {
            let level = store::at_location(&mut tx, product, location).await?;
            let level = level.ok_or(AdjustError::UnknownProduct(product))?;
            let owed = owed(level.on_hand, level.reserved);
            let refused = AdjustError::CapTooLow { owed };
            return Err(if owed > policy.backorder_max { refused } else { AdjustError::Changed });
        };
        let word = level.policy.word();
        let reason = format!("{word}: {} units may be owed", level.backorder_max);
        note(&mut tx, &level, version, &reason, Some(actor)).await?;
        let &Level { policy, backorder_max, available_from, .. } = &level;
        let told = Told { location, policy, backorder_max, available_from };
        let entry = Entry::done("stock.policy", product.uuid(), &told)?;
        audit::record(&mut tx, actor, &[entry]).await?;
        tx.commit().await?;
        Ok(level)
    })
    .await
}

/// Ends the preorders whose day has come; true when there may be more.
pub(crate) async fn end_preorders(db: &Db) -> Result<bool> {
    let ending = store::ending(db, db.clock().now(), ENDING_MAX).await?;
    for &stock in &ending {
        retry(|| end(db, stock)).await?;
    }
    Ok(i64::try_from(ending.len()) == Ok(ENDING_MAX))
}

/// Does nothing when the day was moved meanwhile, or another node was first.
async fn end(db: &Db, stock: StockId) -> Result<()> {
    let mut tx = db.begin("inventory.preorder").await?;
    let ended = store::end_preorder(&mut tx, stock).await?;
    let Some((level, version)) = ended else { return Ok(()) };
    note(&mut tx, &level, version, "the day of preorders has come", None).await?;
    tx.commit().await
}

async fn note(
    tx: &mut Tx,
    level: &Level,
    version: i64,
    reason: &str,
    actor: Option<&Actor>,
) -> std::result::Result<(), Error> {
    let place = store::location::find_in(tx, &level.location).await?;
    let is_for_sale = place.as_ref().is_some_and(Location::is_for_sale);
    tx.emit(&level.adjusted(is_for_sale, 0, reason), version)?;
    let actor = actor.and_then(Actor::id);
    let cause = Cause { kind: Kind::Limited, order: None, reason, actor };
    let &Level { stock_id, product_id, .. } = level;
    let moved = Moved { stock_id, product_id, version, on_hand: 0, reserved: 0 };
    store::record(tx, cause, &[moved]).await
}
