use kernel::Timestamp;
use kernel::id::{OrderId, StockId};
use kernel::ports::{Destination, Shortage, StockLine};
use platform::fault;
use platform::guard::Refused;
use platform::sql::{Db, Tx, retry};

use super::pair;
use super::promise::{later, tell};
use crate::domain::{Allocation, Line, Shelf, Wanted, allocate, wanted};
use crate::error::HoldError;
use crate::store::{self, Cause, Kind, STOCK};

/// How many plans are made one after the other for an order whose stock is taken meanwhile, before
/// it begins anew after a pause.
const PLANS_MAX: u32 = 8;

/// What an order asks for.
struct Request<'a> {
    order: OrderId,
    wanted: Wanted,
    allocation: Allocation,
    to: Option<&'a Destination>,
    until: Timestamp,
}

impl Request<'_> {
    fn plan(&self, shelves: &[Shelf]) -> Result<Vec<Line>, Vec<Shortage>> {
        allocate(&self.wanted, shelves, self.allocation, self.to)
    }
}

/// Promises all lines to the order, or none: one unit of work, the same number of statements for
/// any number of lines and locations.
pub(crate) async fn reserve(
    db: &Db,
    allocation: Allocation,
    order: OrderId,
    lines: &[StockLine],
    to: Option<&Destination>,
    until: Timestamp,
) -> Result<(), HoldError> {
    let request = Request { order, wanted: wanted(lines)?, allocation, to, until };
    retry(|| attempt(db, &request)).await
}

async fn attempt(db: &Db, request: &Request<'_>) -> Result<(), HoldError> {
    // Most of those who come too late are told so without ever asking for the writer. A row of
    // stock never changes its id, so the plan may be made before the unit of work; the quantities
    // are checked again by the guard.
    let shelves = store::shelves(db, request.wanted.keys().copied()).await?;
    let mut plan = match request.plan(&shelves) {
        Ok(plan) => plan,
        Err(_) if fault::bug("refusal_is_ignored") => Vec::new(),
        Err(short) => {
            // It may be short because this very order has it.
            let before = store::find(db, request.order).await?;
            let short = Err(HoldError::OutOfStock(short));
            return before.map_or(short, |before| before.repeat(&request.wanted));
        }
    };
    for _ in 0..PLANS_MAX {
        match hold(db, request, &plan).await? {
            None => return Ok(()),
            Some(other) => plan = other,
        }
    }
    Err(HoldError::Moved)
}

/// Promises what was planned; or answers with another plan, if that was taken meanwhile.
async fn hold(
    db: &Db,
    request: &Request<'_>,
    plan: &[Line],
) -> Result<Option<Vec<Line>>, HoldError> {
    let order = request.order;
    let mut tx = db.begin("inventory.reserve").await?;
    if !store::hold(&mut tx, order, request.until).await? {
        let before = store::find_in(&mut tx, order).await?;
        // What it read may be on its way to the disk in the same group: nobody is told of it before
        // it is there.
        tx.commit().await?;
        let repeated =
            before.map_or(Err(HoldError::Ended), |before| before.repeat(&request.wanted));
        return repeated.map(|()| None);
    }
    if let Err(refused) = take(&mut tx, order, plan).await? {
        return replan(&mut tx, request, plan, &refused).await.map(Some);
    }
    tx.commit().await?;
    Ok(None)
}

async fn take(
    tx: &mut Tx,
    order: OrderId,
    lines: &[Line],
) -> Result<std::result::Result<(), Refused>, HoldError> {
    let amounts: Vec<(StockId, i64)> =
        lines.iter().map(|line| (line.stock_id, line.quantity)).collect();
    let changed = match STOCK.take(tx, &amounts).await? {
        Ok(changed) => changed,
        Err(_) if fault::bug("refusal_is_ignored") => return Ok(Ok(())),
        Err(refused) => return Ok(Err(refused)),
    };
    let taken = pair(lines, &changed)?;
    let lines = taken.iter().map(|(line, row)| (*line, later(line, row)));
    store::save_lines(tx, order, lines).await?;
    let moved = tell(tx, order, &taken)?;
    if fault::bug("reserve_forgets_its_movement") {
        return Ok(Ok(()));
    }
    let cause = Cause { kind: Kind::Reserved, order: Some(order), reason: "ordered", actor: None };
    store::record(tx, cause, &moved).await?;
    Ok(Ok(()))
}

/// A plan in the place of one that was refused, by what there is now. What was refused was left as
/// it was, and on PostgreSQL is locked by now; the rest was taken by this very unit of work, which
/// is to be given up. PostgreSQL refuses by what was there when the statement began, even if units
/// were given back before it had the lock: then it is the same plan again.
async fn replan(
    tx: &mut Tx,
    request: &Request<'_>,
    plan: &[Line],
    refused: &Refused,
) -> Result<Vec<Line>, HoldError> {
    let mut shelves = store::shelves_in(tx, request.wanted.keys().copied()).await?;
    let taken = plan.iter().filter(|line| !refused.0.contains(&line.stock_id.to_string()));
    for line in taken {
        let own = shelves.iter_mut().find(|shelf| shelf.level.stock_id == line.stock_id);
        if let Some(shelf) = own {
            shelf.level.reserved -= line.quantity;
            shelf.level = shelf.level.clone().counted();
        }
    }
    request.plan(&shelves).map_err(HoldError::OutOfStock)
}
