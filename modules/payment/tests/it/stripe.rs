//! The sandbox as Stripe's API over a real socket, and the adapter that talks to it.

use std::sync::Arc;

use actix_web::test::TestRequest;
use actix_web::{App, HttpServer, dev::ServerHandle};
use chrono::TimeDelta;
use kernel::Clock;
use kernel::id::{OrderId, PaymentId};
use kernel::ports::{Authorization, Payments as _};
use payment::sandbox::http::{Face, FaceSettings, routes};
use payment::stripe::{Settings, Stripe};
use payment::{Charge, NewCharge, Outcome, Processor as _};
use platform::audit;
use platform::sql::{Db, Sql};
use serde_json::{Value, json};

use crate::http::send;
use crate::shop::{APPROVED, CHALLENGE, Shop, euros, fee, open, open_with};

platform::on_both_engines!(payment::SCHEMA =>
    a_key_is_answered_as_stripe_documents_it,
    a_key_under_way_is_in_use,
    a_wrong_key_or_parameter_is_refused,
    an_old_payment_is_looked_for_and_not_made_again,
    a_refund_is_not_made_again_when_stripe_has_forgotten_its_key,
    a_payment_goes_through_stripe_to_its_end,
    a_shopper_who_authenticated_keeps_the_payment_though_nobody_told,
    only_what_stripe_signed_is_heard,
    commands_that_fail_or_come_too_late_are_finished,
    what_moved_is_told_as_balance_transactions,
);

pub const API_KEY: &str = "sk_test_of_this_test";
const SECRET: &str = "whsec_of_this_test";
const INTENTS: Sql = Sql::new("select count(*) from intent");
/// What makes the processor forget its keys: answers go, and what was done stays under another name.
const FORGET: [Sql; 3] = [
    Sql::new("delete from request"),
    Sql::new("update operation set key = key || '-forgotten'"),
    Sql::new("update refund set key = key || '-forgotten'"),
];
const KEPT: Sql = Sql::new("select kind, state from processor_event order by id");

/// The sandbox behind a socket, and the adapter that calls it.
pub struct Socket {
    pub stripe: Arc<Stripe>,
    pub base: String,
    http: reqwest::Client,
    handle: ServerHandle,
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Whoever waits for a server that has gone waits in vain.
        drop(self.handle.stop(false));
    }
}

pub fn settings(base_url: &str) -> Settings {
    Settings {
        base_url: base_url.to_owned(),
        secret_key: API_KEY.to_owned().into(),
        secret_key_file: std::path::PathBuf::new(),
        webhook_secret: format!("whsec_of_before,{SECRET}").into(),
        webhook_secret_file: std::path::PathBuf::new(),
        return_url: "https://shop.example/paid".to_owned(),
    }
}

pub fn over_http(shop: &Shop) -> Socket {
    failing_over_http(shop, 0, 0)
}

fn failing_over_http(shop: &Shop, errors_percent: u64, timeouts_percent: u64) -> Socket {
    let told = FaceSettings { api_key: API_KEY.to_owned(), errors_percent, timeouts_percent };
    let face = Arc::new(Face::new((*shop.sandbox).clone(), told));
    let served = face.clone();
    let http = HttpServer::new(move || App::new().configure(|config| routes(&served, config)))
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
    let base = format!("http://{}", http.addrs()[0]);
    face.serve(&base);
    let server = http.run();
    let handle = server.handle();
    tokio::spawn(server);
    let stripe = Arc::new(Stripe::new(&settings(&base), Clock::system()).unwrap());
    let wait = std::time::Duration::from_secs(30);
    let http = reqwest::Client::builder().timeout(wait).build().unwrap();
    Socket { stripe, base, http, handle }
}

impl Socket {
    /// What somebody with curl is answered: the status, whether it is a replay, and the body.
    pub async fn post(&self, key: &str, path: &str, form: &str) -> (u16, bool, Value) {
        let request = self
            .http
            .post(format!("{}/v1/{path}", self.base))
            .header("authorization", format!("Bearer {API_KEY}"))
            .header("idempotency-key", key)
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(form.to_owned()).send().await.unwrap();
        let is_replayed = answer.headers().contains_key("idempotent-replayed");
        (answer.status().as_u16(), is_replayed, answer.json().await.unwrap())
    }

    pub async fn get(&self, path: &str) -> Value {
        let request =
            self.http.get(format!("{}/v1/{path}", self.base)).basic_auth(API_KEY, Some(""));
        request.send().await.unwrap().json().await.unwrap()
    }

    /// The shopper's answer on the page of a challenge.
    pub async fn answer(&self, url: &str, approve: bool) {
        let page = self.http.get(url).send().await.unwrap().text().await.unwrap();
        assert!(page.contains("is this payment of"), "{page}");
        let word = if approve { "approve" } else { "decline" };
        let page = self.http.post(url).body(format!("outcome={word}")).send().await.unwrap();
        let page = page.text().await.unwrap();
        assert!(page.contains("href=\"https://shop.example/paid\""), "{page}");
    }
}

pub const INTENT: &str = "amount=1000&currency=eur&capture_method=manual&confirm=true\
                      &payment_method_types[]=card&payment_method=pm_card_visa";

async fn a_key_is_answered_as_stripe_documents_it(db: Db) {
    let shop = open(db).await;
    let socket = over_http(&shop);
    let (status, is_replayed, first) = socket.post("k", "payment_intents", INTENT).await;
    assert_eq!((status, is_replayed, &first["status"]), (200, false, &json!("requires_capture")));
    let (status, is_replayed, again) = socket.post("k", "payment_intents", INTENT).await;
    assert_eq!((status, is_replayed), (200, true));
    assert_eq!(again, first);
    let other = INTENT.replace("1000", "1001");
    let (status, _, refused) = socket.post("k", "payment_intents", &other).await;
    assert_eq!((status, &refused["error"]["type"]), (400, &json!("idempotency_error")));
    // A card's refusal is an answer like any other.
    let declined = INTENT.replace("pm_card_visa", "pm_card_chargeDeclined");
    let (status, _, refused) = socket.post("d", "payment_intents", &declined).await;
    let error = &refused["error"];
    assert_eq!(
        (status, &error["type"], &error["code"], &error["decline_code"]),
        (402, &json!("card_error"), &json!("card_declined"), &json!("generic_decline"))
    );
    assert_eq!(error["payment_intent"]["status"], "requires_payment_method");
    assert_eq!(socket.post("d", "payment_intents", &declined).await, (402, true, refused));
    let (count,): (i64,) = shop.books.query(INTENTS).one().await.unwrap();
    assert_eq!(count, 2);
    // What is not confirmed at once is confirmed later.
    let later = INTENT.replace("confirm=true", "confirm=false");
    let (_, _, made) = socket.post("l", "payment_intents", &later).await;
    assert_eq!(made["status"], "requires_confirmation");
    let path = format!("payment_intents/{}/confirm", made["id"].as_str().unwrap());
    assert_eq!(socket.post("m", &path, "").await.2["status"], "requires_capture");
    assert_eq!(socket.post("n", &path, "").await.0, 400, "it is confirmed");
}

async fn a_key_under_way_is_in_use(db: Db) {
    let mut slow = crate::shop::settings();
    slow.sandbox.latency_ms = 5_000;
    let shop = open_with(db, slow).await;
    let socket = over_http(&shop);
    let both = || socket.post("k", "payment_intents", INTENT);
    let (one, two) = futures_util::future::join(both(), both()).await;
    let mut statuses = [one.0, two.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(both().await.0, 200);
}

async fn a_wrong_key_or_parameter_is_refused(db: Db) {
    let shop = open(db).await;
    let socket = over_http(&shop);
    for (more, code) in [
        ("&ammount=1", "parameter_unknown"),
        ("&payment_method=pm_nobody", "resource_missing"),
        ("&capture_method=automatic", "parameter_invalid"),
        ("&amount=-1", "parameter_invalid"),
        ("&currency=", "parameter_missing"),
    ] {
        let (status, _, refused) =
            socket.post(code, "payment_intents", &format!("{INTENT}{more}")).await;
        assert_eq!((status, refused["error"]["code"].as_str().unwrap()), (400, code), "{more}");
    }
    let wrong =
        Settings { secret_key: "sk_test_wrong".to_owned().into(), ..settings(&socket.base) };
    let stripe = Stripe::new(&wrong, Clock::system()).unwrap();
    let error = stripe.charge("pi_x").await.unwrap_err();
    assert_eq!(error.source.to_string(), "Stripe answered 401");
    assert!(!format!("{error:?}").contains("sk_test_wrong"));
    // A card that Stripe's fields take in the shopper's browser.
    let card = format!(
        "type=card&card[number]={CHALLENGE}&card[exp_month]=12&card[exp_year]=2030&card[cvc]=123"
    );
    let (status, _, kept) = socket.post("card", "payment_methods", &card).await;
    assert_eq!((status, &kept["card"]["last4"]), (200, &json!("3184")));
    assert_eq!(socket.post("bad", "payment_methods", &card.replace("3184", "3185")).await.0, 400);
}

/// A payment of ten euros that was captured.
pub async fn captured(socket: &Socket) -> Charge {
    let (reference, token) = (PaymentId::new(), "pm_card_visa".to_owned());
    let new =
        NewCharge { reference, amount: euros(1_000), token, challenge: false, exemption: None };
    let outcome = socket.stripe.authorize("a", new).await.unwrap();
    let Outcome::Approved(charge) = outcome else { panic!("{outcome:?}") };
    socket.stripe.capture("c", &charge.id, euros(1_000)).await.unwrap();
    charge
}

async fn an_old_payment_is_looked_for_and_not_made_again(db: Db) {
    let shop = open(db).await;
    let socket = over_http(&shop);
    let (reference, token) = (PaymentId::new(), "pm_card_visa".to_owned());
    let new =
        NewCharge { reference, amount: euros(1_000), token, challenge: false, exemption: None };
    let made = socket.stripe.authorize("key", new.clone()).await.unwrap();
    // A day later Stripe may have forgotten the key: here it is asked about before it is sent.
    let (clock, hand) = Clock::fixed(Clock::system().now());
    let later = Stripe::new(&settings(&socket.base), clock).unwrap();
    hand.advance(TimeDelta::hours(24));
    assert_eq!(later.authorize("key", new).await.unwrap(), made);
    let (count,): (i64,) = shop.books.query(INTENTS).one().await.unwrap();
    assert_eq!(count, 1);
}

async fn a_refund_is_not_made_again_when_stripe_has_forgotten_its_key(db: Db) {
    let shop = open(db).await;
    let socket = over_http(&shop);
    let charge = captured(&socket).await;
    let refund = |key: &'static str| socket.stripe.refund(key, &charge.id, euros(400));
    let made = refund("r").await.unwrap();
    let mut tx = shop.books.begin("sandbox.forget").await.unwrap();
    for forget in FORGET {
        tx.query(forget).execute().await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(refund("r").await.unwrap(), made);
    let Outcome::Approved(charge) = refund("another").await.unwrap() else { panic!() };
    assert_eq!(charge.refunded, 800);
}

async fn a_payment_goes_through_stripe_to_its_end(db: Db) {
    let shop = open(db).await;
    let socket = over_http(&shop);
    let payments = shop.payments.clone().behind(socket.stripe.clone());
    let shop = Shop { payments, ..shop };
    let (order, id) = shop.captured(10_000).await;
    let back =
        send(&shop, Some(kernel::ports::Role::Staff), crate::http::refund(id, "r", "40.00")).await;
    assert_eq!(back.0.as_u16(), 200, "{}", back.1);
    assert_eq!(shop.status(order).await, "partially_refunded");
    // The challenge of another processor is not answered at the shop.
    let asked = OrderId::new();
    let outcome = shop.payments.authorize(shop.ask(asked, 1_000, CHALLENGE).await).await.unwrap();
    let Authorization::ActionRequired { payment_id, url, .. } = outcome else {
        panic!("{outcome:?}")
    };
    let here = format!("/v1/payments/{payment_id}/challenge");
    assert_eq!(send(&shop, None, TestRequest::get().uri(&here)).await.0, 404);
    let forged = TestRequest::post().uri(&here).set_json(json!({"outcome": "decline"}));
    assert_eq!(send(&shop, None, forged).await.0, 404);
    assert!(url.starts_with(&socket.base), "{url}");
    socket.answer(&url, true).await;
    shop.resolve(payment_id).await;
    assert_eq!(shop.status(asked).await, "authorized");
    shop.payments.cancel(asked).await.unwrap();
    assert_eq!(shop.status(asked).await, "voided");
    shop.books_hold().await;
}

async fn a_shopper_who_authenticated_keeps_the_payment_though_nobody_told(db: Db) {
    let mut short = crate::shop::settings();
    short.challenge_wait_s = 0;
    let shop = open_with(db, short).await;
    let socket = over_http(&shop);
    let payments = shop.payments.clone().behind(socket.stripe.clone());
    let shop = Shop { payments, ..shop };
    for (is_approved, end) in [(true, "authorized"), (false, "declined")] {
        let order = OrderId::new();
        let asked = shop.ask(order, 1_000, CHALLENGE).await;
        let outcome = shop.payments.authorize(asked).await.unwrap();
        let Authorization::ActionRequired { url, .. } = outcome else { panic!("{outcome:?}") };
        socket.answer(&url, is_approved).await;
        // Their time is over, and no webhook came.
        shop.payments.resolve().await.unwrap();
        assert_eq!(shop.status(order).await, end);
    }
    shop.books_hold().await;
}

async fn only_what_stripe_signed_is_heard(db: Db) {
    let shop = open(db).await;
    let socket = over_http(&shop);
    let payments = shop.payments.clone().behind(socket.stripe.clone());
    let shop = Shop { payments, ..shop };
    let (_, id) = shop.disputed().await;
    let charge = socket.stripe.charges(None, 1).await.unwrap().remove(0).id;
    let event = |id: &str, kind: &str, object: Value| {
        json!({"id": id, "object": "event", "type": kind, "data": {"object": object}}).to_string()
    };
    let dispute = json!({"id": "dp_1", "object": "dispute", "payment_intent": charge});
    let opened = event("evt_1", "charge.dispute.created", dispute);
    let now = shop.db.clock().now().timestamp();
    let call = |body: &str, at: i64, secret: &str| {
        let signed = signature(secret, at, body);
        TestRequest::post()
            .uri("/v1/webhooks/stripe")
            .insert_header(("stripe-signature", signed))
            .insert_header(("content-type", "application/json"))
            .set_payload(body.to_owned())
    };
    for forged in [call(&opened, now, "whsec_wrong"), call(&opened, now - 301, SECRET)] {
        assert_eq!(send(&shop, None, forged).await.0, 401);
    }
    let bare = TestRequest::post().uri("/v1/webhooks/stripe").set_json(json!({}));
    assert_eq!(send(&shop, None, bare).await.0, 401);
    let sandbox = TestRequest::post().uri("/v1/webhooks/sandbox").set_json(json!({}));
    assert_eq!(send(&shop, None, sandbox).await.0, 404);
    let noted =
        audit::history(&shop.db, audit::named("processor", "stripe"), None, 10).await.unwrap();
    assert_eq!(noted.len(), 1);
    for secret in [SECRET, "whsec_of_before"] {
        assert_eq!(send(&shop, None, call(&opened, now, secret)).await.0, 204, "{secret}");
    }
    // What is about no payment of the shop is let pass, and what says nothing is refused.
    let others = json!({"id": "po_1", "object": "payout"});
    let payout = call(&event("evt_2", "payout.paid", others), now, SECRET);
    assert_eq!(send(&shop, None, payout).await.0, 204);
    assert_eq!(send(&shop, None, call("{}", now, SECRET)).await.0, 422);
    // A refund that came to nothing days later is for the staff to see to.
    let refund = json!({"id": "re_1", "object": "refund", "payment_intent": charge});
    let failed = call(&event("evt_3", "refund.failed", refund), now, SECRET);
    assert_eq!(send(&shop, None, failed).await.0, 204);
    shop.payments.hear().await.unwrap();
    let kept: Vec<(String, String)> = shop.db.query(KEPT).all().await.unwrap();
    let ended = [("dispute.opened", "applied"), ("refund.failed", "stuck")];
    assert_eq!(kept, ended.map(|(kind, state)| (kind.to_owned(), state.to_owned())));
    let told = shop.told(id).await;
    assert_eq!(told.last().unwrap(), "payment.disputed");
}

/// A signature by the rules of Stripe's documentation, and none of the house's code.
fn signature(secret: &str, at: i64, body: &str) -> String {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{at}.{body}").as_bytes());
    format!("t={at},v1={},v0=00", hex::encode(mac.finalize().into_bytes()))
}

async fn commands_that_fail_or_come_too_late_are_finished(db: Db) {
    let shop = open(db).await;
    let socket = failing_over_http(&shop, 40, 40);
    let payments = shop.payments.clone().behind(socket.stripe.clone());
    let shop = Shop { payments, ..shop };
    let mut orders = Vec::new();
    for n in 0..12 {
        let order = OrderId::new();
        // Its outcome may be unknown now.
        let _ = shop.payments.authorize(shop.ask(order, 1_000 + n, APPROVED).await).await;
        orders.push(order);
    }
    for _ in 0..60 {
        shop.payments.resolve().await.unwrap();
    }
    for order in orders {
        assert_eq!(shop.status(order).await, "authorized");
    }
    let (count,): (i64,) = shop.books.query(INTENTS).one().await.unwrap();
    assert_eq!(count, 12, "nothing is charged twice");
    shop.books_hold().await;
}

async fn what_moved_is_told_as_balance_transactions(db: Db) {
    let shop = open(db).await;
    let socket = over_http(&shop);
    let charge = captured(&socket).await;
    socket.stripe.refund("r", &charge.id, euros(400)).await.unwrap();
    let told = socket.get("balance_transactions?limit=1").await;
    let newest = &told["data"][0];
    assert_eq!((&newest["type"], &newest["net"]), (&json!("refund"), &json!(-400)));
    assert_eq!(told["has_more"], true);
    let id = newest["id"].as_str().unwrap();
    let told = socket.get(&format!("balance_transactions?starting_after={id}")).await;
    assert_eq!(
        (&told["data"][0]["net"], &told["has_more"]),
        (&json!(1_000 - fee(1_000)), &json!(false))
    );
}
