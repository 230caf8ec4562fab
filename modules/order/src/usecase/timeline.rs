//! What happened to an order, put together when it is read: nothing is written for it.

use platform::{audit, saga};

use crate::Orders;
use crate::domain::order::Order;
use crate::domain::timeline::{Act, DoneBy, Happened, timeline};
use crate::error::OrderError;
use crate::store::orders;

/// How many acts of the staff are looked at: more than an order has moves, unless it leaves in dozens of
/// parcels.
const ACTS_MAX: i64 = 100;

impl Orders {
    /// Everything that happened to an order, as the staff may see it.
    pub async fn timeline(&self, order: &Order) -> Result<Vec<Happened>, OrderError> {
        let (db, id) = (&self.inner.db, order.id.uuid());
        let steps = saga::history(db, id).await?.into_iter().map(|step| Happened {
            at: step.at,
            what: step.step,
            outcome: step.outcome,
            by: DoneBy::Shop,
            actor: None,
            detail: step.detail,
        });
        let moves = orders::moves(db, order.id).await?;
        let acts = audit::history(db, id, None, ACTS_MAX).await?;
        let acts: Vec<Act> = acts
            .into_iter()
            .map(|act| Act { action: act.action, actor: act.actor, at: act.at })
            .collect();
        Ok(timeline(order.created_at, steps.collect(), &moves, &acts))
    }
}
