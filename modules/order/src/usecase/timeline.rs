//! What happened to an order, put together when it is read: nothing is written for it.

use futures_util::future::try_join_all;
use kernel::id::CustomerId;
use kernel::ports::PastEvent;
use platform::{audit, saga};

use crate::Orders;
use crate::domain::order::Order;
use crate::domain::timeline::{Act, DoneBy, Happened, happened, timeline};
use crate::error::OrderError;
use crate::store::carrier::OfOrder;
use crate::store::{carrier, orders};

/// How many acts of the staff are looked at: more than an order has moves, unless it leaves in dozens of
/// parcels.
const ACTS_MAX: i64 = 100;

impl Orders {
    /// Everything that happened to an order, as the staff may see it.
    pub async fn timeline(&self, order: &Order) -> Result<Vec<Happened>, OrderError> {
        let (db, id) = (&self.inner.db, order.id.uuid());
        let mut steps = saga::history(db, id).await?;
        if let Some(replaces) = order.replaces {
            // What it was made of was done for the return.
            steps.extend(saga::history(db, replaces.return_id.uuid()).await?);
        }
        let steps = steps.into_iter().map(|step| Happened {
            outcome: step.outcome,
            detail: step.detail,
            ..happened(step.at, &step.step, DoneBy::Shop, None)
        });
        let moves = orders::moves(db, order.id).await?;
        let acts = audit::history(db, id, None, ACTS_MAX).await?;
        let acts: Vec<Act> = acts
            .into_iter()
            .map(|act| Act { action: act.action, actor: act.actor, at: act.at })
            .collect();
        let carried = carrier::of_order(db, order.id).await?.into_iter().map(carried);
        let told = self.inner.history.iter().map(|other| other.of_order(order.id));
        let told = try_join_all(told).await?.into_iter().flatten().map(told_by_others);
        let others = carried.chain(told).collect();
        Ok(timeline(order.created_at, steps.collect(), &moves, &acts, others))
    }

    /// The same with the names of those of the staff who have an account.
    pub async fn named(&self, entries: Vec<Happened>) -> Result<Vec<Happened>, OrderError> {
        let actors: Vec<CustomerId> =
            entries.iter().filter_map(|entry| entry.actor.map(CustomerId::from)).collect();
        if actors.is_empty() {
            return Ok(entries);
        }
        let known = self.inner.people.contacts(&actors).await?;
        let name = |entry: Happened| {
            let contact = entry.actor.and_then(|id| known.get(&CustomerId::from(id)));
            Happened { actor_name: contact.map(|contact| contact.email.clone()), ..entry }
        };
        Ok(entries.into_iter().map(name).collect())
    }
}

fn told_by_others(past: PastEvent) -> Happened {
    let PastEvent { at, what, outcome, detail, internal } = past;
    Happened { outcome, detail, internal, ..happened(at, &what, DoneBy::Shop, None) }
}

/// What a carrier told; what could not be applied is the staff's.
fn carried(event: OfOrder) -> Happened {
    let outcome = match event.state.as_str() {
        "waiting" => "waits",
        "stuck" => "refused",
        _ => "done",
    };
    let what = format!("carrier_{}", event.event);
    Happened {
        outcome: outcome.to_owned(),
        detail: event.detail.or(event.note),
        internal: event.state == "stuck",
        ..happened(event.happened_at, &what, DoneBy::Carrier, None)
    }
}
