//! What is kept about whose orders were told of, and what is left of it when they are erased.

use std::time::Duration;

use actix_web::http::Method;
use chrono::TimeDelta;
use kernel::Envelope;
use kernel::events::{CustomerErased, GuestMerged, OrderShipped};
use kernel::id::CustomerId;
use kernel::ports::{PersonalRecords as _, ToldOrder};
use platform::bus::{Handler, Subscription};
use platform::sql::{Sql, Tx};
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::world::{Mood, World, confirmed, in_both_worlds};

in_both_worlds!(
    whoever_is_erased_is_written_to_no_more_and_told_of_no_more,
    a_call_that_waits_is_still_made_and_not_made_again,
    a_call_that_nobody_takes_waits_for_nothing,
    what_was_given_up_is_gone_and_not_tried_again,
    of_what_is_heard_late_nothing_is_kept,
    of_what_is_heard_at_the_same_time_nothing_is_kept,
    what_was_told_to_a_guest_belongs_to_the_account_they_log_in_to,
);

const DATA: Sql = Sql::new("select cast(data as text) from message order by id");

impl World {
    async fn data(&self) -> Vec<String> {
        let rows: Vec<(String,)> = self.db.query(DATA).all().await.unwrap();
        rows.into_iter().map(|(data,)| data).collect()
    }

    async fn erase(&self, customer_id: CustomerId) {
        let erased = CustomerErased { customer_id, with_records: false };
        self.publish(&erased, 1).await;
        self.deliver("one").await;
    }
}

async fn whoever_is_erased_is_written_to_no_more_and_told_of_no_more(world: World) {
    let (theirs, others) = (world.order_of("ada@example.com"), world.order_of("bob@example.com"));
    for order in [&theirs, &others] {
        world.confirm(order).await;
    }
    world.deliver("one").await;
    world.send().await;
    world.mood(Mood::Refuses);
    let shipped = |order: &ToldOrder| OrderShipped {
        order_id: order.id,
        customer_id: order.customer_id,
        tracking: Some("JD01".to_owned()),
    };
    for order in [&theirs, &others] {
        world.publish(&shipped(order), 2).await;
        world.asks_for_action(order).await;
    }
    world.deliver("one").await;
    let records = world.messages().records(theirs.customer_id).await.unwrap();
    assert_eq!(records.as_array().unwrap().len(), 3, "{records}");
    let (kind, channel) = (&records[0]["kind"], &records[0]["channel"]);
    assert_eq!((kind, channel), (&json!("order.confirmed"), &json!("email")));
    assert_eq!(records[0]["state"], "sent");

    world.erase(theirs.customer_id).await;
    let mut told = Vec::new();
    for (data, (state, _)) in world.data().await.into_iter().zip(world.states().await) {
        told.push((state, data == "{}"));
    }
    told.sort();
    let of = |state: &str, is_empty| (state.to_owned(), is_empty);
    let wanted = [
        of("nobody", true),
        of("nobody", true),
        of("sent", false),
        of("sent", true),
        of("waiting", false),
        of("waiting", false),
    ];
    assert_eq!(told, wanted, "theirs are empty and end, the others' are as they were");
}

async fn a_call_that_waits_is_still_made_and_not_made_again(world: World) {
    let receiver = Receiver::new(204).await;
    let (webhook, _) = world.webhook(&receiver.url, &["order.shipped"]).await;
    let order = world.order(|_| ());
    let shipped =
        OrderShipped { order_id: order.id, customer_id: order.customer_id, tracking: None };
    world.publish(&shipped, 1).await;
    world.deliver("one").await;
    world.erase(order.customer_id).await;
    world.call_all().await;
    assert_eq!(receiver.calls()[0].json()["data"]["order_id"], json!(order.id));
    assert_eq!(world.data().await, ["{}", "{}"], "of the letter and the call nothing is left");
    let deliveries = world.get(&format!("webhooks/{webhook}/deliveries")).await;
    let call = deliveries["items"][0]["id"].as_str().unwrap();
    let again = format!("webhooks/{webhook}/deliveries/{call}/redeliver");
    assert_eq!(world.call(Method::POST, &again, None).await.0, 409);
}

async fn a_call_that_nobody_takes_waits_for_nothing(world: World) {
    let receiver = Receiver::new(204).await;
    for off_first in [true, false] {
        let (webhook, _) = world.webhook(&receiver.url, &["order.shipped"]).await;
        let order = world.order(|_| ());
        let shipped =
            OrderShipped { order_id: order.id, customer_id: order.customer_id, tracking: None };
        world.publish(&shipped, 1).await;
        world.deliver("one").await;
        let path = format!("webhooks/{webhook}");
        let off = json!({"url": receiver.url, "events": ["order.shipped"], "active": false});
        if off_first {
            world.put(&path, 1, &off).await;
        }
        world.erase(order.customer_id).await;
        if !off_first {
            world.put(&path, 1, &off).await;
        }
    }
    assert_eq!(world.data().await, ["{}"; 4]);
    world.call_all().await;
    assert!(receiver.calls().is_empty());
}

async fn what_was_given_up_is_gone_and_not_tried_again(world: World) {
    let receiver = Receiver::new(500).await;
    world.webhook(&receiver.url, &["order.shipped"]).await;
    let (order, other) = (world.order_of("ada@example.com"), world.order_of("bob@example.com"));
    world.mood(Mood::Refuses);
    for order in [&order, &other] {
        world.confirm(order).await;
    }
    world.deliver("one").await;
    for _ in 0..8 {
        world.send().await;
        world.advance(TimeDelta::hours(12));
    }
    let (customer_id, order_id) = (order.customer_id, order.id);
    world.publish(&OrderShipped { order_id, customer_id, tracking: None }, 2).await;
    world.erase(customer_id).await;
    for _ in 0..8 {
        world.call_all().await;
        world.advance(TimeDelta::hours(12));
    }
    let dead = world.get("messages?state=dead").await;
    let told = |kept: &&Value| kept["order_id"] == json!(order_id);
    let (theirs, others): (Vec<&Value>, _) =
        dead["items"].as_array().unwrap().iter().partition(told);
    assert_eq!((theirs.len(), others.len()), (2, 1), "{dead}");
    assert_eq!(world.data().await.iter().filter(|data| *data == "{}").count(), 3);
    for (kept, status) in theirs.iter().map(|kept| (kept, 409)).chain([(&others[0], 200)]) {
        let retry = format!("messages/{}/retry", kept["id"].as_str().unwrap());
        assert_eq!(world.call(Method::POST, &retry, None).await.0, status, "{kept}");
    }
}

async fn of_what_is_heard_late_nothing_is_kept(world: World) {
    let receiver = Receiver::new(204).await;
    world.webhook(&receiver.url, &["order.confirmed", "payment.action_required"]).await;
    let (order, other) = (world.order_of("ada@example.com"), world.order_of("bob@example.com"));
    world.erase(order.customer_id).await;
    for order in [&order, &other] {
        world.confirm(order).await;
        world.deliver("one").await;
        world.asks_for_action(order).await;
        world.deliver("one").await;
    }
    world.send().await;
    assert_eq!(world.collect().len(), 1, "nobody writes to them");
    world.call_all().await;
    assert_eq!(receiver.calls().len(), 4, "whoever keeps the books of the orders hears of both");
    assert!(receiver.calls().iter().all(|call| call.json()["data"] != json!({})));
    let empty: Vec<bool> = world.data().await.iter().map(|data| data == "{}").collect();
    assert_eq!(empty, [true, true, true, true, false, false, false, false]);
}

async fn of_what_is_heard_at_the_same_time_nothing_is_kept(world: World) {
    let order = world.order_of("ada@example.com");
    let [told, people] = world.messages().subscriptions().try_into().ok().unwrap();
    let hears = async |tx: &mut Tx, subscription: &Subscription, event: &Envelope| {
        let Handler::Reaction(reaction) = &subscription.handler else { panic!("no reaction") };
        reaction.apply(tx, event).await.unwrap();
    };
    let now = world.db.clock().now();
    let mut tx = world.db.begin("told").await.unwrap();
    hears(&mut tx, &told, &platform::testing::told(&confirmed(&order), now)).await;
    let erased = async {
        let event = CustomerErased { customer_id: order.customer_id, with_records: false };
        let mut tx = world.db.begin("erased").await.unwrap();
        hears(&mut tx, &people, &platform::testing::told(&event, now)).await;
        tx.commit().await.unwrap();
    };
    let commits = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        tx.commit().await.unwrap();
    };
    tokio::join!(erased, commits);
    assert_eq!(world.data().await, ["{}"]);
    assert_eq!(world.states().await, [("nobody".to_owned(), 0)]);
}

async fn what_was_told_to_a_guest_belongs_to_the_account_they_log_in_to(world: World) {
    let order = world.order_of("ada@example.com");
    let (guest_id, ada) = (order.customer_id, CustomerId::new());
    world.confirm(&order).await;
    world.deliver("one").await;
    world.publish(&GuestMerged { guest_id, customer_id: ada }, 1).await;
    world.deliver("one").await;
    let messages = world.messages();
    assert_eq!(messages.records(guest_id).await.unwrap(), json!([]));
    assert_eq!(messages.records(ada).await.unwrap().as_array().unwrap().len(), 1);
    world.erase(ada).await;
    assert_eq!(world.data().await, ["{}"]);
    assert_eq!(world.states().await, [("nobody".to_owned(), 0)]);

    let late = world.order_of("ada@example.com");
    world.confirm(&late).await;
    world.deliver("one").await;
    world.publish(&GuestMerged { guest_id: late.customer_id, customer_id: ada }, 1).await;
    world.deliver("one").await;
    assert_eq!(world.data().await, ["{}", "{}"], "the account was erased before");
}
