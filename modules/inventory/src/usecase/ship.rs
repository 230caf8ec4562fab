use kernel::events::StockShipped;
use kernel::id::OrderId;
use platform::sql::{Error, Result, Tx};

use super::pair;
use crate::domain::HoldState;
use crate::store::{self, Cause, Kind, Moved};

/// Takes the committed units of an order out of the house, as part of a unit of work. An order that
/// was shipped before is left alone; one that has no committed units is an error, because goods left
/// that nobody promised.
pub(crate) async fn ship(tx: &mut Tx, order: OrderId) -> Result<()> {
    if !store::ship(tx, order).await? {
        return match store::state(tx, order).await? {
            Some(HoldState::Shipped) => Ok(()),
            state => Err(Error::Inconsistent(format!(
                "order {order} was shipped, but its reservation is {state:?}, not committed"
            ))),
        };
    }
    let lines = store::lines(tx, order).await?;
    let changed = store::take_out(tx, &lines).await?;
    let mut moved = Vec::with_capacity(lines.len());
    for (line, row) in pair(&lines, &changed)? {
        let (stock_id, product_id, version) = (line.stock_id, line.product_id, row.version);
        let (on_hand, reserved) = (-line.quantity, -line.quantity);
        moved.push(Moved { stock_id, product_id, version, on_hand, reserved });
        let event = StockShipped {
            stock_id,
            product_id,
            order_id: order,
            quantity: line.quantity,
            on_hand: row.limit,
            reserved: row.used,
        };
        tx.emit(&event, version)?;
    }
    let cause = Cause { kind: Kind::Shipped, order: Some(order), reason: "shipped", actor: None };
    store::record(tx, cause, &moved).await
}
