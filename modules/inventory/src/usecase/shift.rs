//! Stocktakes and transfers: many rows of stock in one commit.

use std::collections::BTreeMap;

use kernel::id::{ProductId, StockId};
use platform::audit::{self, Actor, Entry};
use platform::idempotency::{self, Answer, Claim, Key};
use platform::sql::{Db, Tx, retry};
use serde::Serialize;
use serde_json::json;

use super::Adjusted;
use super::cover::{Came, cover};
use crate::domain::{Level, Location, Stocktake, Transfer, UNITS_MAX, Wanted};
use crate::error::{Impossible, ShiftError};
use crate::store::{self, Cause, Kind, Moved, Shift};

/// Makes what lies at a location what was counted there: claim, effect and stored answer in one
/// commit. What was counted is compared with what lies there at that moment.
pub(crate) async fn count(
    db: &Db,
    key: &Key,
    take: &Stocktake,
    actor: &Actor,
) -> Result<Adjusted, ShiftError> {
    retry(|| async {
        let mut tx = db.begin("inventory.count").await?;
        if let Some(before) = claimed(&mut tx, key).await? {
            return Ok(before);
        }
        let here = place(&mut tx, "location", &take.location).await?;
        // An inactive location may be counted down, and not up.
        let levels = levels(&mut tx, &here, &take.lines).await?;
        let mut shifts = Vec::new();
        let mut impossible = Vec::new();
        for (product, &counted) in &take.lines {
            let level = &levels[product];
            let delta = counted - level.on_hand;
            if delta < 0 && counted < level.reserved {
                impossible.push(named(level, counted));
            } else if delta > 0 && !here.active {
                return Err(ShiftError::NotInUse(here.code));
            } else if delta != 0 {
                let (stock_id, seen) = (level.stock_id, Some(level.on_hand));
                shifts.push(Shift { stock_id, delta, seen });
            }
        }
        if !impossible.is_empty() {
            return Err(ShiftError::Impossible(impossible));
        }
        let kind = Kind::Counted;
        if !shift(&mut tx, &shifts, &[&here], kind, &take.reason, actor).await? {
            return Err(ShiftError::Moved);
        }
        let told = Told {
            lines: lines(&take.lines, "counted"),
            location: Some(&here.code),
            ..Told::of(&take.reason)
        };
        let entry = Entry::done("stock.count", here.id.uuid(), &told)?;
        audit::record(&mut tx, actor, &[entry]).await?;
        let counted = levels_now(&mut tx, &here, &take.lines).await?;
        finish(tx, key, &json!({"levels": counted})).await
    })
    .await
}

/// Brings units from one location to another: claim, both sides and stored answer in one commit.
pub(crate) async fn transfer(
    db: &Db,
    key: &Key,
    transfer: &Transfer,
    actor: &Actor,
) -> Result<Adjusted, ShiftError> {
    retry(|| async {
        let mut tx = db.begin("inventory.transfer").await?;
        if let Some(before) = claimed(&mut tx, key).await? {
            return Ok(before);
        }
        let from = place(&mut tx, "from", &transfer.from).await?;
        let to = place(&mut tx, "to", &transfer.to).await?;
        if !to.active {
            return Err(ShiftError::NotInUse(to.code));
        }
        let here = levels(&mut tx, &from, &transfer.lines).await?;
        let there = levels(&mut tx, &to, &transfer.lines).await?;
        let mut shifts = Vec::with_capacity(2 * transfer.lines.len());
        for (product, &units) in &transfer.lines {
            for (levels, delta) in [(&here, -units), (&there, units)] {
                shifts.push(Shift { stock_id: levels[product].stock_id, delta, seen: None });
            }
        }
        let kind = Kind::Transferred;
        if !shift(&mut tx, &shifts, &[&from, &to], kind, &transfer.reason, actor).await? {
            return Err(refused(transfer, &here, &there));
        }
        let told = Told {
            lines: lines(&transfer.lines, "quantity"),
            from: Some(&from.code),
            to: Some(&to.code),
            ..Told::of(&transfer.reason)
        };
        let entry = Entry::done("stock.transfer", from.id.uuid(), &told)?;
        audit::record(&mut tx, actor, &[entry]).await?;
        let mut all = levels_now(&mut tx, &from, &transfer.lines).await?;
        all.extend(levels_now(&mut tx, &to, &transfer.lines).await?);
        finish(tx, key, &json!({"levels": all})).await
    })
    .await
}

/// Why units could not be moved, by what was seen before; it moved meanwhile when that allows it.
fn refused(
    transfer: &Transfer,
    here: &BTreeMap<ProductId, Level>,
    there: &BTreeMap<ProductId, Level>,
) -> ShiftError {
    let mut impossible = Vec::new();
    for (product, &units) in &transfer.lines {
        let (here, there) = (&here[product], &there[product]);
        if here.on_hand - units < here.reserved {
            impossible.push(named(here, units));
        } else if there.on_hand + units > UNITS_MAX {
            impossible.push(named(there, units));
        }
    }
    if impossible.is_empty() { ShiftError::Moved } else { ShiftError::Impossible(impossible) }
}

fn named(level: &Level, units: i64) -> Impossible {
    let Level { product_id, on_hand, reserved, .. } = *level;
    Impossible { product_id, units, on_hand, reserved }
}

async fn claimed(tx: &mut Tx, key: &Key) -> Result<Option<Adjusted>, ShiftError> {
    let claim = idempotency::claim(tx, key).await?;
    if let Some(problem) = claim.problem() {
        return Err(ShiftError::Claimed(Box::new(problem)));
    }
    Ok(match claim {
        Claim::Done(answer) => Some(Adjusted { answer, replayed: true }),
        _ => None,
    })
}

async fn finish(mut tx: Tx, key: &Key, body: &serde_json::Value) -> Result<Adjusted, ShiftError> {
    let answer = Answer { status: 200, body: body.to_string() };
    idempotency::finish(&mut tx, &key.scope, &key.key, &answer).await?;
    tx.commit().await?;
    Ok(Adjusted { answer, replayed: false })
}

async fn place(tx: &mut Tx, field: &'static str, code: &str) -> Result<Location, ShiftError> {
    store::location::find_in(tx, code).await?.ok_or(ShiftError::UnknownLocation(field))
}

/// What lies of each product at a location, which is opened there if need be.
async fn levels(
    tx: &mut Tx,
    place: &Location,
    lines: &Wanted,
) -> Result<BTreeMap<ProductId, Level>, ShiftError> {
    store::open_all_elsewhere(tx, lines.keys().copied(), &place.code).await?;
    let found = levels_now(tx, place, lines).await?;
    let found: BTreeMap<ProductId, Level> =
        found.into_iter().map(|level| (level.product_id, level)).collect();
    match lines.keys().find(|product| !found.contains_key(product)) {
        Some(unknown) => Err(ShiftError::UnknownProduct(*unknown)),
        None => Ok(found),
    }
}

async fn levels_now(
    tx: &mut Tx,
    place: &Location,
    lines: &Wanted,
) -> Result<Vec<Level>, ShiftError> {
    let mut found = store::at(tx, &place.code, lines.keys().copied()).await?;
    found.sort_by_key(|level| level.product_id);
    Ok(found)
}

/// Moves the units of all rows, tells of each and writes it into the journal; false when one of them
/// does not allow it.
async fn shift(
    tx: &mut Tx,
    shifts: &[Shift],
    places: &[&Location],
    kind: Kind,
    reason: &str,
    actor: &Actor,
) -> Result<bool, ShiftError> {
    if shifts.is_empty() {
        return Ok(true);
    }
    let changed = store::shift(tx, shifts).await?;
    if changed.len() < shifts.len() {
        return Ok(false);
    }
    let deltas: BTreeMap<StockId, i64> =
        shifts.iter().map(|shift| (shift.stock_id, shift.delta)).collect();
    let mut moved = Vec::with_capacity(changed.len());
    let mut came = Vec::with_capacity(changed.len());
    for (level, version) in changed {
        let (stock_id, product_id) = (level.stock_id, level.product_id);
        let delta = deltas.get(&stock_id).copied().unwrap_or_default();
        let at = places.iter().find(|place| place.code == level.location);
        let is_for_sale = at.is_some_and(|place| place.is_for_sale());
        let event = level.adjusted(is_for_sale, delta, reason);
        tx.emit(&event, version)?;
        moved.push(Moved { stock_id, product_id, version, on_hand: delta, reserved: 0 });
        came.push(Came::to(&level, version, delta));
    }
    let cause = Cause { kind, order: None, reason, actor: actor.id() };
    store::record(tx, cause, &moved).await?;
    cover(tx, came.into_iter()).await?;
    Ok(true)
}

/// What the audit log keeps of a stocktake or a transfer.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    lines: Vec<serde_json::Value>,
    reason: &'a str,
}

impl<'a> Told<'a> {
    const fn of(reason: &'a str) -> Self {
        Self { location: None, from: None, to: None, lines: Vec::new(), reason }
    }
}

fn lines(lines: &Wanted, word: &str) -> Vec<serde_json::Value> {
    lines.iter().map(|(product, units)| json!({"product_id": product, word: units})).collect()
}
