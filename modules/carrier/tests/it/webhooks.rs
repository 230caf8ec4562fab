//! The merchant is told of every event, whatever goes wrong on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use carrier::{Carrier, Event, Settings};
use kernel::id::OrderId;
use kernel::ports::Logistics;
use platform::on_both_engines;
use platform::sql::Db;
use platform::tasks::Tasks;

use crate::bookings::happens;
use crate::merchant::{Call, Receiver, booking, open, settings};

on_both_engines!(carrier::SCHEMA =>
    every_event_is_told_and_signed,
    what_goes_wrong_on_purpose_loses_nothing,
    the_clock_moves_parcels_along,
);

const WAY: [Event; 3] = [Event::PickedUp, Event::InTransit, Event::Delivered];

async fn every_event_is_told_and_signed(db: Db) {
    let (carrier, tasks, shop) = (open(db.clone()).await, Tasks::default(), Receiver::new().await);
    carrier.start(&tasks);
    let order = OrderId::new();
    let tracking = carrier.book(booking(order, "")).await.unwrap().tracking.unwrap();
    // Before it is known where the merchant is, what is to be told waits.
    carrier.move_on(&tracking, &happens(WAY[0]), None).await.unwrap();
    carrier.serve(&shop.origin);
    for event in &WAY[1..] {
        carrier.move_on(&tracking, &happens(*event), None).await.unwrap();
    }
    let calls = shop.until(3).await;
    assert!(calls.iter().all(|call| call.is_signed_by(&carrier)));
    let told: BTreeMap<i64, String> = calls
        .iter()
        .map(Call::json)
        .map(|it| (it["seq"].as_i64().unwrap(), it["event"].as_str().unwrap().to_owned()))
        .collect();
    let expected = ["picked_up", "in_transit", "delivered"].map(str::to_owned);
    assert_eq!(told.into_values().collect::<Vec<_>>(), expected);
    assert!(calls.iter().all(|call| call.json()["tracking"] == tracking));
    // Another node has the same secret.
    assert_eq!(open(db).await.secret(), carrier.secret());
    tasks.stop(Duration::from_secs(5)).await;
}

async fn what_goes_wrong_on_purpose_loses_nothing(db: Db) {
    let (carrier, tasks, shop) = (open(db).await, Tasks::default(), Receiver::new().await);
    carrier.serve(&shop.origin);
    carrier.start(&tasks);
    let faults = booking(OrderId::new(), "late,reorder,repeat,fail");
    let tracking = carrier.book(faults).await.unwrap().tracking.unwrap();
    for event in WAY {
        carrier.move_on(&tracking, &happens(event), None).await.unwrap();
    }
    let calls = shop.until(9).await;
    let ids: BTreeSet<&String> = calls.iter().map(|call| &call.headers["webhook-id"]).collect();
    assert_eq!((ids.len(), calls.len()), (3, 9), "each comes three times under one id");
    assert!(calls.iter().all(|call| call.is_signed_by(&carrier)));
    tasks.stop(Duration::from_secs(5)).await;
}

async fn the_clock_moves_parcels_along(db: Db) {
    let settings = Settings { step_ms: 1, ..settings() };
    let carrier = Carrier::open(db, settings).await.unwrap();
    let (tasks, shop) = (Tasks::default(), Receiver::new().await);
    carrier.serve(&shop.origin);
    carrier.start(&tasks);
    for faults in ["", "held", "vanish"] {
        carrier.book(booking(OrderId::new(), faults)).await.unwrap();
    }
    let calls = shop.until(3 + 5 + 3).await;
    let ends = |word: &str| calls.iter().filter(|call| call.json()["event"] == word).count();
    assert_eq!(["delivered", "lost", "exception"].map(ends), [2, 1, 1]);
    tasks.stop(Duration::from_secs(5)).await;
}
