use actix_web::dev::{Service as _, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, HttpMessage as _};
use kernel::id::{CustomerId, OrderId, PaymentId};
use kernel::ports::{Authorization, Payments as _, Principal, Role};
use payment::Processor as _;
use platform::audit::{ActorKind, history};
use platform::sql::Db;
use serde_json::{Value, json};

use crate::shop::{CHALLENGE, Shop, euros, open, open_with, settings};

platform::on_both_engines!(payment::SCHEMA =>
    only_the_staff_sees_payments,
    a_refund_is_done_once_for_each_key,
    an_answer_of_a_lost_refund_is_stored_when_it_is_known,
    a_challenge_is_answered_once,
    a_shopper_who_authenticated_keeps_the_payment,
    a_key_stays_used_after_its_answer_was_forgotten,
    what_the_processor_refuses_is_in_the_audit_log,
);

/// Sends one request to the module's own routes.
pub async fn send(shop: &Shop, role: Option<Role>, request: TestRequest) -> (StatusCode, String) {
    let response = send_raw(shop, role, request).await;
    let status = response.status();
    let body = read_body(response).await;
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn send_raw(shop: &Shop, role: Option<Role>, request: TestRequest) -> ServiceResponse {
    // One caller for all requests: keys belong to callers.
    let id = CustomerId::from(uuid::Uuid::from_u128(7));
    let principal = role.map(|role| Principal { id, ..platform::testing::principal(role) });
    let app = App::new().configure(|config| shop.payments.routes(config)).wrap_fn(
        move |request, next| {
            if let Some(principal) = &principal {
                request.extensions_mut().insert(principal.clone());
            }
            next.call(request)
        },
    );
    let service = init_service(app).await;
    call_service(&service, request.to_request()).await.map_into_boxed_body()
}

/// Sends requests of one member of the staff at once, each from its own connection, and returns their
/// statuses.
pub async fn at_once(shop: &Shop, requests: Vec<TestRequest>) -> Vec<u16> {
    let staff = platform::testing::principal(Role::Staff);
    let app = App::new().configure(|config| shop.payments.routes(config)).wrap_fn(
        move |request, next| {
            request.extensions_mut().insert(staff.clone());
            next.call(request)
        },
    );
    let service = init_service(app).await;
    let mut calls: Vec<_> = requests
        .into_iter()
        .map(|request| Box::pin(call_service(&service, request.to_request())))
        .collect();
    // All are under way before the first is waited for.
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        calls.retain_mut(|call| match call.as_mut().poll(context) {
            std::task::Poll::Ready(response) => {
                done.push(response.status().as_u16());
                false
            }
            std::task::Poll::Pending => true,
        });
        if calls.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

pub fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

async fn only_the_staff_sees_payments(db: Db) {
    let shop = open(db).await;
    let (order, id) = shop.authorized(1_000).await;
    shop.authorized(2_000).await;
    let get = |path: String| TestRequest::get().uri(&path);
    let one = format!("/v1/payments/{id}");
    assert_eq!(send(&shop, None, get(one.clone())).await.0, 401);
    assert_eq!(send(&shop, Some(Role::Customer), get(one.clone())).await.0, 403);
    let (status, body) = send(&shop, Some(Role::Staff), get(one)).await;
    assert_eq!((status.as_u16(), &parsed(&body)["status"]), (200, &json!("authorized")));
    assert_eq!(parsed(&body)["card"]["last4"], "4242");
    let unknown = format!("/v1/payments/{}", PaymentId::new());
    assert_eq!(send(&shop, Some(Role::Staff), get(unknown)).await.0, 404);
    assert_eq!(send(&shop, Some(Role::Staff), get("/v1/payments/x".to_owned())).await.0, 404);

    let list = format!("/v1/admin/payments?order_id={order}");
    let (_, body) = send(&shop, Some(Role::Staff), get(list)).await;
    assert_eq!(parsed(&body)["items"].as_array().unwrap().len(), 1);
    let (_, first) = send(&shop, Some(Role::Staff), get("/v1/admin/payments?limit=1".into())).await;
    let cursor = parsed(&first)["next_cursor"].as_str().unwrap().to_owned();
    let next = format!("/v1/admin/payments?limit=1&cursor={cursor}");
    let (_, second) = send(&shop, Some(Role::Staff), get(next)).await;
    assert_eq!(parsed(&second)["items"][0]["id"], json!(id));
    assert_eq!(parsed(&second)["next_cursor"], Value::Null);
    let wrong = get("/v1/admin/payments?order_id=x".into());
    assert_eq!(send(&shop, Some(Role::Staff), wrong).await.0, 422);
}

pub fn refund(id: PaymentId, key: &str, amount: &str) -> TestRequest {
    TestRequest::post()
        .uri(&format!("/v1/admin/payments/{id}/refund"))
        .insert_header(("idempotency-key", key.to_owned()))
        .set_json(json!({"amount": {"amount": amount, "currency": "EUR"}}))
}

async fn a_refund_is_done_once_for_each_key(db: Db) {
    let shop = open(db).await;
    let (_, id) = shop.authorized(10_000).await;
    let staff = Some(Role::Staff);
    let capture = || {
        TestRequest::post()
            .uri(&format!("/v1/admin/payments/{id}/capture"))
            .insert_header(("idempotency-key", "take"))
    };
    assert_eq!(send(&shop, staff, refund(id, "early", "1.00")).await.0, 409);
    let taken = send(&shop, staff, capture()).await;
    assert_eq!((taken.0.as_u16(), &parsed(&taken.1)["status"]), (200, &json!("captured")));
    let again = send_raw(&shop, staff, capture()).await;
    assert_eq!(again.headers().get("idempotency-replayed").unwrap(), "true");
    assert_eq!(read_body(again).await, taken.1.as_bytes());

    let first = send(&shop, staff, refund(id, "part", "30.00")).await;
    assert_eq!(first.0, 200, "{}", first.1);
    assert_eq!(parsed(&first.1)["refunded"]["amount"], "30.00");
    assert_eq!(send(&shop, staff, refund(id, "part", "30.00")).await, first);
    assert_eq!(send(&shop, staff, refund(id, "part", "31.00")).await.0, 422);
    assert_eq!(send(&shop, staff, refund(id, "more", "70.01")).await.0, 409);
    assert_eq!(send(&shop, staff, refund(id, "none", "0.00")).await.0, 422);
    assert_eq!(send(&shop, Some(Role::Customer), refund(id, "mine", "1.00")).await.0, 403);
    let keyless = TestRequest::post().uri(&format!("/v1/admin/payments/{id}/void"));
    let (status, body) = send(&shop, staff, keyless).await;
    assert_eq!(
        (status.as_u16(), &parsed(&body)["code"]),
        (400, &json!("idempotency_key_required"))
    );
    // A refusal that changed nothing does not use its key up.
    assert_eq!(send(&shop, staff, refund(id, "early", "1.00")).await.0, 200);
    assert_eq!(shop.charges().await[&id].refunded, 3_100);
    shop.books_hold().await;
    let actions = ["payment.refund", "payment.refund", "payment.capture"];
    assert_eq!(audited(&shop, id).await, actions, "neither what was refused nor what was repeated");
}

/// What the audit log has of a payment, the newest first.
async fn audited(shop: &Shop, id: PaymentId) -> Vec<String> {
    let told = history(&shop.db, id.uuid(), None, 100).await.unwrap();
    told.into_iter().map(|entry| entry.action).collect()
}

async fn what_the_processor_refuses_is_in_the_audit_log(db: Db) {
    let shop = open(db).await;
    let (_, id) = shop.captured(10_000).await;
    assert_eq!(audited(&shop, id).await, [""; 0], "the shop captured it by itself");
    // Somebody gave it back in the processor's own pages.
    let charge = shop.charges().await[&id].id.clone();
    shop.sandbox.refund("elsewhere", &charge, euros(10_000)).await.unwrap();
    assert_eq!(send(&shop, Some(Role::Staff), refund(id, "late", "10.00")).await.0, 409);
    let told = history(&shop.db, id.uuid(), None, 100).await.unwrap();
    let actions: Vec<&str> = told.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["payment.refund_refused", "payment.refund"]);
    assert_eq!(told[0].actor_kind, Some(ActorKind::Shop));
    for entry in &told {
        let amount = &entry.after.as_ref().unwrap()["amount"];
        assert_eq!(amount, &json!({"amount": "10.00", "currency": "EUR"}), "{entry:?}");
    }
}

async fn an_answer_of_a_lost_refund_is_stored_when_it_is_known(db: Db) {
    let shop = open(db).await;
    let (_, id) = shop.captured(10_000).await;
    let staff = Some(Role::Staff);
    // The sandbox does it and its answer is lost.
    assert_eq!(send(&shop, staff, refund(id, "lost", "10.51")).await.0, 503);
    let (status, body) = send(&shop, staff, refund(id, "lost", "10.51")).await;
    assert_eq!((status.as_u16(), &parsed(&body)["refunded"]["amount"]), (200, &json!("10.51")));
    assert_eq!(send(&shop, staff, refund(id, "again", "20.51")).await.0, 503);
    shop.payments.resolve().await.unwrap();
    assert_eq!(send(&shop, staff, refund(id, "again", "20.51")).await.0, 200);
    assert_eq!(shop.charges().await[&id].refunded, 1_051 + 2_051);
    shop.books_hold().await;
}

async fn a_challenge_is_answered_once(db: Db) {
    let shop = open(db).await;
    for (outcome, late, status) in
        [("approve", "decline", "authorized"), ("decline", "approve", "declined")]
    {
        let request = shop.ask(OrderId::new(), 1_000, CHALLENGE).await;
        let answer = shop.payments.authorize(request.clone()).await.unwrap();
        let Authorization::ActionRequired { payment_id, url, .. } = answer else { panic!() };
        let (code, page) = send(&shop, None, TestRequest::get().uri(&url)).await;
        assert!(code == 200 && page.contains("value=\"approve\""), "{page}");
        let form = TestRequest::post().uri(&url).set_form([("outcome", outcome)]);
        assert_eq!(send(&shop, None, form).await.0, 200);
        let told = shop.told(payment_id).await;
        for repeated in [outcome, late] {
            let post = TestRequest::post().uri(&url).set_json(json!({"outcome": repeated}));
            let (code, body) = send(&shop, None, post).await;
            assert_eq!((code.as_u16(), &parsed(&body)["status"]), (200, &json!(status)));
        }
        assert_eq!(told.len(), 2);
        assert_eq!(shop.told(payment_id).await, told);
        let stands = shop.payments.authorize(request).await;
        assert_eq!(stands.is_ok(), status == "authorized", "{stands:?}");
        let wrong = TestRequest::post().uri(&url).set_form([("outcome", "perhaps")]);
        assert_eq!(send(&shop, None, wrong).await.0, 422);
    }
    shop.books_hold().await;
}

async fn a_shopper_who_authenticated_keeps_the_payment(db: Db) {
    let mut short = settings();
    short.challenge_wait_s = 0;
    let shop = open_with(db, short).await;
    for round in 0..30 {
        let request = shop.ask(OrderId::new(), 1_000, CHALLENGE).await;
        let order = request.order_id;
        let answer = shop.payments.authorize(request).await.unwrap();
        let Authorization::ActionRequired { url, .. } = answer else { panic!() };
        let post = TestRequest::post().uri(&url).set_json(json!({"outcome": "approve"}));
        let payments = shop.payments.clone();
        let resolve = tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_micros(200 * round)).await;
            payments.resolve().await.unwrap();
        });
        let (_, body) = send(&shop, None, post).await;
        resolve.await.unwrap();
        shop.payments.resolve().await.unwrap();
        let told = parsed(&body)["status"].as_str().unwrap().to_owned();
        let now = shop.status(order).await;
        assert!(
            told == now
                || (["voiding", "reversing"].contains(&told.as_str())
                    && matches!(now, "voided" | "expired")),
            "{told} {now}"
        );
    }
    shop.books_hold().await;
}

async fn a_key_stays_used_after_its_answer_was_forgotten(db: Db) {
    let shop = open(db).await;
    let (_, id) = shop.captured(10_000).await;
    let staff = Some(Role::Staff);
    assert_eq!(send(&shop, staff, refund(id, "old", "10.00")).await.0, 200);
    let later = shop.db.clock().now() + chrono::TimeDelta::days(31);
    assert_eq!(platform::idempotency::forget_old(&shop.db, later).await.unwrap(), 1);
    let (status, body) = send(&shop, staff, refund(id, "old", "10.00")).await;
    assert_eq!((status.as_u16(), &parsed(&body)["code"]), (422, &json!("idempotency_key_reused")));
    assert_eq!(shop.charges().await[&id].refunded, 1_000);
    shop.books_hold().await;
}
