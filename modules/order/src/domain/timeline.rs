//! What happened to an order, put together from what was written down of it.

use kernel::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DoneBy {
    /// Who ordered.
    Customer,
    /// Somebody who works in the shop.
    Staff,
    /// The shop itself.
    Shop,
}

/// What happened to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = TimelineEntry)]
pub struct Happened {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `placed`, a step of the checkout such as `reserve_stock`, `cancelled`, `parcel_shipped`,
    /// `parcel_delivered` or `parcel_lost` for a parcel, `shipped` and `delivered` for the last one;
    /// `lines_cancelled`, `return_requested` and its other steps, `returned`, `refunded` and
    /// `refund_failed` after the sale.
    pub what: String,
    /// `done`, `waits`, `unknown`, `refused`, `undone`, `failed`.
    pub outcome: String,
    /// Who did it.
    pub by: DoneBy,
    /// Whose account or API key, of the staff; only the staff see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Uuid>,
    /// What was said; only the staff see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A move of the order, from its event.
#[derive(Debug, Clone, PartialEq, Eq, platform::sql::Record)]
pub struct Moved {
    /// The event, e.g. `order.shipped`.
    pub kind: String,
    /// When.
    pub at: Timestamp,
}

/// An act of the staff, from the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// What was done, e.g. `order.ship`.
    pub action: String,
    /// Who did it; nobody for the shop's operator.
    pub actor: Option<Uuid>,
    /// When.
    pub at: Timestamp,
}

/// A move that comes after the checkout.
struct Known {
    event: &'static str,
    /// The acts of the staff that it can come of.
    actions: &'static [&'static str],
    word: &'static str,
    /// Who did it when the staff did not.
    otherwise: DoneBy,
}

const fn known(
    event: &'static str,
    actions: &'static [&'static str],
    word: &'static str,
    otherwise: DoneBy,
) -> Known {
    Known { event, actions, word, otherwise }
}

const MOVES: [Known; 16] = [
    known(
        "order.cancelled",
        &["order.cancel", "order.cancel_lines"],
        "cancelled",
        DoneBy::Customer,
    ),
    known("order.lines_cancelled", &["order.cancel_lines"], "lines_cancelled", DoneBy::Shop),
    known("order.return_requested", &[], "return_requested", DoneBy::Customer),
    known("order.return_approved", &["order.return_approve"], "return_approved", DoneBy::Shop),
    known("order.return_rejected", &["order.return_reject"], "return_rejected", DoneBy::Shop),
    known("order.return_withdrawn", &[], "return_withdrawn", DoneBy::Customer),
    known("order.return_received", &["order.return_receive"], "return_received", DoneBy::Shop),
    known("order.return_inspected", &["order.return_inspect"], "return_inspected", DoneBy::Shop),
    known("order.returned", &["order.return_inspect"], "returned", DoneBy::Shop),
    known("order.refunded", &[], "refunded", DoneBy::Shop),
    known("order.refund_failed", &[], "refund_failed", DoneBy::Shop),
    known("order.shipped", &["order.ship"], "shipped", DoneBy::Shop),
    known("order.delivered", ARRIVES, "delivered", DoneBy::Shop),
    known("shipment.shipped", &["order.ship"], "parcel_shipped", DoneBy::Shop),
    known("shipment.delivered", ARRIVES, "parcel_delivered", DoneBy::Shop),
    known("shipment.lost", &["shipment.lose"], "parcel_lost", DoneBy::Shop),
];
const ARRIVES: &[&str] = &["order.deliver", "shipment.deliver", "shipment.lose"];

/// Whether a parcel's move is told as one of the order: with the last one that leaves or arrives, the order
/// does.
fn is_the_orders(moved: &Moved, all: &[Moved]) -> bool {
    let of_order = match moved.kind.as_str() {
        "shipment.shipped" => "order.shipped",
        "shipment.delivered" => "order.delivered",
        _ => return false,
    };
    all.iter().any(|other| other.kind == of_order && other.at == moved.at)
}

/// The whole story, in its order. What happened at the same time stands as it is given: a checkout is
/// told before its end.
pub fn timeline(
    placed_at: Timestamp,
    steps: Vec<Happened>,
    moves: &[Moved],
    acts: &[Act],
) -> Vec<Happened> {
    let placed = happened(placed_at, "placed", DoneBy::Customer, None);
    let alone = moves.iter().filter(|moved| !is_the_orders(moved, moves));
    let moves = alone.filter_map(|moved| {
        let known = MOVES.iter().find(|known| known.event == moved.kind)?;
        let act = acts
            .iter()
            .filter(|act| known.actions.contains(&act.action.as_str()))
            .min_by_key(|act| (act.at - moved.at).abs());
        let actor = act.and_then(|act| act.actor);
        let by = if act.is_some() { DoneBy::Staff } else { known.otherwise };
        Some(happened(moved.at, known.word, by, actor))
    });
    let mut all: Vec<Happened> = std::iter::once(placed).chain(steps).chain(moves).collect();
    all.sort_by_key(|entry| entry.at);
    all
}

fn happened(at: Timestamp, what: &str, by: DoneBy, actor: Option<Uuid>) -> Happened {
    let (what, outcome) = (what.to_owned(), "done".to_owned());
    Happened { at, what, outcome, by, actor, detail: None }
}

/// The same as the customer may see it: no names of the staff, and nothing from inside.
pub fn for_the_customer(entries: Vec<Happened>) -> Vec<Happened> {
    let shown = |entry| Happened { actor: None, detail: None, ..entry };
    entries.into_iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(second: i64) -> Timestamp {
        Timestamp::from_timestamp(second, 0).unwrap()
    }

    fn moved(kind: &str, second: i64) -> Moved {
        Moved { kind: kind.to_owned(), at: time(second) }
    }

    #[test]
    fn the_customer_is_told_who_but_not_which_of_the_staff() {
        let step = Happened {
            detail: Some("the warehouse is down".to_owned()),
            ..happened(time(1), "reserve_stock", DoneBy::Shop, None)
        };
        let someone = Uuid::from_u128(7);
        let acts = [Act { action: "order.ship".to_owned(), actor: Some(someone), at: time(3) }];
        let moves = vec![moved("order.shipped", 3), moved("order.delivered", 4)];
        let all = timeline(time(0), vec![step], &moves, &acts);
        let told: Vec<_> = all.iter().map(|entry| (entry.what.as_str(), entry.by)).collect();
        let expected = [
            ("placed", DoneBy::Customer),
            ("reserve_stock", DoneBy::Shop),
            ("shipped", DoneBy::Staff),
            ("delivered", DoneBy::Shop),
        ];
        assert_eq!(told, expected);
        assert_eq!(all[2].actor, Some(someone));
        let shown = for_the_customer(all);
        assert!(shown.iter().all(|entry| entry.actor.is_none() && entry.detail.is_none()));
        assert_eq!(shown[2].by, DoneBy::Staff);
    }

    #[test]
    fn each_parcel_is_told_with_who_moved_it_and_the_last_one_as_the_order() {
        let [first, second] = [1, 2].map(Uuid::from_u128);
        let act = |action: &str, actor, second| Act {
            action: action.to_owned(),
            actor: Some(actor),
            at: time(second),
        };
        let acts = [
            act("order.deliver", first, 4),
            act("order.ship", second, 3),
            act("order.ship", first, 2),
        ];
        let moves = vec![
            moved("shipment.shipped", 2),
            moved("shipment.shipped", 3),
            moved("order.shipped", 3),
            moved("shipment.delivered", 4),
        ];
        let all = timeline(time(0), Vec::new(), &moves, &acts);
        let told: Vec<_> =
            all[1..].iter().map(|entry| (entry.what.as_str(), entry.actor)).collect();
        let expected = [
            ("parcel_shipped", Some(first)),
            ("shipped", Some(second)),
            ("parcel_delivered", Some(first)),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_customer_who_cancels_needs_no_entry_of_the_audit_log() {
        let moves = vec![moved("order.placed", 0), moved("order.cancelled", 2)];
        let all = timeline(time(0), Vec::new(), &moves, &[]);
        assert_eq!((all[1].what.as_str(), all[1].by), ("cancelled", DoneBy::Customer));
        assert_eq!(all.len(), 2);
    }
}
