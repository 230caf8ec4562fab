//! An order is told as it changes, to whom it belongs and to nobody else.

use reqwest::Response;
use serde_json::{Value, json};

use crate::support::{
    APPROVED, CHALLENGED, Customer, Engine, Shop, id_of, on_both_engines, product,
};

on_both_engines![
    an_order_is_told_as_it_changes,
    whoever_comes_again_is_told_what_they_have_not_seen,
    nobody_watches_what_is_not_theirs,
    a_shop_that_stops_ends_its_streams,
];

/// How many streams a customer may have.
const STREAMS_MAX: usize = 8;

/// A stream as its client reads it.
struct Stream {
    response: Response,
    read: String,
}

impl Stream {
    async fn open(shop: &Shop, customer: &Customer, id: &str, seen: Option<&str>) -> Self {
        let client =
            reqwest::Client::builder().read_timeout(crate::support::WAIT_MAX).build().unwrap();
        let request = client.get(format!("{}/v1/orders/{id}/stream", shop.base));
        let request = request.bearer_auth(customer.token());
        let request = seen.into_iter().fold(request, |it, seen| it.header("last-event-id", seen));
        let response = request.send().await.unwrap();
        Self { response, read: String::new() }
    }

    /// The next event's id and order; none when the stream has ended.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((part, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| {
                    part.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
                };
                let (id, data) = (field("id: "), field("data: "));
                self.read = rest.to_owned();
                if let (Some(id), Some(data)) = (id, data) {
                    return Some((id, serde_json::from_str(&data).unwrap()));
                }
                continue;
            }
            let part = self.response.chunk().await.unwrap()?;
            self.read.push_str(std::str::from_utf8(&part).unwrap());
        }
    }

    /// The order once it has this status.
    async fn until(&mut self, status: &str) -> (String, Value) {
        loop {
            let told = self.next().await.expect("the stream goes on");
            if told.1["status"] == status {
                return told;
            }
        }
    }
}

async fn lamp(engine: Engine) -> Option<(Shop, Customer, String)> {
    let shop = Shop::running(engine, &[product("LAMP-1", "20.00", 50)])?;
    let ada = Customer::guest(&shop).await;
    let lamp = id_of(&ada, "LAMP-1").await;
    ada.fill_cart(&lamp, 1).await;
    Some((shop, ada, lamp))
}

/// The id of an order of what is in the cart, paid by a card.
async fn ordered(ada: &Customer, card: &str) -> String {
    let order = ada.order("order", &ada.card(card).await).await;
    order.body["id"].as_str().unwrap().to_owned()
}

async fn an_order_is_told_as_it_changes(engine: Engine) {
    let Some((shop, ada, _)) = lamp(engine).await else { return };
    let staff = shop.staff().await;
    let id = ordered(&ada, CHALLENGED).await;
    let mut stream = Stream::open(&shop, &ada, &id, None).await;
    let headers = stream.response.headers().clone();
    assert_eq!(headers["content-type"], "text/event-stream");
    assert_eq!(headers["cache-control"], "no-store");
    let (_, order) = stream.until("AWAITING_PAYMENT").await;
    let bank = format!("/v1/payments/{}/challenge", order["payment"]["id"].as_str().unwrap());
    assert_eq!(ada.post(&bank, &json!({"outcome": "approve"})).await.status, 200);
    let (_, confirmed) = stream.until("CONFIRMED").await;
    assert_eq!(confirmed["id"], *id);
    // The payment is captured beside it.
    shop.settle();
    for (step, status) in [("ship", "SHIPPED"), ("deliver", "DELIVERED")] {
        let path = format!("/v1/admin/orders/{id}/{step}");
        assert_eq!(staff.post(&path, &json!({})).await.status, 200);
        let (_, told) = stream.until(status).await;
        assert_eq!(told, ada.get(&format!("/v1/orders/{id}")).await.body);
    }
    assert_eq!(stream.next().await, None, "nothing will happen any more");
}

async fn whoever_comes_again_is_told_what_they_have_not_seen(engine: Engine) {
    let Some((shop, ada, _)) = lamp(engine).await else { return };
    let id = ordered(&ada, CHALLENGED).await;
    let (seen, _) = Stream::open(&shop, &ada, &id, None).await.until("AWAITING_PAYMENT").await;
    let mut again = Stream::open(&shop, &ada, &id, Some(&seen)).await;
    assert_eq!(again.response.status(), 200);
    let cancel = format!("/v1/orders/{id}/cancel");
    assert!(ada.post(&cancel, &json!({})).await.status < 300);
    let (over, order) = again.next().await.unwrap();
    assert_ne!(over, seen);
    assert!(["AWAITING_PAYMENT", "CANCELLED"].contains(&order["status"].as_str().unwrap()));
    ada.until(&id, &["CANCELLED"]).await;
    shop.settle();
    let (over, _) = Stream::open(&shop, &ada, &id, Some(&seen)).await.next().await.unwrap();
    let nothing = Stream::open(&shop, &ada, &id, Some(&over)).await;
    assert_eq!(nothing.response.status(), 204);
}

async fn nobody_watches_what_is_not_theirs(engine: Engine) {
    let Some((shop, ada, _)) = lamp(engine).await else { return };
    let id = ordered(&ada, CHALLENGED).await;
    let bob = Customer::guest(&shop).await;
    let path = format!("/v1/orders/{id}/stream");
    assert_eq!(bob.get(&path).await.status, 404);
    assert_eq!(Customer::anyone(&shop).get(&path).await.status, 401);
    assert_eq!(ada.get("/v1/orders/none/stream").await.status, 404);
    let mut open = Vec::new();
    for _ in 0..STREAMS_MAX {
        let stream = Stream::open(&shop, &ada, &id, None).await;
        assert_eq!(stream.response.status(), 200);
        open.push(stream);
    }
    let refused = ada.get(&path).await;
    assert_eq!((refused.status, &refused.body["code"]), (429, &json!("too_many_requests")));
    drop(open);
    // A connection that is gone is noticed when there is something to send.
    assert!(ada.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await.status < 300);
    ada.until(&id, &["CANCELLED"]).await;
    let began = std::time::Instant::now();
    while Stream::open(&shop, &ada, &id, None).await.response.status() != 200 {
        assert!(began.elapsed() < crate::support::WAIT_MAX);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

async fn a_shop_that_stops_ends_its_streams(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 50)]) else { return };
    // Longer than a test may take: whoever waited for the stream would not be done in time.
    shop.set("STOA__SERVER__STOP_WAIT_S", "3600");
    shop.start(&[]);
    let ada = Customer::guest(&shop).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    let id = ordered(&ada, APPROVED).await;
    let mut stream = Stream::open(&shop, &ada, &id, None).await;
    stream.until("CONFIRMED").await;
    shop.stop();
    while stream.next().await.is_some() {}
}
