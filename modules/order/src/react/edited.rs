//! An order costs less after its edit: the difference goes back to the way it was paid.

use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::OrderEdited;
use platform::bus::{HandlerError, Reaction, Topic};
use platform::saga::Coordinator;
use platform::sql::Tx;

use crate::domain::change_state::State;
use crate::saga::give_back::GiveBack;
use crate::store::change;
use crate::usecase::refund::DEADLINE;

/// What it hears of.
pub const TOPICS: [Topic; 1] = [Topic::of::<OrderEdited>()];

/// Starts what gives the difference back. Its place in the order's balance was taken when the edit began.
pub struct GiveDifference {
    /// Who runs the refunds.
    pub refunds: Coordinator<GiveBack>,
}

#[async_trait]
impl Reaction for GiveDifference {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        let Some(edited) = event.open::<OrderEdited>() else { return Ok(()) };
        let edited = edited?;
        let change = change::load(tx, edited.change_id).await?;
        let owes = change.filter(|it| it.state == State::Settling && it.refund.minor() > 0);
        if let Some(change) = owes {
            let saga = GiveBack::of(&change, None);
            let deadline = tx.now() + DEADLINE;
            self.refunds.start(tx, edited.order_id.uuid(), &saga, deadline).await?;
        }
        Ok(())
    }
}
