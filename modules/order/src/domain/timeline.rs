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
    /// Who carries a parcel.
    Carrier,
}

/// What happened to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = TimelineEntry)]
pub struct Happened {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `placed`, a step of the checkout such as `reserve_stock`, `cancelled`, `edit_begun`, `edited` or
    /// `edit_failed`, `parcel_shipped`, `parcel_delivered` or `parcel_lost` for a parcel, `shipped` and
    /// `delivered` for the last one; `lines_cancelled`, `return_requested` and its other steps,
    /// `returned`, `refunded` and `refund_failed` after the sale; `payment_capture`, `payment_void` or
    /// `payment_refund`, `credit_spend`, `credit_give_back` or `credit_refund`, `letter_` and the event it
    /// tells of, `carrier_picked_up`, `carrier_in_transit` and what else a carrier tells.
    pub what: String,
    /// `done`, `waits`, `unknown`, `refused`, `undone`, `failed`, and of letters `nobody`, `outdated`.
    pub outcome: String,
    /// Who did it.
    pub by: DoneBy,
    /// Whose account or API key, of the staff; only the staff see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Uuid>,
    /// The address of that account; only the staff see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_name: Option<String>,
    /// What was said; only the staff see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Whether only the staff is told of it at all.
    #[serde(skip)]
    pub internal: bool,
}

/// A move of the order, from its event.
#[derive(Debug, Clone, PartialEq, Eq)]
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

const MOVES: [Known; 23] = [
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
    known("order.edit_begun", &["order.edit"], "edit_begun", DoneBy::Shop),
    known("order.edited", &["order.edit"], "edited", DoneBy::Shop),
    known("order.edit_failed", &["order.edit"], "edit_failed", DoneBy::Shop),
    known("order.exchange_due", &[], "exchange_due", DoneBy::Shop),
    known("order.exchanged", &[], "exchanged", DoneBy::Shop),
    known("order.exchange_failed", &[], "exchange_failed", DoneBy::Shop),
    known("order.shipped", &["order.ship"], "shipped", DoneBy::Shop),
    known("order.delivered", ARRIVES, "delivered", DoneBy::Shop),
    known("shipment.shipped", &["order.ship"], "parcel_shipped", DoneBy::Shop),
    known("shipment.delivered", ARRIVES, "parcel_delivered", DoneBy::Shop),
    known("shipment.lost", &["shipment.lose"], "parcel_lost", DoneBy::Shop),
    known(EXCEPTION, &[], "parcel_exception", DoneBy::Carrier),
];
/// What is wrong with a parcel is for the staff to see to.
const EXCEPTION: &str = "shipment.exception";
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
/// told before its end, and what others tell of the order after what it tells itself.
pub fn timeline(
    placed_at: Timestamp,
    steps: Vec<Happened>,
    moves: &[Moved],
    acts: &[Act],
    others: Vec<Happened>,
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
        let internal = moved.kind == EXCEPTION;
        Some(Happened { internal, ..happened(moved.at, known.word, by, actor) })
    });
    let mut all: Vec<Happened> =
        std::iter::once(placed).chain(steps).chain(moves).chain(others).collect();
    all.sort_by_key(|entry| entry.at);
    all
}

/// Something that was done.
pub fn happened(at: Timestamp, what: &str, by: DoneBy, actor: Option<Uuid>) -> Happened {
    let (what, outcome) = (what.to_owned(), "done".to_owned());
    Happened { at, what, outcome, by, actor, actor_name: None, detail: None, internal: false }
}

/// The same as the customer may see it: no names of the staff, and nothing from inside.
pub fn for_the_customer(entries: Vec<Happened>) -> Vec<Happened> {
    let shown = |entry| Happened { actor: None, actor_name: None, detail: None, ..entry };
    entries.into_iter().filter(|entry| !entry.internal).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
        let inside = happened(time(2), "webhook_order_placed", DoneBy::Shop, None);
        let others = vec![
            Happened { internal: true, ..inside },
            happened(time(3), "payment_capture", DoneBy::Shop, None),
        ];
        let all = timeline(time(0), vec![step], &moves, &acts, others);
        let told: Vec<_> = all.iter().map(|entry| (entry.what.as_str(), entry.by)).collect();
        let expected = [
            ("placed", DoneBy::Customer),
            ("reserve_stock", DoneBy::Shop),
            ("webhook_order_placed", DoneBy::Shop),
            ("shipped", DoneBy::Staff),
            ("payment_capture", DoneBy::Shop),
            ("delivered", DoneBy::Shop),
        ];
        assert_eq!(told, expected);
        assert_eq!(all[3].actor, Some(someone));
        let shown = for_the_customer(all);
        assert_eq!(shown.len(), expected.len() - 1, "what is internal is not shown");
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
        let all = timeline(time(0), Vec::new(), &moves, &acts, Vec::new());
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
        let all = timeline(time(0), Vec::new(), &moves, &[], Vec::new());
        assert_eq!((all[1].what.as_str(), all[1].by), ("cancelled", DoneBy::Customer));
        assert_eq!(all.len(), 2);
    }

    proptest! {
        /// What is told of a time stands in the order of those who tell it.
        #[test]
        fn nothing_is_lost_and_the_order_is_that_of_time_and_source(
            steps in prop::collection::vec(0..5_i64, 0..8),
            lost in prop::collection::vec(0..5_i64, 0..8),
            others in prop::collection::vec((0..5_i64, any::<bool>()), 0..8),
        ) {
            let named = |source: &str, n: usize, second: &i64| {
                happened(time(*second), &format!("{source}{n}"), DoneBy::Shop, None)
            };
            let told_steps: Vec<_> =
                steps.iter().enumerate().map(|(n, at)| named("a", n, at)).collect();
            let moves: Vec<_> = lost.iter().map(|at| moved("shipment.lost", *at)).collect();
            let told_others: Vec<_> = others
                .iter()
                .enumerate()
                .map(|(n, (at, internal))| Happened { internal: *internal, ..named("z", n, at) })
                .collect();
            let all =
                timeline(time(0), told_steps.clone(), &moves, &[], told_others.clone());
            prop_assert_eq!(all.len(), 1 + steps.len() + lost.len() + others.len());
            prop_assert!(all.is_sorted_by_key(|entry| entry.at));
            for entry in told_steps.iter().chain(&told_others) {
                prop_assert_eq!(all.iter().filter(|other| *other == entry).count(), 1);
            }
            let rank = |entry: &Happened| match entry.what.as_bytes() {
                b"placed" => (0, 0),
                [b'a', n, ..] => (1, *n),
                [b'z', n, ..] => (3, *n),
                _ => (2, 0),
            };
            prop_assert!(all.is_sorted_by_key(|entry| (entry.at, rank(entry))));
            let again = timeline(time(0), told_steps, &moves, &[], told_others);
            prop_assert_eq!(&again, &all);
            let hidden = others.iter().filter(|(_, internal)| *internal).count();
            prop_assert_eq!(for_the_customer(all).len(), again.len() - hidden);
        }
    }
}
