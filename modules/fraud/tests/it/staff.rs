use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, HttpMessage as _};
use fraud::Fraud;
use kernel::id::{CustomerId, DecisionId};
use kernel::ports::{Decision, Risk as _, Role};
use platform::audit::history;
use platform::sql::Db;
use serde_json::{Value, json};

use crate::world::{attempt, open, settings};

platform::on_both_engines!(fraud::SCHEMA =>
    what_the_staff_found_out_is_kept_and_learnt_from,
    decisions_are_listed,
);

async fn send(fraud: &Fraud, request: TestRequest) -> (StatusCode, Value) {
    let principal = platform::testing::principal(Role::Admin);
    let app = App::new().configure(|config| fraud.routes(config)).wrap_fn(move |request, next| {
        use actix_web::dev::Service as _;
        request.extensions_mut().insert(principal.clone());
        next.call(request)
    });
    let service = init_service(app).await;
    let response = call_service(&service, request.to_request()).await;
    let status = response.status();
    (status, serde_json::from_slice(&read_body(response).await).unwrap_or_default())
}

async fn get(fraud: &Fraud, path: &str) -> Value {
    let (status, body) = send(fraud, TestRequest::get().uri(path)).await;
    assert_eq!(status, 200, "{body}");
    body
}

async fn what_the_staff_found_out_is_kept_and_learnt_from(db: Db) {
    let mut reviewing = settings();
    reviewing.rules.velocity = Decision::Review;
    reviewing.velocity.account.minute = 1;
    let fraud = open(&db, reviewing);
    let ada = CustomerId::new();
    for key in ["a", "b", "c"] {
        fraud.assess(&attempt(key, ada, 100)).await.unwrap();
    }
    let queue = get(&fraud, "/v1/admin/fraud/reviews").await;
    let waiting = queue["items"].as_array().unwrap();
    assert_eq!(waiting.len(), 2, "{queue}");
    assert_eq!(waiting[0]["decision"], "review");
    let reason = json!({"rule": "velocity", "of": "account", "seconds": 60, "attempts": 2});
    assert_eq!(waiting[0]["reasons"], json!([reason]));
    let id = waiting[0]["id"].as_str().unwrap();

    let path = format!("/v1/admin/fraud/decisions/{id}/verdict");
    let say = |word: &str| TestRequest::post().uri(&path).set_json(json!({"verdict": word}));
    assert_eq!(send(&fraud, say("guilty")).await.0, 422);
    for word in ["genuine", "fraud", "fraud"] {
        let (status, judged) = send(&fraud, say(word)).await;
        assert_eq!((status.as_u16(), &judged["verdict"]), (200, &json!(word)), "{judged}");
        assert!(judged["judged_at"].is_string() && judged["judged_by"].is_string());
    }
    let queue = get(&fraud, "/v1/admin/fraud/reviews").await;
    assert_eq!(queue["items"].as_array().unwrap().len(), 1);
    let id: DecisionId = id.parse().unwrap();
    let entries = history(&db, id.uuid(), None, 10).await.unwrap();
    assert_eq!(entries.len(), 2, "the same verdict again changes nothing");
    let labels: Vec<bool> =
        fraud.history().await.unwrap().into_iter().map(|made| made.is_fraud).collect();
    assert_eq!(labels, [false, true, false]);
    let strange = format!("/v1/admin/fraud/decisions/{}/verdict", DecisionId::new());
    let request = TestRequest::post().uri(&strange).set_json(json!({"verdict": "fraud"}));
    assert_eq!(send(&fraud, request).await.0, 404);
}

async fn decisions_are_listed(db: Db) {
    let fraud = open(&db, settings());
    let mut orders = Vec::new();
    for number in 0..6 {
        let asked = attempt(&format!("{number}"), CustomerId::new(), 100 + number);
        fraud.assess(&asked).await.unwrap();
        orders.push(asked.order_id);
    }
    let mut proxied = attempt("proxied", CustomerId::new(), 100);
    proxied.payer.from = "198.51.100.9".parse().ok();
    fraud.assess(&proxied).await.unwrap();
    let denied = get(&fraud, "/v1/admin/fraud/decisions?decision=deny").await;
    assert_eq!(denied["items"].as_array().unwrap().len(), 1);
    assert_eq!(denied["items"][0]["reasons"], json!([{"rule": "proxy"}]));
    let of_one = get(&fraud, &format!("/v1/admin/fraud/decisions?order_id={}", orders[3])).await;
    assert_eq!(of_one["items"][0]["amount"], json!({"amount": "1.03", "currency": "EUR"}));
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = get(&fraud, &format!("/v1/admin/fraud/decisions?limit=3{next}")).await;
        seen.extend(page["items"].as_array().unwrap().iter().map(|one| one["id"].to_string()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    assert_eq!(seen.len(), 7);
    assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
    let both = format!("/v1/admin/fraud/decisions?decision=deny&order_id={}", orders[0]);
    assert_eq!(send(&fraud, TestRequest::get().uri(&both)).await.0, 422);
}
