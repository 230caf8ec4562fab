use kernel::id::OrderId;
use platform::sql::{Error, Result, Tx};

use super::part;
use crate::domain::{HoldState, Line, Part};
use crate::store;

/// Takes the rest of the committed units of an order out of the house, as part of a unit of work. An order that
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
    let parts = store::parts(tx, order).await?;
    let rest: Vec<Line> = parts.iter().filter_map(Part::rest).collect();
    part::ship(tx, order, &rest).await
}
