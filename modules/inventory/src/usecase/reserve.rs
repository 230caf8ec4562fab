use kernel::Timestamp;
use kernel::id::{OrderId, StockId};
use kernel::ports::{Destination, Shortage, StockLine};
use platform::fault;
use platform::sql::{Db, Tx, retry};

use super::pair;
use super::promise::{later, refused_under_lock, tell};
use crate::domain::{Allocation, Line, Shelf, Wanted, allocate, wanted};
use crate::error::HoldError;
use crate::store::{self, Cause, Kind, STOCK};

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
    let plan = match request.plan(&shelves) {
        Ok(plan) => plan,
        Err(_) if fault::bug("refusal_is_ignored") => Vec::new(),
        Err(short) => {
            // It may be short because this very order has it.
            let before = store::find(db, request.order).await?;
            let short = Err(HoldError::OutOfStock(short));
            return before.map_or(short, |before| before.repeat(&request.wanted));
        }
    };
    if hold(db, request, Some(plan)).await? || hold(db, request, None).await? {
        return Ok(());
    }
    Err(refused_under_lock())
}

/// Promises what was planned, and answers whether it was still there. Without a plan one is made
/// under the locks of the shelves: then nobody takes meanwhile what it found.
async fn hold(db: &Db, request: &Request<'_>, plan: Option<Vec<Line>>) -> Result<bool, HoldError> {
    let order = request.order;
    let mut tx = db.begin("inventory.reserve").await?;
    if !store::hold(&mut tx, order, request.until).await? {
        let before = store::find_in(&mut tx, order).await?;
        // What it read may be on its way to the disk in the same group: nobody is told of it before
        // it is there.
        tx.commit().await?;
        let repeated =
            before.map_or(Err(HoldError::Ended), |before| before.repeat(&request.wanted));
        return repeated.map(|()| true);
    }
    let plan = if let Some(plan) = plan {
        plan
    } else {
        let shelves = store::lock_shelves(&mut tx, request.wanted.keys().copied()).await?;
        request.plan(&shelves).map_err(HoldError::OutOfStock)?
    };
    let taken = take(&mut tx, order, &plan).await?;
    if taken {
        tx.commit().await?;
    }
    Ok(taken)
}

async fn take(tx: &mut Tx, order: OrderId, lines: &[Line]) -> Result<bool, HoldError> {
    let amounts: Vec<(StockId, i64)> =
        lines.iter().map(|line| (line.stock_id, line.quantity)).collect();
    let Ok(changed) = STOCK.take(tx, &amounts).await? else {
        return Ok(fault::bug("refusal_is_ignored"));
    };
    let taken = pair(lines, &changed)?;
    let lines = taken.iter().map(|(line, row)| (*line, later(line, row)));
    store::save_lines(tx, order, lines).await?;
    let moved = tell(tx, order, &taken)?;
    if fault::bug("reserve_forgets_its_movement") {
        return Ok(true);
    }
    let cause = Cause { kind: Kind::Reserved, order: Some(order), reason: "ordered", actor: None };
    store::record(tx, cause, &moved).await?;
    Ok(true)
}
