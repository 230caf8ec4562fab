//! What a promise of units leaves behind, whether an order begins with it or grows by it.

use kernel::events::StockReserved;
use kernel::id::OrderId;
use platform::guard::Changed;
use platform::sql::{Error, Result, Tx};

use crate::domain::{Line, backordered};
use crate::error::HoldError;
use crate::store::Moved;

/// How many units of a line that was taken just now do not lie there yet.
pub(super) fn later(line: &Line, row: &Changed) -> i64 {
    backordered(row.told, row.used, line.quantity)
}

/// The guard refused what was found under the locks of the shelves: it and the plan disagree.
pub(super) fn refused_under_lock() -> HoldError {
    HoldError::Storage(Error::Inconsistent("what lies on locked shelves was refused".to_owned()))
}

/// Tells what was promised of each stock; and what the journal is to say of it.
pub(super) fn tell(
    tx: &mut Tx,
    order_id: OrderId,
    taken: &[(&Line, &Changed)],
) -> Result<Vec<Moved>> {
    let mut moved = Vec::with_capacity(taken.len());
    for (line, row) in taken {
        let &Line { stock_id, product_id, quantity } = *line;
        let version = row.version;
        moved.push(Moved { stock_id, product_id, version, on_hand: 0, reserved: quantity });
        let event = StockReserved {
            stock_id,
            product_id,
            order_id,
            quantity,
            backordered: later(line, row),
            on_hand: row.told,
            reserved: row.used,
        };
        tx.emit(&event, version)?;
    }
    Ok(moved)
}
