//! What happens to units of an order: the whole rest of it, or a part.

use kernel::events::{StockReleased, StockReturned, StockShipped};
use kernel::id::{OrderId, StockId};
use kernel::ports::StockLine;
use platform::guard::Changed;
use platform::sql::{Db, Error, Result, Tx, retry};

use super::cover::{Came, cover};
use super::{not_held, pair};
use crate::domain::{Change, HoldState, Line, Part, Wanted, divide, owed, wanted};
use crate::error::HoldError;
use crate::store::{self, Cause, Kind, Moved, STOCK, Shift};

/// Changes a part of an order's promise, once for each key.
pub(crate) async fn change(
    db: &Db,
    order: OrderId,
    key: &str,
    lines: &[StockLine],
    change: Change,
) -> std::result::Result<(), HoldError> {
    let wanted = wanted(lines)?;
    let name = match change {
        Change::Ship => "inventory.ship_part",
        Change::Release => "inventory.release_part",
        Change::TakeBack => "inventory.take_back",
        Change::Add => return Err(HoldError::OtherLines),
    };
    retry(|| async {
        let mut tx = db.begin(name).await?;
        let changed = apply(&mut tx, order, key, &wanted, change).await;
        // What it read may be on its way to the disk: nobody is told of it before it is there.
        if matches!(changed, Ok(()) | Err(HoldError::Ended)) {
            tx.commit().await?;
        }
        changed
    })
    .await
}

/// Promised units leave the house, once for each key, as part of a unit of work.
pub(crate) async fn ship_part_in(
    tx: &mut Tx,
    order: OrderId,
    key: &str,
    lines: &[StockLine],
) -> std::result::Result<(), HoldError> {
    apply(tx, order, key, &wanted(lines)?, Change::Ship).await
}

/// Promised units are given back, once for each key, as part of a unit of work.
pub(crate) async fn release_part_in(
    tx: &mut Tx,
    order: OrderId,
    key: &str,
    lines: &[StockLine],
) -> std::result::Result<(), HoldError> {
    apply(tx, order, key, &wanted(lines)?, Change::Release).await
}

/// Promised units are given back of an order that is locked and stands.
pub(super) async fn release(
    tx: &mut Tx,
    order: OrderId,
    wanted: &Wanted,
) -> std::result::Result<(), HoldError> {
    move_units(tx, order, wanted, Change::Release).await
}

/// Units that had left lie in stock again, once for each key, as part of a unit of work.
pub(crate) async fn take_back_in(
    tx: &mut Tx,
    order: OrderId,
    key: &str,
    lines: &[StockLine],
) -> std::result::Result<(), HoldError> {
    apply(tx, order, key, &wanted(lines)?, Change::TakeBack).await
}

async fn apply(
    tx: &mut Tx,
    order: OrderId,
    key: &str,
    wanted: &Wanted,
    change: Change,
) -> std::result::Result<(), HoldError> {
    let state = store::lock(tx, order).await?.ok_or(HoldError::Ended)?;
    if !state.stands() {
        let is_same = store::is_change(tx, key, order, change, wanted).await?;
        return if is_same { Ok(()) } else { Err(HoldError::Ended) };
    }
    if !store::note_change(tx, key, order, change, wanted).await? {
        let is_same = store::is_change(tx, key, order, change, wanted).await?;
        return if is_same { Ok(()) } else { Err(HoldError::OtherLines) };
    }
    if change == Change::Ship && state == HoldState::Held {
        return Err(HoldError::NotFinal);
    }
    move_units(tx, order, wanted, change).await
}

async fn move_units(
    tx: &mut Tx,
    order: OrderId,
    wanted: &Wanted,
    change: Change,
) -> std::result::Result<(), HoldError> {
    let parts = store::parts(tx, order).await?;
    let lines = divide(&parts, wanted, change).map_err(HoldError::OutOfStock)?;
    match change {
        Change::Ship => ship(tx, order, &lines).await?,
        Change::Release => give_back(tx, order, &lines, Kind::Released).await?,
        Change::TakeBack => take_back(tx, order, &lines).await?,
        // More is promised in a way of its own.
        Change::Add => return Err(HoldError::OtherLines),
    }
    let moved: i64 = lines.iter().map(|line| line.quantity).sum();
    let open: i64 = parts.iter().map(Part::open).sum();
    if change != Change::TakeBack && moved == open {
        let has_shipped = change == Change::Ship || parts.iter().any(|part| part.shipped > 0);
        let state = if has_shipped { HoldState::Shipped } else { HoldState::Released };
        store::set_state(tx, order, state).await?;
    }
    Ok(())
}

/// Promised units leave the house.
pub(super) async fn ship(tx: &mut Tx, order: OrderId, lines: &[Line]) -> Result<()> {
    let changed = store::take_out(tx, lines).await?;
    let mut moved = Vec::with_capacity(lines.len());
    for (line, row) in pair(lines, &changed)? {
        let (stock_id, product_id, version) = (line.stock_id, line.product_id, row.version);
        let (on_hand, reserved) = (-line.quantity, -line.quantity);
        moved.push(Moved { stock_id, product_id, version, on_hand, reserved });
        let event = StockShipped {
            stock_id,
            product_id,
            order_id: order,
            quantity: line.quantity,
            on_hand: row.told,
            reserved: row.used,
        };
        tx.emit(&event, version)?;
    }
    store::count_parts(tx, order, Change::Ship, lines, |_| 0).await?;
    let cause = Cause { kind: Kind::Shipped, order: Some(order), reason: "shipped", actor: None };
    store::record(tx, cause, &moved).await
}

/// Promised units are free again. Those that lie there are for the orders that wait for them.
pub(super) async fn give_back(
    tx: &mut Tx,
    order: OrderId,
    lines: &[Line],
    kind: Kind,
) -> Result<()> {
    let amounts: Vec<(StockId, i64)> =
        lines.iter().map(|line| (line.stock_id, line.quantity)).collect();
    let changed = STOCK.give(tx, &amounts).await?.map_err(|_| not_held(&lines[0]))?;
    let mut moved = Vec::with_capacity(lines.len());
    for (line, row) in pair(lines, &changed)? {
        let (stock_id, product_id, version) = (line.stock_id, line.product_id, row.version);
        moved.push(Moved { stock_id, product_id, version, on_hand: 0, reserved: -line.quantity });
        let event = StockReleased {
            stock_id,
            product_id,
            order_id: order,
            quantity: line.quantity,
            on_hand: row.told,
            reserved: row.used,
            reason: kind.word().to_owned(),
        };
        tx.emit(&event, version)?;
    }
    // What was owed of each stock before. The rows are locked by now, and with them what their lines
    // wait for.
    let before = |line: &Line, row: &Changed| owed(row.told, row.used + line.quantity);
    let given = pair(lines, &changed)?;
    let is_owed = given.iter().any(|(line, row)| before(line, row) > 0);
    let parts = if is_owed { store::parts(tx, order).await? } else { Vec::new() };
    let waited = |line: &Line| {
        let part = parts.iter().find(|part| part.stock_id == line.stock_id);
        part.map_or(0, |part| part.backordered.min(line.quantity))
    };
    store::count_parts(tx, order, Change::Release, lines, waited).await?;
    let cause = Cause { kind, order: Some(order), reason: "given back", actor: None };
    store::record(tx, cause, &moved).await?;
    let came = given.iter().map(|(line, row)| Came {
        stock_id: line.stock_id,
        product_id: line.product_id,
        version: row.version,
        on_hand: row.told,
        reserved: row.used,
        owed: before(line, row) - waited(line),
    });
    cover(tx, came).await
}

/// Units that had left lie where they were.
async fn take_back(tx: &mut Tx, order: OrderId, lines: &[Line]) -> Result<()> {
    let shifts: Vec<Shift> = lines
        .iter()
        .map(|line| Shift { stock_id: line.stock_id, delta: line.quantity, seen: None })
        .collect();
    let changed = store::shift(tx, &shifts).await?;
    let mut moved = Vec::with_capacity(lines.len());
    for line in lines {
        let &Line { stock_id, product_id, quantity } = line;
        let Some((level, version)) = changed.iter().find(|(level, _)| level.stock_id == stock_id)
        else {
            return Err(Error::Inconsistent(format!(
                "{quantity} units do not fit stock {stock_id}"
            )));
        };
        let version = *version;
        moved.push(Moved { stock_id, product_id, version, on_hand: quantity, reserved: 0 });
        let event = StockReturned {
            stock_id,
            product_id,
            order_id: order,
            quantity,
            on_hand: level.on_hand,
            reserved: level.reserved,
        };
        tx.emit(&event, version)?;
    }
    store::count_parts(tx, order, Change::TakeBack, lines, |_| 0).await?;
    let cause =
        Cause { kind: Kind::Returned, order: Some(order), reason: "came back", actor: None };
    store::record(tx, cause, &moved).await?;
    let delta =
        |stock| lines.iter().find(|line| line.stock_id == stock).map_or(0, |it| it.quantity);
    let came =
        changed.iter().map(|(level, version)| Came::to(level, *version, delta(level.stock_id)));
    cover(tx, came).await
}
