use actix_web::http::Method;
use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use actix_web::{App, HttpMessage};
use chrono::TimeDelta;
use kernel::ports::Role;
use serde_json::Value;

use crate::world::{Mood, World, in_both_worlds};

in_both_worlds!(the_staff_sees_a_dead_letter_and_lets_it_be_tried_again);

impl World {
    /// Asks as a member of the staff.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let messages = self.messages();
        let app = App::new().configure(|config| messages.routes(config));
        let app = init_service(app).await;
        let request = TestRequest::default().method(method).uri(&format!("/v1/admin/{path}"));
        let request = match body {
            Some(body) => request.set_json(body),
            None => request,
        };
        let request = request.to_request();
        request.extensions_mut().insert(platform::testing::principal(Role::Staff));
        let response = call_service(&app, request).await;
        (response.status().as_u16(), read_body_json(response).await)
    }

    /// Replaces what is in a version.
    pub async fn put(&self, path: &str, version: i64, body: &Value) -> (u16, Value) {
        let messages = self.messages();
        let app = init_service(App::new().configure(|config| messages.routes(config))).await;
        let request = TestRequest::put().uri(&format!("/v1/admin/{path}")).set_json(body);
        let request = request.insert_header(("If-Match", format!("\"{version}\""))).to_request();
        request.extensions_mut().insert(platform::testing::principal(Role::Staff));
        let response = call_service(&app, request).await;
        (response.status().as_u16(), read_body_json(response).await)
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, 200, "{body}");
        body
    }
}

async fn the_staff_sees_a_dead_letter_and_lets_it_be_tried_again(world: World) {
    let (order, other) = (world.order_of("ada@example.com"), world.order(|_| ()));
    world.confirm(&order).await;
    world.confirm(&other).await;
    world.deliver("one").await;
    world.mood(Mood::Refuses);
    for _ in 0..8 {
        world.send().await;
        world.advance(TimeDelta::hours(12));
    }
    let dead = world.get("messages?state=dead").await;
    assert_eq!(dead["items"].as_array().unwrap().len(), 1, "{dead}");
    let letter = &dead["items"][0];
    assert_eq!(letter["event"], "order.confirmed");
    assert_eq!(letter["order_id"], order.id.to_string());
    assert!(!dead.to_string().contains("ada@"), "{dead}");
    let nobody = world.get("messages?state=nobody").await;
    assert_eq!(nobody["items"][0]["order_id"], other.id.to_string());
    let first = world.get("messages?limit=1").await;
    let next = first["next_cursor"].as_str().unwrap();
    let second = world.get(&format!("messages?limit=1&cursor={next}")).await;
    assert_ne!(first["items"][0]["id"], second["items"][0]["id"]);
    assert_eq!(second["next_cursor"], Value::Null);

    world.mood(Mood::Takes);
    let retry = format!("messages/{}/retry", letter["id"].as_str().unwrap());
    let (status, body) = world.call(Method::POST, &retry, None).await;
    assert_eq!((status, &body["state"]), (200, &Value::from("waiting")), "{body}");
    let (status, body) = world.call(Method::POST, &retry, None).await;
    assert_eq!((status, &body["code"]), (409, &Value::from("conflict")), "{body}");
    world.send().await;
    assert_eq!(world.collect().len(), 1);
    let id = kernel::id::MessageId::new();
    let (status, _) = world.call(Method::POST, &format!("messages/{id}/retry"), None).await;
    assert_eq!(status, 404);
    let (status, body) = world.call(Method::GET, "messages?state=lost", None).await;
    assert_eq!((status, &body["errors"][0]["field"]), (422, &Value::from("state")), "{body}");
}
