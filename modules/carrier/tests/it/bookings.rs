//! What is booked is booked once, and what is called off is not carried.

use std::time::Duration;

use carrier::{Event, Happens, State};
use futures_util::future::join_all;
use kernel::id::OrderId;
use kernel::ports::{Logistics, LogisticsError, Recall, Standing};
use platform::on_both_engines;
use platform::sql::Db;

use crate::merchant::{booking, open};

on_both_engines!(carrier::SCHEMA =>
    a_booking_is_made_once_however_often_it_is_asked_for,
    a_booking_whose_answer_was_lost_is_found,
    after_a_cancel_a_late_booking_is_refused,
    what_was_picked_up_is_not_called_off,
    a_cancel_and_a_pick_up_at_once_have_one_outcome,
);

/// How many ask at once.
const AT_ONCE: usize = 20;

pub fn happens(event: Event) -> Happens {
    Happens { event, detail: None }
}

async fn a_booking_is_made_once_however_often_it_is_asked_for(db: Db) {
    let (carrier, order) = (open(db).await, OrderId::new());
    let all = join_all((0..AT_ONCE).map(|_| carrier.book(booking(order, "")))).await;
    let first = all[0].as_ref().unwrap();
    assert!(all.iter().all(|booked| booked.as_ref().unwrap() == first), "{all:?}");
    assert_eq!(carrier.parcels(None, 10).await.unwrap().len(), 1);
    // The key belongs to what was booked with it.
    let mut other = booking(order, "");
    other.address.city = "Paris".to_owned();
    assert!(matches!(carrier.book(other).await, Err(LogisticsError::Refused(_))));
    let refused = carrier.book(booking(OrderId::new(), "refuse")).await;
    assert!(matches!(refused, Err(LogisticsError::Refused(_))), "{refused:?}");
    assert_eq!(carrier.parcels(None, 10).await.unwrap().len(), 1);
}

async fn a_booking_whose_answer_was_lost_is_found(db: Db) {
    let (carrier, order) = (open(db).await, OrderId::new());
    assert_eq!(carrier.find(order).await.unwrap(), None);
    let other = carrier.clone();
    let lost = tokio::spawn(async move { other.book(booking(order, "lost_answer")).await });
    let found = loop {
        if let Some(found) = carrier.find(order).await.unwrap() {
            break found;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(!lost.is_finished());
    lost.abort();
    assert_eq!(found.standing, Standing::Booked);
    let again = carrier.book(booking(order, "lost_answer")).await.unwrap();
    assert_eq!(again.tracking, found.tracking);
    assert_eq!(carrier.track(&again.tracking.unwrap()).await.unwrap(), Some(found));
    assert_eq!(carrier.parcels(None, 10).await.unwrap().len(), 1);
    assert_eq!(carrier.track("SBX0").await.unwrap(), None);
}

async fn after_a_cancel_a_late_booking_is_refused(db: Db) {
    let carrier = open(db).await;
    let (early, late) = (OrderId::new(), OrderId::new());
    carrier.book(booking(early, "")).await.unwrap();
    for order in [early, late, early] {
        assert_eq!(carrier.cancel(order).await.unwrap(), Recall::CalledOff);
        let refused = carrier.book(booking(order, "")).await;
        assert!(matches!(refused, Err(LogisticsError::Refused(_))), "{refused:?}");
        let found = carrier.find(order).await.unwrap().unwrap();
        assert_eq!(found.standing, Standing::CalledOff);
    }
}

async fn what_was_picked_up_is_not_called_off(db: Db) {
    let (carrier, order) = (open(db).await, OrderId::new());
    let booked = carrier.book(booking(order, "gone")).await.unwrap();
    assert_eq!(carrier.cancel(order).await.unwrap(), Recall::Gone);
    let found = carrier.find(order).await.unwrap().unwrap();
    assert_eq!((found.standing, &found.tracking), (Standing::UnderWay, &booked.tracking));
    let tracking = booked.tracking.unwrap();
    let moved = carrier.move_on(&tracking, &happens(Event::Delivered), None).await.unwrap();
    assert_eq!((moved.state, moved.seq), (State::Delivered, 2));
    assert!(carrier.move_on(&tracking, &happens(Event::InTransit), None).await.is_err());
    assert_eq!(carrier.cancel(order).await.unwrap(), Recall::Gone);
}

async fn a_cancel_and_a_pick_up_at_once_have_one_outcome(db: Db) {
    let carrier = open(db).await;
    for _ in 0..AT_ONCE {
        let order = OrderId::new();
        let tracking = carrier.book(booking(order, "")).await.unwrap().tracking.unwrap();
        let event = happens(Event::PickedUp);
        let (recall, moved) =
            tokio::join!(carrier.cancel(order), carrier.move_on(&tracking, &event, None));
        let is_off = recall.unwrap() == Recall::CalledOff;
        assert_eq!(is_off, moved.is_err(), "{moved:?}");
        let standing = carrier.find(order).await.unwrap().unwrap().standing;
        assert_eq!(standing, if is_off { Standing::CalledOff } else { Standing::UnderWay });
    }
}
