use kernel::id::ProductId;
use platform::audit::{self, Actor, Entry};
use platform::idempotency::{self, Answer, Claim, Key};
use platform::sql::{Db, Error, Tx, retry};
use serde::Serialize;

use super::cover::{Came, cover};
use crate::domain::{Adjustment, Level, Location, UNITS_MAX};
use crate::error::AdjustError;
use crate::store::{self, Cause, Kind, Moved};

/// An adjustment that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjusted {
    /// The answer that was stored with it.
    pub answer: Answer,
    /// Whether it was made by an earlier command with the same key.
    pub replayed: bool,
}

/// Changes what lies at a location: claim, effect and stored answer in one commit. A refusal is not
/// stored, so its key can be used again once the stock allows it.
pub(crate) async fn adjust(
    db: &Db,
    key: &Key,
    product: ProductId,
    location: &str,
    adjustment: &Adjustment,
    actor: &Actor,
) -> Result<Adjusted, AdjustError> {
    retry(|| async {
        let mut tx = db.begin("inventory.adjust").await?;
        let claim = idempotency::claim(&mut tx, key).await?;
        if let Some(problem) = claim.problem() {
            return Err(AdjustError::Claimed(Box::new(problem)));
        }
        if let Claim::Done(answer) = claim {
            return Ok(Adjusted { answer, replayed: true });
        }
        let level = apply(&mut tx, product, location, adjustment, actor).await?;
        let body = serde_json::to_string(&level)
            .map_err(|error| Error::Inconsistent(error.to_string()))?;
        let answer = Answer { status: 200, body };
        idempotency::finish(&mut tx, &key.scope, &key.key, &answer).await?;
        tx.commit().await?;
        Ok(Adjusted { answer, replayed: false })
    })
    .await
}

async fn apply(
    tx: &mut Tx,
    product: ProductId,
    location: &str,
    adjustment: &Adjustment,
    actor: &Actor,
) -> Result<Level, AdjustError> {
    store::location::note(tx, location).await?;
    store::open_elsewhere(tx, product, location).await?;
    let place = store::location::find_in(tx, location).await?;
    let is_for_sale = place.as_ref().is_some_and(Location::is_for_sale);
    let adjusted = store::adjust(tx, product, location, adjustment.delta).await?;
    let Some((level, version)) = adjusted else {
        let Some(level) = store::at_location(tx, product, location).await? else {
            return Err(AdjustError::UnknownProduct(product));
        };
        if adjustment.delta > 0 && place.is_some_and(|place| !place.active) {
            return Err(AdjustError::NotInUse(location.to_owned()));
        }
        let (lowest, highest) =
            ((level.reserved - level.on_hand).min(0), UNITS_MAX - level.on_hand);
        let is_allowed_now = (lowest..=highest).contains(&adjustment.delta);
        let refused = AdjustError::OutOfRange { lowest, highest };
        return Err(if is_allowed_now { AdjustError::Changed } else { refused });
    };
    let event = level.adjusted(is_for_sale, adjustment.delta, &adjustment.reason);
    tx.emit(&event, version)?;
    let cause =
        Cause { kind: Kind::Adjusted, order: None, reason: &adjustment.reason, actor: actor.id() };
    let moved = Moved {
        stock_id: level.stock_id,
        product_id: product,
        version,
        on_hand: adjustment.delta,
        reserved: 0,
    };
    store::record(tx, cause, &[moved]).await?;
    let came = Came::to(&level, version, adjustment.delta);
    cover(tx, std::iter::once(came)).await?;
    audit::record(tx, actor, &[entry(&level, adjustment)?]).await?;
    Ok(level)
}

/// What the audit log keeps of an adjustment.
#[derive(Serialize)]
struct Lies<'a> {
    on_hand: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

fn entry(level: &Level, adjustment: &Adjustment) -> Result<Entry, Error> {
    let on_hand = level.on_hand - adjustment.delta;
    let before = Lies { on_hand, location: None, reason: None };
    let (location, reason) = (Some(level.location.as_str()), Some(adjustment.reason.as_str()));
    let after = Lies { on_hand: level.on_hand, location, reason };
    Entry::changed("stock.adjust", level.product_id.uuid(), &before, &after)
}
