//! The gate that every request passes.

use std::cell::Cell;
use std::io::Write;
use std::process::Output;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use crate::support::raw::{connect, until_closed};
use crate::support::{Answer, Customer, Engine, Shop, WAIT_MAX, on_both_engines, product};

on_both_engines![nobody_passes_without_what_the_route_asks_for];

/// More requests than a shop has threads to answer them.
const AT_ONCE: usize = 64;
/// An id of nothing.
const NOBODY: &str = "019abf3e-5f0e-7c0c-8a44-9f6a3d1c2b10";

/// Every endpoint of the program, as `stoa routes` lists it: method, path, access.
fn endpoints(shop: &Shop) -> Vec<(String, String, String)> {
    let Output { stdout, status, .. } = shop.run(&["routes"]);
    assert!(status.success());
    let text = String::from_utf8(stdout).unwrap();
    let lines = text.lines().map(|line| {
        let mut words = line.split_whitespace().map(str::to_owned);
        (words.next().unwrap(), words.next().unwrap(), words.next().unwrap())
    });
    lines.collect()
}

/// The path with an id of nothing in the place of each name.
fn filled(path: &str) -> String {
    let fill = |part: &str| if part.starts_with('{') { NOBODY } else { part }.to_owned();
    path.split('/').map(fill).collect::<Vec<_>>().join("/")
}

async fn nobody_passes_without_what_the_route_asks_for(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let (anyone, guest) = (Customer::anyone(&shop), Customer::guest(&shop).await);
    let staff = shop.staff().await;
    let beyond_staff = ["roles.write", "keys.write", "settings.write"];
    let endpoints = endpoints(&shop);
    assert!(endpoints.len() > 80, "{}", endpoints.len());
    for (method, path, access) in endpoints {
        let call = async |who: &Customer| {
            let answer = who.call(&method, &filled(&path)).await;
            assert!(answer.status < 500, "{method} {path}: {answer:?}");
            (answer.status, answer.body["code"].as_str().unwrap_or_default().to_owned())
        };
        // These have a token of their own, in a cookie, and refuse by the same word.
        let by_cookie = ["/v1/auth/refresh", "/v1/auth/logout"].contains(&path.as_str());
        let (nobody, forged) = (call(&anyone).await, call(&anyone.with("forged")).await);
        let refused = (401, "unauthenticated".to_owned());
        let is_shut = access != "optional" || by_cookie;
        assert_eq!(nobody == refused, is_shut, "{method} {path}: {nobody:?}");
        assert_eq!(forged, refused, "{method} {path}");
        let forbidden = (403, "forbidden".to_owned());
        let for_staff = access.contains('.');
        if path.starts_with("/v1/auth/") {
            // These are about the caller's own account, and some of them end the session.
            continue;
        }
        assert_eq!(call(&guest).await == forbidden, for_staff, "{method} {path}");
        let is_beyond = beyond_staff.contains(&access.as_str());
        assert_eq!(call(&staff).await == forbidden, is_beyond, "{method} {path}");
    }
    for (who, name) in [(&guest, "the guest"), (&staff, "the staff")] {
        assert_eq!(who.get("/v1/auth/me").await.status, 200, "{name} was known to the end");
    }
    for folder in ["/media/", "/media/x/", "/docs/../"] {
        let mut stream = connect(&shop);
        let ask = format!("GET {folder} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(ask.as_bytes()).unwrap();
        let told = String::from_utf8(until_closed(&mut stream)).unwrap();
        assert!(told.starts_with("HTTP/1.1 40"), "{folder}: {told}");
    }
}

/// The shop on the embedded engines: what is tried here does not touch a database.
fn shop() -> Shop {
    Shop::new(Engine::Sqlite, &[product("LAMP-1", "20.00", 5)]).unwrap()
}

#[test]
fn every_endpoint_has_the_access_that_was_decided() {
    let Output { stdout, .. } = shop().run(&["routes"]);
    insta::assert_snapshot!(String::from_utf8(stdout).unwrap());
}

#[tokio::test]
async fn whoever_comes_too_often_is_told_when_to_come_again() {
    let mut shop = shop();
    shop.start(&[("STOA__EDGE__THROTTLE", "true")]);
    let anyone = Customer::anyone(&shop);
    let card = json!({});
    let all = join_all((0..200).map(|_| anyone.post("/v1/payment-tokens", &card))).await;
    let (passed, refused): (Vec<Answer>, Vec<Answer>) =
        all.into_iter().partition(|answer| answer.status != 429);
    assert!(passed.len() >= 20 && !refused.is_empty(), "{} passed", passed.len());
    for answer in &passed {
        assert_eq!(answer.status, 401);
        assert_eq!(answer.headers["ratelimit-policy"], "\"route\";q=20;w=1");
        assert!(!answer.headers.contains_key("retry-after"));
    }
    for answer in &refused {
        assert_eq!(answer.body["code"], "too_many_requests");
        assert_eq!(answer.headers["retry-after"], "1");
        assert_eq!(answer.headers["ratelimit"], "\"route\";r=0;t=1");
    }
    assert_eq!(
        anyone.get("/v1/products").await.status,
        200,
        "another route has a limit of its own"
    );
}

#[tokio::test]
async fn a_key_comes_as_often_as_it_was_made_for() {
    let mut shop = shop();
    shop.start(&[]);
    let admin = shop.admin().await;
    let key = json!({"name": "scanner", "permissions": ["stock.read"], "rate_per_s": 5});
    let made = admin.post("/v1/admin/api-keys", &key).await;
    assert_eq!(made.status, 201, "{made:?}");
    let scanner = admin.with(made.body["key"].as_str().unwrap());
    let path = format!("/v1/admin/stock/{NOBODY}");
    let all = join_all((0..100).map(|_| scanner.get(&path))).await;
    let refused: Vec<&Answer> = all.iter().filter(|answer| answer.status == 429).collect();
    assert!(!refused.is_empty() && refused.len() <= 95, "{} refused", refused.len());
    assert_eq!(refused[0].body["code"], "too_many_requests");
    assert_eq!(refused[0].headers["ratelimit-policy"], "\"key\";q=5;w=1");
    assert!(refused[0].headers.contains_key("retry-after"));
}

#[tokio::test]
async fn a_shop_that_is_full_says_so_at_once() {
    let mut shop = shop();
    shop.start(&[("STOA__EDGE__IN_FLIGHT_MAX", "0")]);
    let answer = Customer::anyone(&shop).get("/v1/products").await;
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("overloaded")), "{answer:?}");
    assert_eq!(answer.headers["retry-after"], "1");
}

#[tokio::test]
async fn a_shop_that_is_asked_for_too_much_refuses_some_and_recovers() {
    let mut shop = shop();
    // Else it depends on the machine whether the shop or this test is the slower one.
    shop.start(&[("STOA__EDGE__QUEUE_TARGET_MS", "1"), ("STOA_FAULT", "slow:request")]);
    let anyone = Customer::anyone(&shop);
    let began = Instant::now();
    let is_answered = async || {
        let answer = anyone.get("/v1/products").await;
        assert!(matches!(answer.status, 200 | 503), "{answer:?}");
        if answer.status == 503 {
            assert_eq!(answer.body["code"], "overloaded");
            assert_eq!(answer.headers["retry-after"], "1");
        }
        answer.status == 200
    };
    let (answered, refused) = (Cell::new(0), Cell::new(0));
    // Each asks again as soon as it is answered: a queue stands all the time.
    join_all((0..AT_ONCE).map(|_| async {
        while answered.get() == 0 || refused.get() == 0 {
            let count = if is_answered().await { &answered } else { &refused };
            count.update(|count| count + 1);
            assert!(began.elapsed() < WAIT_MAX, "{answered:?} answered, {refused:?} refused");
        }
    }))
    .await;
    while !is_answered().await {
        assert!(began.elapsed() < WAIT_MAX, "it never recovered");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_is_for_everybody_may_be_kept_and_nothing_else() {
    let mut shop = shop();
    shop.start(&[]);
    let guest = Customer::guest(&shop).await;
    let kept = "public, max-age=60, stale-while-revalidate=3600";
    for (path, status, control) in [
        ("/v1/products/LAMP-1", 200, kept),
        ("/v1/products", 200, kept),
        ("/v1/categories", 200, kept),
        ("/v1/cart", 200, "no-store"),
        ("/v1/products/NONE", 404, "no-store"),
        ("/v1/orders", 200, "no-store"),
        ("/v1/nothing", 404, "no-store"),
    ] {
        let answer = guest.get(path).await;
        let told = answer.headers["cache-control"].to_str().unwrap();
        assert_eq!((answer.status, told), (status, control), "{path}");
    }
    shop.stop();

    let file = shop.folder.join("own.toml");
    let settings = include_str!("../../config/default.toml");
    let settings = settings.replace("cache = { max_age_s = 60, stale_s = 3600 }\n", "");
    std::fs::write(&file, settings).unwrap();
    shop.start(&[("STOA_CONFIG", file.to_str().unwrap())]);
    let answer = guest.at(&shop).get("/v1/products/LAMP-1").await;
    assert_eq!(answer.headers["cache-control"], "public, no-cache");
}

#[tokio::test]
async fn a_body_is_as_long_as_its_route_allows() {
    let mut shop = shop();
    shop.start(&[]);
    let anyone = Customer::anyone(&shop);
    let long = json!({"email": "ada@example.com", "password": "x".repeat(20_000)});
    let answer = anyone.post("/v1/auth/login", &long).await;
    assert_eq!((answer.status, &answer.body["code"]), (413, &json!("body_too_large")));
}

#[tokio::test]
async fn browsers_are_told_what_an_answer_may_do() {
    let mut shop = shop();
    shop.start(&[]);
    let anyone = Customer::anyone(&shop);
    for path in ["/v1/products", "/v1/nothing", "/v1/cart", "/docs/"] {
        let headers = anyone.get(path).await.headers;
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        assert!(!headers.contains_key("strict-transport-security"), "{path}: not over plain HTTP");
        let content = headers["content-security-policy"].to_str().unwrap();
        for directive in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(content.split("; ").any(|part| part == directive), "{path}: {content}");
        }
    }
}

#[tokio::test]
async fn a_proxy_that_encrypts_has_it_stay_so() {
    let mut shop = shop();
    for (proxies, believed) in [("127.0.0.0/8", true), ("10.0.0.0/8", false)] {
        shop.start(&[("STOA__EDGE__TRUSTED_PROXIES", proxies)]);
        let encrypted = [("x-forwarded-proto", "https")];
        let answer = Customer::anyone(&shop).call_with("GET", "/v1/products", &encrypted).await;
        let told = answer.headers.get("strict-transport-security");
        assert_eq!(told.is_some(), believed, "{proxies}: {told:?}");
        shop.stop();
    }
}

#[tokio::test]
async fn a_request_is_known_by_its_trace() {
    let mut shop = shop();
    shop.start(&[]);
    let anyone = Customer::anyone(&shop);
    let trace = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let id = async |headers: &[(&'static str, &str)]| {
        let answer = anyone.call_with("GET", "/v1/nothing", headers).await;
        let told = answer.headers["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(answer.body["request_id"], told);
        told
    };
    assert_eq!(id(&[trace]).await, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(id(&[trace, ("x-request-id", "mine")]).await, "mine");
    assert_eq!(id(&[("x-request-id", "<b>")]).await.len(), 36, "no id is taken over that is none");
}

#[tokio::test]
async fn pages_of_known_origins_may_read_answers() {
    let mut shop = shop();
    shop.start(&[
        ("STOA__EDGE__CORS__ORIGINS", "https://shop.example,http://localhost:3000"),
        ("STOA__EDGE__CORS__CREDENTIALS", "true"),
    ]);
    let anyone = Customer::anyone(&shop);
    let ours = ("origin", "https://shop.example");
    let asks = ("access-control-request-method", "POST");
    let told = anyone.call_with("OPTIONS", "/v1/cart/lines", &[ours, asks]).await;
    assert_eq!(told.status, 204);
    assert_eq!(told.headers["access-control-allow-origin"], ours.1);
    assert_eq!(told.headers["access-control-max-age"], "600");
    let allowed = told.headers["access-control-allow-headers"].to_str().unwrap();
    assert!(allowed.contains("authorization") && allowed.contains("idempotency-key"), "{allowed}");

    for path in ["/v1/products", "/v1/cart"] {
        let read = anyone.call_with("GET", path, &[ours]).await;
        assert_eq!(read.headers["access-control-allow-origin"], ours.1, "{path}");
        assert_eq!(read.headers["access-control-allow-credentials"], "true");
        assert!(read.headers.get_all("vary").iter().any(|vary| vary == "origin"));
    }
    for other in ["https://evil.example", "https://shop.example.evil.example", "null"] {
        let foreign = ("origin", other);
        let told = anyone.call_with("OPTIONS", "/v1/cart/lines", &[foreign, asks]).await;
        assert_ne!(told.status, 204, "{other}");
        let read = anyone.call_with("GET", "/v1/products", &[foreign]).await;
        assert!(!read.headers.contains_key("access-control-allow-origin"), "{other}");
        assert!(read.headers.get_all("vary").iter().any(|vary| vary == "origin"));
    }

    // A page of a trusted origin changes something by its cookie, and still needs the token.
    let login = anyone.post("/v1/auth/guest", &json!({})).await;
    let cookie = login.headers.get_all("set-cookie").iter().find_map(|cookie| {
        let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
        cookie.contains("stoa_session=").then(|| cookie.to_owned())
    });
    let cookie = ("cookie", cookie.unwrap());
    let token = ("x-csrf-token", login.body["csrf_token"].as_str().unwrap());
    let change = async |headers: &[(&'static str, &str)]| {
        let sent = [headers, &[(cookie.0, cookie.1.as_str())]].concat();
        anyone.call_with("DELETE", &format!("/v1/cart/lines/{NOBODY}"), &sent).await.status
    };
    assert_eq!(change(&[ours, token]).await, 404, "there is no such line");
    assert_eq!(change(&[ours]).await, 403);
    assert_eq!(change(&[("origin", "https://evil.example"), token]).await, 403);
}

#[test]
fn an_origin_that_is_none_refuses_the_start() {
    let mut shop = shop();
    shop.set("STOA__EDGE__CORS__ORIGINS", "*");
    let Output { status, stderr, .. } = shop.run(&["serve"]);
    let said = String::from_utf8(stderr).unwrap();
    assert!(!status.success() && said.contains("edge.cors.origins: \"*\""), "{said}");
}

#[tokio::test]
async fn an_answer_that_comes_too_late_has_all_headers() {
    let mut shop = shop();
    let file = shop.folder.join("own.toml");
    let settings = include_str!("../../config/default.toml");
    let hurried = "prefix = \"/v1/auth\"\ntimeout_ms = 1\n";
    let settings = settings.replacen("prefix = \"/v1/auth\"\n", hurried, 1);
    std::fs::write(&file, settings).unwrap();
    shop.set("STOA_CONFIG", file.to_str().unwrap());
    shop.set("STOA__AUTH__ARGON2_MEMORY_KIB", "65536");
    shop.start(&[("STOA__EDGE__CORS__ORIGINS", "https://shop.example")]);
    let ada = json!({"email": "ada@example.com", "password": "correct horse battery"});
    let anyone = Customer::anyone(&shop);
    let answer = anyone.post("/v1/auth/login", &ada).await;
    assert_eq!((answer.status, &answer.body["code"]), (504, &json!("timeout")), "{answer:?}");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert_eq!(answer.headers["x-request-id"], answer.body["request_id"].as_str().unwrap());
    assert_eq!(answer.headers["vary"], "origin");
    let figures = anyone.on_ops(&shop).get("/metrics").await.text;
    let counted = "method=\"POST\",route=\"/v1/auth/login\",status=\"504\"} 1";
    assert!(figures.contains(counted), "{figures}");
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let mut shop = shop();
    shop.start(&[]);
    let anyone = Customer::anyone(&shop);
    let get = anyone.get("/v1/products/LAMP-1").await;
    let head = anyone.call("HEAD", "/v1/products/LAMP-1").await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    for name in ["etag", "content-length", "cache-control", "content-type"] {
        assert_eq!(head.headers[name], get.headers[name], "{name}");
    }
    assert_eq!(anyone.call("HEAD", "/v1/products/NONE").await.status, 404);
}

#[test]
fn a_table_that_forgets_an_endpoint_refuses_the_start() {
    let shop = shop();
    let file = shop.folder.join("own.toml");
    let routes = "[[edge.routes]]\nprefix = \"/v1/products\"\naccess = \"optional\"\n";
    std::fs::write(&file, routes).unwrap();
    let Output { status, stderr, .. } = shop.run(&["--config", file.to_str().unwrap(), "serve"]);
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("edge.routes: no route is for"), "{said}");
}
