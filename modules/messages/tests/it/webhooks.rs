use std::time::{Duration, Instant};

use actix_web::http::Method;
use chrono::TimeDelta;
use kernel::events::OrderDelivered;
use platform::audit::Actor;
use platform::bus::replay;
use platform::sql::Sql;
use platform::tasks::Tasks;
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::world::{World, in_both_worlds};

in_both_worlds!(
    an_event_is_one_signed_call_for_each_webhook_that_wants_it,
    a_webhook_hears_of_what_happens_right_after_it_was_made,
    a_call_that_fails_is_made_again_and_a_redirect_is_not_followed,
    one_that_does_not_answer_holds_up_itself_alone,
    one_that_fails_for_a_day_is_switched_off_and_the_staff_sees_it,
    a_call_is_made_again_when_the_staff_wants_it,
    a_name_that_leads_into_the_shops_network_is_not_called,
    bad_input_names_the_field,
);

impl World {
    /// Makes a webhook: its id and its secret.
    pub async fn webhook(&self, url: &str, events: &[&str]) -> (String, String) {
        let body = json!({"url": url, "events": events});
        let (status, made) = self.call(Method::POST, "webhooks", Some(&body)).await;
        assert_eq!(status, 201, "{made}");
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("id"), text("secret"))
    }

    /// Makes all calls that are due, and waits until they have ended.
    pub async fn call_all(&self) {
        let tasks = Tasks::default();
        self.messages().call_webhooks(&tasks).await.unwrap();
        tasks.stop(Duration::from_secs(30)).await;
    }
}

async fn an_event_is_one_signed_call_for_each_webhook_that_wants_it(world: World) {
    let (wants, other) = (Receiver::new(204).await, Receiver::new(204).await);
    let (id, secret) = world.webhook(&wants.url, &["order.confirmed"]).await;
    let (_, others) = world.webhook(&other.url, &["order.shipped", "payment.captured"]).await;
    let order = world.order(|_| ());
    world.confirm(&order).await;
    tokio::join!(world.deliver("one"), world.deliver("two"));
    tokio::join!(world.call_all(), world.call_all());
    world.advance(TimeDelta::seconds(1));
    let later = Receiver::new(204).await;
    world.webhook(&later.url, &["order.confirmed"]).await;
    replay(&world.messages().subscriptions().remove(0), &Actor::OPERATOR).await.unwrap();
    world.deliver("one").await;
    world.call_all().await;
    let calls = wants.calls();
    assert_eq!((calls.len(), other.calls().len()), (1, 0), "{calls:?}");
    assert!(later.calls().is_empty(), "it hears of what happens from now on");
    assert!(calls[0].is_signed_with(&secret) && !calls[0].is_signed_with(&others));
    let told = calls[0].json();
    assert_eq!(told["type"], "order.confirmed");
    assert_eq!(told["version"], 1);
    assert_eq!(told["data"]["number"], "ORD-1");
    let all = world.get(&format!("webhooks/{id}/deliveries")).await;
    assert_eq!(all["items"][0]["id"], calls[0].headers["webhook-id"]);
    assert_eq!(all["items"][0]["state"], "sent");
    assert!(!world.get("webhooks").await.to_string().contains("whsec"));
    let kept = Sql::new("select secret from webhook order by id limit 1");
    let (kept,): (Vec<u8>,) = world.db.query(kept).one().await.unwrap();
    assert!(kept.len() > 32, "it is sealed");
}

/// A node that has just looked which webhooks there are looks again for an event that is newer than that.
async fn a_webhook_hears_of_what_happens_right_after_it_was_made(world: World) {
    let bus = world.bus("one").await;
    let soon = TimeDelta::milliseconds(10);
    world.confirm(&world.order(|_| ())).await;
    world.advance(soon);
    bus.drain().await.unwrap();
    let receiver = Receiver::new(204).await;
    world.webhook(&receiver.url, &["order.confirmed"]).await;
    world.advance(soon);
    for _ in 0..2 {
        world.confirm(&world.order(|_| ())).await;
        world.advance(soon);
        bus.drain().await.unwrap();
    }
    world.call_all().await;
    assert_eq!(receiver.calls().len(), 2);
}

async fn a_call_that_fails_is_made_again_and_a_redirect_is_not_followed(world: World) {
    let receiver = Receiver::new(302).await;
    let (id, secret) = world.webhook(&receiver.url, &["order.confirmed"]).await;
    world.confirm(&world.order(|_| ())).await;
    world.deliver("one").await;
    world.call_all().await;
    world.call_all().await;
    let path = format!("webhooks/{id}/deliveries");
    let waits = world.get(&path).await;
    assert_eq!(waits["items"][0]["state"], "waiting");
    assert_eq!(waits["items"][0]["last_error"], "the answer was 302");
    assert_eq!(world.get(&format!("webhooks/{id}")).await["failures"], 1);
    receiver.answers(200);
    world.advance(TimeDelta::minutes(6));
    world.call_all().await;
    let calls = receiver.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].headers["webhook-id"], calls[1].headers["webhook-id"]);
    assert_ne!(calls[0].headers["webhook-timestamp"], calls[1].headers["webhook-timestamp"]);
    assert!(calls[1].is_signed_with(&secret));
    assert_eq!(world.get(&format!("webhooks/{id}")).await["failures"], 0);
}

async fn one_that_does_not_answer_holds_up_itself_alone(world: World) {
    let (silent, quick) = (Receiver::new(0).await, Receiver::new(200).await);
    world.webhook(&silent.url, &["order.confirmed"]).await;
    world.webhook(&quick.url, &["order.confirmed"]).await;
    for _ in 0..20 {
        world.confirm(&world.order(|_| ())).await;
    }
    world.deliver("one").await;
    let (messages, tasks) = (world.messages(), Tasks::default());
    let began = Instant::now();
    messages.call_webhooks(&tasks).await.unwrap();
    quick.until(20).await;
    assert!(silent.until(1).await.len() < 20);
    // What is under way is not begun again.
    world.confirm(&world.order(|_| ())).await;
    world.deliver("one").await;
    messages.call_webhooks(&tasks).await.unwrap();
    quick.until(21).await;
    let under_way = silent.calls().len();
    // A call that was given up in the meantime makes room for another one.
    let given_up = began.elapsed() >= Duration::from_secs(9);
    assert!(under_way <= 4 || (given_up && under_way < 20), "{under_way}");
    tasks.stop(Duration::ZERO).await;
}

async fn one_that_fails_for_a_day_is_switched_off_and_the_staff_sees_it(world: World) {
    let receiver = Receiver::new(500).await;
    let (id, _) = world.webhook(&receiver.url, &["order.confirmed", "order.delivered"]).await;
    let path = format!("webhooks/{id}");
    for _ in 0..9 {
        world.confirm(&world.order(|_| ())).await;
    }
    world.deliver("one").await;
    world.call_all().await;
    assert_eq!(world.get(&path).await["active"], true, "nine calls in a minute are no day");
    world.advance(TimeDelta::hours(25));
    world.call_all().await;
    let off = world.get(&path).await;
    assert_eq!(off["active"], false);
    assert!(off["switched_off_at"].is_string() && off["failing_since"].is_string(), "{off}");
    let made = receiver.calls().len();
    let order = world.order(|_| ());
    let delivered = OrderDelivered { order_id: order.id, customer_id: order.customer_id };
    world.publish(&delivered, 1).await;
    world.deliver("one").await;
    world.advance(TimeDelta::hours(12));
    world.call_all().await;
    assert_eq!(receiver.calls().len(), made, "one that is off is not called");

    receiver.answers(200);
    let body = json!({"url": receiver.url, "events": ["order.confirmed"]});
    let version = off["version"].as_i64().unwrap();
    let (status, on) = world.put(&path, version - 1, &body).await;
    assert_eq!((status, &on["current_version"]), (412, &json!(version)));
    let (status, on) = world.put(&path, version, &body).await;
    assert_eq!((status, &on["active"], &on["failures"]), (200, &json!(true), &json!(0)), "{on}");
    assert!(on["switched_off_at"].is_null());
    world.call_all().await;
    let told = receiver.calls().split_off(made);
    assert_eq!(told.len(), 9, "what waited is told");
}

async fn a_call_is_made_again_when_the_staff_wants_it(world: World) {
    let receiver = Receiver::new(200).await;
    let (id, _) = world.webhook(&receiver.url, &["order.confirmed"]).await;
    world.confirm(&world.order(|_| ())).await;
    world.deliver("one").await;
    world.call_all().await;
    let all = world.get(&format!("webhooks/{id}/deliveries")).await;
    let delivery = all["items"][0]["id"].as_str().unwrap();
    let path = format!("webhooks/{id}/deliveries/{delivery}/redeliver");
    let (status, body) = world.call(Method::POST, &path, None).await;
    assert_eq!((status, &body["state"]), (200, &json!("waiting")), "{body}");
    let (status, _) = world.call(Method::POST, &path, None).await;
    assert_eq!(status, 409);
    world.call_all().await;
    let calls = receiver.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].headers["webhook-id"], calls[1].headers["webhook-id"]);
    let letters = world.get("messages?state=nobody").await;
    let letter = letters["items"].as_array().unwrap().first().cloned();
    let other = letter.map_or_else(|| id.clone(), |it| it["id"].as_str().unwrap().to_owned());
    let path = format!("webhooks/{id}/deliveries/{other}/redeliver");
    assert_eq!(world.call(Method::POST, &path, None).await.0, 404);
}

async fn a_name_that_leads_into_the_shops_network_is_not_called(world: World) {
    let receiver = Receiver::new(200).await;
    let port = receiver.url.split(':').nth(2).unwrap().split('/').next().unwrap();
    let strict = World { allow_private: false, ..world };
    let (id, _) = strict.webhook(&format!("https://localhost:{port}/"), &["order.confirmed"]).await;
    // It was made when this was allowed.
    let (literal, _) = strict.webhook("https://example.com/", &["order.confirmed"]).await;
    let mut tx = strict.db.begin("test").await.unwrap();
    let moved = Sql::new("update webhook set url = $1 where url = 'https://example.com/'");
    tx.query(moved).bind(receiver.url.as_str()).execute().await.unwrap();
    tx.commit().await.unwrap();
    strict.confirm(&strict.order(|_| ())).await;
    strict.deliver("one").await;
    strict.call_all().await;
    let error = async |id: &str| {
        let all = strict.get(&format!("webhooks/{id}/deliveries")).await;
        all["items"][0]["last_error"].as_str().unwrap().to_owned()
    };
    assert!(error(&id).await.ends_with("localhost is not on the internet"), "{}", error(&id).await);
    assert!(error(&literal).await.contains("https"), "{}", error(&literal).await);
    assert!(receiver.calls().is_empty());
}

async fn bad_input_names_the_field(world: World) {
    let strict = World { allow_private: false, ..world };
    for (body, field) in [
        (json!({"url": "http://example.com/", "events": ["order.placed"]}), "url"),
        (json!({"url": "https://10.0.0.1/", "events": ["order.placed"]}), "url"),
        (json!({"url": "https://example.com/", "events": []}), "events"),
        (json!({"url": "https://example.com/", "events": ["order.placed", "x"]}), "events[1]"),
        (json!({"url": "https://example.com/", "events": ["letter.written"]}), "events[0]"),
        (json!({"url": "https://example.com/"}), "events"),
    ] {
        let (status, told) = strict.call(Method::POST, "webhooks", Some(&body)).await;
        assert_eq!((status, &told["errors"][0]["field"]), (422, &Value::from(field)), "{told}");
    }
    assert_eq!(strict.get("webhooks").await["items"], json!([]));
}
