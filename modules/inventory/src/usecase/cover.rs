//! Units that come in or come free are for the orders that wait for them.

use kernel::events::{OrderCovered, StockCovered};
use kernel::id::{ProductId, StockId};
use platform::sql::{Result, Tx};

use crate::domain::{self, Given, Level, Waiting, owed};
use crate::store::{self, Cause, Kind, Moved};

/// How many orders one event tells of.
const ORDERS_MAX: usize = 1_000;

/// A stock that was changed by this unit of work, which holds its row.
pub(super) struct Came {
    pub stock_id: StockId,
    pub product_id: ProductId,
    /// The row's version after the change.
    pub version: i64,
    pub on_hand: i64,
    pub reserved: i64,
    /// How many units orders wait for still, by their lines.
    pub owed: i64,
}

impl Came {
    /// So many units came to a stock.
    pub(super) fn to(level: &Level, version: i64, delta: i64) -> Self {
        let &Level { stock_id, product_id, on_hand, reserved, .. } = level;
        let owed = owed(on_hand - delta.max(0), reserved);
        Self { stock_id, product_id, version, on_hand, reserved, owed }
    }

    /// How many of the units that are waited for are there now.
    fn units(&self) -> i64 {
        self.owed - owed(self.on_hand, self.reserved)
    }
}

/// Gives the units that are there to the orders that wait for them, the oldest first. Asks nothing of
/// the database where nobody waits.
pub(super) async fn cover(tx: &mut Tx, came: impl Iterator<Item = Came>) -> Result<()> {
    let came: Vec<Came> = came.filter(|stock| stock.units() > 0).collect();
    if came.is_empty() {
        return Ok(());
    }
    let waiting = store::waiting(tx, came.iter().map(|stock| stock.stock_id)).await?;
    let (mut all, mut told, mut moved) = (Vec::new(), Vec::new(), Vec::new());
    for stock in &came {
        let of = |order: &&Waiting| order.stock_id == stock.stock_id;
        let waiting: Vec<Waiting> = waiting.iter().filter(of).copied().collect();
        let given = domain::cover(&waiting, stock.units());
        let mut version = stock.version;
        for orders in given.chunks(ORDERS_MAX) {
            version += 1;
            let &Came { stock_id, product_id, on_hand, reserved, .. } = stock;
            let order = |it: &Given| OrderCovered { order_id: it.order_id, quantity: it.units };
            let orders = orders.iter().map(order).collect();
            tx.emit(&StockCovered { stock_id, product_id, orders, on_hand, reserved }, version)?;
            moved.push(Moved { stock_id, product_id, version, on_hand: 0, reserved: 0 });
        }
        told.push((stock.stock_id, version - stock.version));
        all.extend(given);
    }
    store::set_covered(tx, &all).await?;
    store::told(tx, &told).await?;
    let reason = "orders waited for it";
    let cause = Cause { kind: Kind::Covered, order: None, reason, actor: None };
    store::record(tx, cause, &moved).await
}
