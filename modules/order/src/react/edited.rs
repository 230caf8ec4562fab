//! An order costs less after its edit, or goods that came back are worth more than what is sent instead, or
//! nothing is sent instead: the difference goes back to the way it was paid.

use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::{OrderEdited, OrderExchangeFailed, OrderExchanged};
use platform::bus::{HandlerError, Reaction, Topic};
use platform::saga::Coordinator;
use platform::sql::Tx;

use crate::domain::change_state::State;
use crate::saga::give_back::GiveBack;
use crate::store::{change, orders};
use crate::usecase::refund::DEADLINE;

/// What it hears of.
pub const TOPICS: [Topic; 3] =
    [Topic::of::<OrderEdited>(), Topic::of::<OrderExchanged>(), Topic::of::<OrderExchangeFailed>()];

/// Starts what gives the difference back. Its place in the order's balance was taken when the edit began, or
/// when the goods were looked at.
pub struct GiveDifference {
    /// Who runs the refunds.
    pub refunds: Coordinator<GiveBack>,
}

#[async_trait]
impl Reaction for GiveDifference {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        let change = if let Some(edited) = event.open::<OrderEdited>() {
            edited?.change_id
        } else if let Some(exchanged) = event.open::<OrderExchanged>() {
            exchanged?.change_id
        } else if let Some(failed) = event.open::<OrderExchangeFailed>() {
            failed?.change_id
        } else {
            return Ok(());
        };
        let change = change::load(tx, change).await?;
        let owes = change.filter(|it| it.state == State::Settling && it.refund.minor() > 0);
        if let Some(change) = owes {
            let order = orders::load(tx, change.order_id).await?.ok_or("a change has no order")?;
            let saga = GiveBack::of(&order, &change, None);
            let deadline = tx.now() + DEADLINE;
            self.refunds.start(tx, order.id.uuid(), &saga, deadline).await?;
        }
        Ok(())
    }
}
