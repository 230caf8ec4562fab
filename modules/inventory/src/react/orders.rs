use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::{
    OrderCancelled, OrderEdited, OrderLinesCancelled, OrderReturnInspected, OrderShipped,
    ParcelLine, ShipmentShipped,
};
use kernel::ports::StockLine;
use platform::bus::{HandlerError, Reaction};
use platform::fault;
use platform::sql::Tx;

use crate::error::HoldError;
use crate::usecase;

/// Takes what leaves in parcels out of the books, and gives the stock of cancelled orders back, and of
/// edited ones what they have less of.
pub(crate) struct Orders;

#[async_trait]
impl Reaction for Orders {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        if let Some(left) = event.open::<ShipmentShipped>() {
            let left = left?;
            let key = format!("shipment {}", left.shipment_id);
            usecase::ship_part_in(tx, left.order_id, &key, &units(&left.lines)).await?;
        } else if let Some(edited) = event.open::<OrderEdited>() {
            let edited = edited?;
            if !edited.released.is_empty() {
                let (key, lines) = (format!("edit {}", edited.change_id), units(&edited.released));
                match usecase::release_part_in(tx, edited.order_id, &key, &lines).await {
                    // It was called off before this was heard of: all of it was given back.
                    Ok(()) | Err(HoldError::Ended) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        } else if let Some(shipped) = event.open::<OrderShipped>() {
            // Its parcels took everything out, unless it was shipped before there were any.
            usecase::ship(tx, shipped?.order_id).await?;
        } else if let Some(cancelled) = event.open::<OrderLinesCancelled>() {
            let cancelled = cancelled?;
            let key = format!("change {}", cancelled.change_id);
            let lines = units(&cancelled.lines);
            if fault::bug("called_off_units_stay_promised") {
                return Ok(());
            }
            usecase::release_part_in(tx, cancelled.order_id, &key, &lines).await?;
        } else if let Some(returned) = event.open::<OrderReturnInspected>() {
            let returned = returned?;
            let key = format!("change {}", returned.change_id);
            let sellable = returned.lines.iter().filter(|line| line.restock);
            let lines: Vec<StockLine> = sellable
                .map(|line| StockLine { product_id: line.product_id, quantity: line.quantity })
                .collect();
            if !lines.is_empty() {
                usecase::take_back_in(tx, returned.order_id, &key, &lines).await?;
            }
        } else if let Some(cancelled) = event.open::<OrderCancelled>() {
            usecase::release_in(tx, cancelled?.order_id).await?;
        }
        Ok(())
    }
}

fn units(lines: &[ParcelLine]) -> Vec<StockLine> {
    let line =
        |line: &ParcelLine| StockLine { product_id: line.product_id, quantity: line.quantity };
    lines.iter().map(line).collect()
}
