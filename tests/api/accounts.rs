//! People: what a guest gathered, letters, keys.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    APPROVED, Answer, CHALLENGED, Customer, DECLINED, Engine, Shop, WAIT_MAX, id_of,
    on_both_engines, product,
};

on_both_engines![
    a_guests_cart_goes_into_the_account,
    a_cart_that_is_being_ordered_is_waited_for,
    what_a_guest_ordered_is_the_accounts,
    a_guest_who_logs_in_while_an_order_fails_has_the_cart,
    a_letter_is_in_the_folder_and_not_in_the_log,
    keys_are_rotated_beside_a_server,
    nobody_learns_from_an_answer_who_has_an_account,
];

const PASSWORD: &str = "correct horse battery";

fn ada() -> Value {
    json!({"email": "ada@example.com", "password": PASSWORD})
}

async fn register(shop: &Shop) {
    let mut body = ada();
    body["name"] = json!("Ada");
    let answer = Customer::anyone(shop).post("/v1/auth/register", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

/// What is in a cart: quantities by product.
async fn cart(customer: &Customer) -> Vec<(String, i64)> {
    let answer = customer.get("/v1/cart").await;
    let lines = answer.body["lines"].as_array().unwrap_or_else(|| panic!("{answer:?}"));
    let line = |line: &Value| {
        (line["product_id"].as_str().unwrap().to_owned(), line["quantity"].as_i64().unwrap())
    };
    let mut lines: Vec<_> = lines.iter().map(line).collect();
    lines.sort_unstable();
    lines
}

async fn until_cart_is(customer: &Customer, wanted: &[(&str, i64)]) {
    let mut wanted: Vec<(String, i64)> =
        wanted.iter().map(|(id, quantity)| ((*id).to_owned(), *quantity)).collect();
    wanted.sort_unstable();
    let began = Instant::now();
    loop {
        let now = cart(customer).await;
        if now == wanted {
            return;
        }
        assert!(began.elapsed() < WAIT_MAX, "{now:?} is not {wanted:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn a_guests_cart_goes_into_the_account(engine: Engine) {
    let products = [product("LAMP-1", "19.99", 50), product("DESK-1", "250.00", 20)];
    let Some(shop) = Shop::running(engine, &products) else { return };
    register(&shop).await;
    let account = Customer::anyone(&shop).log_in(&ada()).await.unwrap();
    let (lamp, desk) = (id_of(&account, "LAMP-1").await, id_of(&account, "DESK-1").await);
    account.fill_cart(&lamp, 2).await;
    let guest = Customer::guest(&shop).await;
    guest.fill_cart(&lamp, 3).await;
    guest.fill_cart(&desk, 1).await;

    // Many tabs log in at once, and the cart is taken over once.
    let body = ada();
    let tabs = join_all((0..8).map(|_| guest.log_in(&body))).await;
    let entered = tabs.into_iter().flatten().next().expect("a tab has logged in");
    until_cart_is(&entered, &[(&lamp, 5), (&desk, 1)]).await;
    assert_eq!(guest.get("/v1/cart").await.status, 401, "the guest is gone");

    // A second guest's cart comes on top, and a large one goes as far as a line does.
    let guest = Customer::guest(&shop).await;
    guest.fill_cart(&lamp, 9_999).await;
    guest.log_in(&body).await.unwrap();
    until_cart_is(&entered, &[(&lamp, 10_000), (&desk, 1)]).await;
    shop.settle();
}

async fn a_cart_that_is_being_ordered_is_waited_for(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 50)]) else { return };
    register(&shop).await;
    let account = Customer::anyone(&shop).log_in(&ada()).await.unwrap();
    let lamp = id_of(&account, "LAMP-1").await;
    for n in 0..5 {
        account.fill_cart(&lamp, 1).await;
        let guest = Customer::guest(&shop).await;
        guest.fill_cart(&lamp, 2).await;
        let card = account.card(APPROVED).await;
        let (key, body) = (format!("order {n}"), ada());
        let (order, login) = tokio::join!(account.order(&key, &card), guest.log_in(&body));
        assert!(login.is_ok());
        // Either the order has taken the guest's units too, or they are in the cart afterwards.
        assert_eq!(order.status, 201, "{order:?}");
        let bought = order.body["lines"][0]["quantity"].as_i64().unwrap();
        let left = 3 - bought;
        let wanted = [(lamp.as_str(), left)];
        until_cart_is(&account, if left == 0 { &[] } else { &wanted }).await;
        shop.settle();
        if left > 0 {
            let card = account.card(APPROVED).await;
            assert_eq!(account.order(&format!("rest {n}"), &card).await.status, 201);
        }
    }
}

async fn what_a_guest_ordered_is_the_accounts(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 50)]) else { return };
    register(&shop).await;
    let guest = Customer::guest(&shop).await;
    let lamp = id_of(&guest, "LAMP-1").await;
    guest.fill_cart(&lamp, 1).await;
    guest.order("plain", &guest.card(APPROVED).await).await;
    let plain = guest.get("/v1/orders").await.body["items"][0]["id"].clone();
    guest.until(plain.as_str().unwrap(), &["CONFIRMED"]).await;
    guest.fill_cart(&lamp, 2).await;
    let waiting = guest.order("waits", &guest.card(CHALLENGED).await).await.body["id"].clone();
    let waiting = guest.until(waiting.as_str().unwrap(), &["AWAITING_PAYMENT"]).await.body;
    let account = guest.log_in(&ada()).await.unwrap();
    shop.settle();
    let orders = account.get("/v1/orders").await.body["items"].clone();
    assert_eq!((&orders[0]["id"], &orders[1]["id"]), (&waiting["id"], &plain), "{orders}");
    // The bank says no: what was ordered is in the account's cart.
    let bank = format!("/v1/payments/{}/challenge", waiting["payment"]["id"].as_str().unwrap());
    assert_eq!(account.post(&bank, &json!({"outcome": "decline"})).await.status, 200);
    account.until(waiting["id"].as_str().unwrap(), &["FAILED"]).await;
    assert_eq!(cart(&account).await, [(lamp, 2)]);
    shop.settle();
}

/// The login comes at another moment of the checkout each time.
async fn a_guest_who_logs_in_while_an_order_fails_has_the_cart(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 500)]) else { return };
    shop.set("STOA__PAYMENT__SANDBOX__LATENCY_MS", "30");
    shop.start(&[]);
    register(&shop).await;
    let account = Customer::anyone(&shop).log_in(&ada()).await.unwrap();
    let lamp = id_of(&account, "LAMP-1").await;
    for round in 1..=20 {
        let guest = Customer::guest(&shop).await;
        guest.fill_cart(&lamp, 1).await;
        let card = guest.card(DECLINED).await;
        let body = ada();
        let login = async {
            tokio::time::sleep(Duration::from_millis(5 * round)).await;
            guest.log_in(&body).await
        };
        let (_, login) = tokio::join!(guest.order("order", &card), login);
        login.unwrap();
        let units = i64::try_from(round).unwrap();
        until_cart_is(&account, &[(&lamp, units)]).await;
    }
    shop.settle();
}

async fn a_letter_is_in_the_folder_and_not_in_the_log(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[]) else { return };
    shop.set("STOA__LOG__LEVEL", "trace");
    shop.start(&[]);
    register(&shop).await;
    let letter = shop.letter("Confirm");
    let token = letter.split_once("#token=").expect("a link").1.split_whitespace().next().unwrap();
    let anyone = Customer::anyone(&shop);
    let verified = anyone.post("/v1/auth/email/verify", &json!({"token": token})).await;
    assert_eq!(verified.status, 204, "{verified:?} {letter}");
    let account = anyone.log_in(&ada()).await.unwrap();
    assert_eq!(account.get("/v1/auth/me").await.body["email_verified"], true);
    shop.stop();
    let log = shop.log();
    assert!(log.contains("verify_email"), "its kind is logged");
    assert!(!log.contains(token) && !log.contains(PASSWORD) && !log.contains("ada@example.com"));
}

async fn keys_are_rotated_beside_a_server(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[]) else { return };
    let anyone = Customer::anyone(&shop);
    let published = async || {
        let keys = anyone.get("/.well-known/jwks.json").await;
        keys.body["keys"].as_array().unwrap().len()
    };
    assert_eq!(published().await, 1);
    let guest = Customer::guest(&shop).await;
    let rotated = shop.run(&["keys", "rotate"]);
    assert!(rotated.status.success(), "{rotated:?}");
    let began = Instant::now();
    while published().await < 2 {
        assert!(began.elapsed() < WAIT_MAX);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(guest.get("/v1/auth/me").await.status, 200, "older tokens stay good");
    assert_eq!(Customer::guest(&shop).await.get("/v1/auth/me").await.status, 200);
}

/// All that a client sees of an answer, but which request it was and when.
fn seen(answer: &Answer) -> (u16, Value, Vec<(String, String)>) {
    let mut body = answer.body.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("request_id");
    }
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in &answer.headers {
        if !matches!(name.as_str(), "x-request-id" | "date") {
            headers.push((name.to_string(), value.to_str().unwrap().to_owned()));
        }
    }
    headers.sort_unstable();
    (answer.status, body, headers)
}

async fn nobody_learns_from_an_answer_who_has_an_account(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[]) else { return };
    register(&shop).await;
    let anyone = Customer::anyone(&shop);
    for (path, password, status) in
        [("/v1/auth/login", Some("a wrong password"), 401), ("/v1/auth/password/reset", None, 202)]
    {
        let ask = |email: &str| {
            let mut body = json!({"email": email});
            if let Some(password) = password {
                body["password"] = json!(password);
            }
            let anyone = &anyone;
            async move { anyone.post(path, &body).await }
        };
        let known = ask("ada@example.com").await;
        assert_eq!(known.status, status, "{known:?}");
        let strange = ask("eve@example.com").await;
        assert_eq!(seen(&known), seen(&strange), "{path}");
    }
}

#[tokio::test]
async fn who_guesses_too_often_is_in_the_log() {
    let mut shop = Shop::new(Engine::Sqlite, &[]).unwrap();
    shop.start(&[("STOA__AUTH__ACCOUNT_FAILURES_MAX", "1"), ("STOA__LOG__LEVEL", "info")]);
    let anyone = Customer::anyone(&shop);
    let wrong = json!({"email": "ada@example.com", "password": "some other password"});
    assert_eq!(anyone.post("/v1/auth/login", &wrong).await.status, 401);
    let refused = anyone.post("/v1/auth/login", &wrong).await;
    assert_eq!(refused.status, 429, "{refused:?}");
    shop.stop();
    let log = shop.log();
    let line = log.lines().find(|line| line.contains("too_many_attempts")).expect(&log);
    let id = refused.body["request_id"].as_str().unwrap();
    for word in ["edge::refusals", "/v1/auth/login", "127.0.0.1", id] {
        assert!(line.contains(word), "{word}: {line}");
    }
}
