//! Header fields that say nothing, too much, or what is not so.

use serde_json::json;

use crate::support::{Answer, Customer, Engine, Shop, id_of, on_both_engines, order_body, product};

on_both_engines![
    a_version_is_named_once_and_as_it_was_answered,
    a_key_of_a_command_is_one_word,
    a_body_is_json_in_utf_8_as_it_is,
];

fn said(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

fn bytes<'v>(name: &'static str, all: &[&'v [u8]]) -> Vec<(&'static str, &'v [u8])> {
    all.iter().map(|value| (name, *value)).collect()
}

#[tokio::test]
async fn a_request_has_a_name_that_may_stand_in_a_log() {
    let mut shop = Shop::new(Engine::Sqlite, &[]).unwrap();
    shop.set("STOA__LOG__LEVEL", "info");
    shop.start(&[]);
    let anyone = Customer::anyone(&shop);
    let long = "a".repeat(65);
    let (good, other) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let trace = |text: String| vec![("traceparent", text.into_bytes())];
    let id = |text: &[u8]| vec![("x-request-id", text.to_vec())];
    let mut unlogged = Vec::new();
    for (name, headers) in [
        ("empty", id(b"")),
        ("a space", id(b"a b")),
        ("a tab", id(b"a\tb")),
        ("markup", id(b"<script>")),
        ("a line of a log", id(b"x\" level=error msg=\"owned")),
        ("a path", id(b"../../etc/passwd")),
        ("bytes", id(b"\xff\xfe")),
        ("a letter that is no ASCII", id("ü".as_bytes())),
        ("too long", id(long.as_bytes())),
        ("a trace of zeros", trace(format!("00-{}-{other}-01", "0".repeat(32)))),
        ("a parent of zeros", trace(format!("00-{good}-{}-01", "0".repeat(16)))),
        ("a version that is none", trace(format!("ff-{good}-{other}-01"))),
        ("capitals", trace(format!("00-{}-{other}-01", good.to_uppercase()))),
        ("too short", trace(format!("00-{}-{other}-01", &good[1..]))),
        ("without flags", trace(format!("00-{good}-{other}"))),
        ("more than there is", trace(format!("00-{good}-{other}-01-x"))),
        ("no trace", trace("hello".to_owned())),
        (
            "two traces",
            [trace(format!("00-{good}-{other}-01")), trace(format!("00-{good}-{other}-01"))]
                .concat(),
        ),
    ] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, &value[..])).collect();
        // A bad token is news, so that each of them is in the log.
        let headers = [&headers[..], &[("authorization", b"Bearer x")]].concat();
        let answer = anyone.send_as_is("GET", "/v1/auth/me", &headers, b"").await;
        let told = answer.headers["x-request-id"].to_str().unwrap();
        let status = (answer.status, told.len());
        assert!([(401, 36), (403, 36)].contains(&status), "{name}: {answer:?}");
        assert_eq!(answer.body["request_id"], told, "{name}");
        unlogged.push(told.to_owned());
    }
    shop.stop();
    let log = shop.log();
    // The firewall tells of its own refusals.
    unlogged.retain(|id| !log.lines().any(|line| line.contains("refus") && line.contains(id)));
    assert!(unlogged.is_empty(), "{unlogged:?} are not in the log: {log}");
    for text in ["owned", "<script>", "etc/passwd"] {
        assert!(!log.contains(text), "{log}");
    }
}

async fn a_version_is_named_once_and_as_it_was_answered(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let staff = shop.staff().await;
    let path = format!("/v1/admin/products/{}", id_of(&staff, "LAMP-1").await);
    let before = staff.get(&path).await;
    let good = before.headers["etag"].as_bytes();
    let patch = async |tags: &[&[u8]]| {
        let mut headers = bytes("if-match", tags);
        headers.push(("content-type", b"application/merge-patch+json"));
        staff.send_as_is("PATCH", &path, &headers, br#"{"name":"Changed"}"#).await
    };
    let (weak, bare) = ([b"W/", good].concat(), good[1..good.len() - 1].to_vec());
    let list = [good, b", ", good].concat();
    for (name, tags) in [
        ("missing", &[][..]),
        ("empty", &[&b""[..]]),
        ("a star", &[b"*"]),
        ("a word", &[b"\"x\""]),
        ("weak", &[&weak]),
        ("without quotes", &[&bare]),
        ("half a quote", &[&good[1..]]),
        ("negative", &[b"\"-1\""]),
        ("a sign", &[b"\"+1\""]),
        ("a fraction", &[b"\"1.0\""]),
        ("more than a number", &[b"\"99999999999999999999\""]),
        ("a list", &[&list]),
        ("twice", &[good, good]),
        ("bytes", &[b"\"\xff\""]),
        ("digits of another script", &["\"١\"".as_bytes()]),
    ] {
        let refused = patch(tags).await;
        assert_eq!(said(&refused), (400, "invalid_request"), "{name}: {refused:?}");
        assert_eq!(refused.body["errors"][0]["field"], "If-Match", "{name}");
    }
    assert_eq!(said(&patch(&[b"\"999\""]).await), (412, "version_conflict"));
    assert_eq!(staff.get(&path).await.body, before.body, "nothing was changed");
    assert_eq!(patch(&[good]).await.status, 200);
}

async fn a_key_of_a_command_is_one_word(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let ada = Customer::guest(&shop).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    let body = order_body(&ada.card(crate::support::APPROVED).await).to_string();
    let order = async |keys: &[&[u8]]| {
        let mut headers = bytes("idempotency-key", keys);
        headers.push(("content-type", b"application/json"));
        ada.send_as_is("POST", "/v1/orders", &headers, body.as_bytes()).await
    };
    let (longest, longer) = ("k".repeat(255), "k".repeat(256));
    assert_eq!(said(&order(&[]).await), (400, "idempotency_key_required"));
    for (name, keys) in [
        ("empty", &[&b""[..]][..]),
        ("spaces", &[b"   "]),
        ("too long", &[longer.as_bytes()]),
        ("bytes", &[b"\xff\xfe"]),
        ("a letter that is no ASCII", &["schlüssel".as_bytes()]),
        ("two keys", &[b"one", b"two"]),
        ("twice the same", &[b"one", b"one"]),
    ] {
        let refused = order(keys).await;
        assert_eq!(said(&refused), (400, "invalid_request"), "{name}: {refused:?}");
        assert_eq!(refused.body["errors"][0]["field"], "Idempotency-Key", "{name}");
    }
    assert_eq!(ada.get("/v1/orders").await.body["items"], json!([]), "nothing was ordered");
    assert_eq!(order(&[longest.as_bytes()]).await.status, 201);
    shop.settle();
}

async fn a_body_is_json_in_utf_8_as_it_is(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let ada = Customer::guest(&shop).await;
    let body = json!({"product_id": id_of(&ada, "LAMP-1").await, "quantity": 1}).to_string();
    let put = async |headers: &[(&'static str, &[u8])]| {
        ada.send_as_is("POST", "/v1/cart/lines", headers, body.as_bytes()).await
    };
    let json = ("content-type", &b"application/json"[..]);
    let kind = |kind: &'static [u8]| vec![("content-type", kind)];
    let coded = |coding: &'static [u8]| vec![json, ("content-encoding", coding)];
    for (name, headers) in [
        ("nothing", vec![]),
        ("empty", kind(b"")),
        ("a text", kind(b"text/plain")),
        ("a form", kind(b"application/x-www-form-urlencoded")),
        ("a form with files", kind(b"multipart/form-data; boundary=x")),
        ("another type", kind(b"application/xml")),
        ("a type that begins alike", kind(b"application/jsonp")),
        ("half a type", kind(b"json")),
        ("a list", kind(b"application/json, text/plain")),
        ("latin-1", kind(b"application/json; charset=iso-8859-1")),
        ("UTF-16", kind(b"application/json; charset=utf-16")),
        ("UTF-7", kind(b"application/json;charset=\"utf-7\"")),
        ("no charset", kind(b"application/json; charset=")),
        ("one of two charsets", kind(b"application/json; charset=utf-8; charset=utf-7")),
        ("bytes", kind(b"application/json\xff")),
        ("two types", vec![json, ("content-type", b"text/plain")]),
        ("packed", coded(b"gzip")),
        ("packed twice", coded(b"gzip, gzip")),
        ("packed otherwise", coded(b"br")),
        ("a coding nobody knows", coded(b"rot13")),
        (
            "two codings",
            vec![json, ("content-encoding", b"identity"), ("content-encoding", b"gzip")],
        ),
    ] {
        let refused = put(&headers).await;
        assert_eq!(said(&refused), (415, "unsupported_media_type"), "{name}: {refused:?}");
    }
    assert_eq!(ada.get("/v1/cart").await.body["lines"], json!([]), "nothing was put in");
    let identity = coded(b"identity");
    for headers in [kind(b"Application/JSON; Charset=\"UTF-8\""), identity] {
        assert_eq!(put(&headers).await.status, 200, "{headers:?}");
    }
}

#[tokio::test]
async fn what_a_reader_would_like_is_a_wish() {
    let shop = Shop::running(Engine::Sqlite, &[product("LAMP-1", "20.00", 5)]).unwrap();
    let anyone = Customer::anyone(&shop);
    let plain = anyone.get("/v1/products/LAMP-1").await;
    for (name, value) in [
        ("accept", "nonsense"),
        ("accept", "image/png;q=x, */*;q=2"),
        ("accept", "application/xml"),
        ("accept-encoding", ";;,gzip;q=nan"),
        ("accept-language", "xx-yy-zz;q=;;,*"),
        ("range", "bytes=0-0"),
        ("range", "bytes=9-1,-5,x"),
        ("range", "lines=1-2"),
        ("if-range", "\"x\""),
        ("if-none-match", "no quotes, W/, \""),
        ("if-modified-since", "yesterday"),
        ("expect", "the-unexpected"),
        ("x-http-method-override", "DELETE"),
        ("x-original-url", "/v1/admin/products"),
        ("x-rewrite-url", "/v1/admin/products"),
    ] {
        let answer = anyone.call_with("GET", "/v1/products/LAMP-1", &[(name, value)]).await;
        assert_eq!((answer.status, &answer.body), (200, &plain.body), "{name}: {value}");
        assert_eq!(answer.headers["content-type"], "application/json", "{name}: {value}");
    }
    for token in ["", "zz", "1.2.3"] {
        let headers = [("x-consistency-token", token)];
        let refused = anyone.call_with("GET", "/v1/products/LAMP-1", &headers).await;
        assert_eq!(said(&refused), (400, "invalid_request"), "{token}: {refused:?}");
    }
    for method in ["TRACE", "PROPFIND", "NONSENSE"] {
        let refused = anyone.call(method, "/v1/products/LAMP-1").await;
        assert_eq!(said(&refused), (405, "method_not_allowed"), "{method}");
    }
}

#[tokio::test]
async fn an_answer_says_what_it_is() {
    let shop = Shop::running(Engine::Sqlite, &[]).unwrap();
    let anyone = Customer::anyone(&shop);
    for (path, kind) in [
        ("/docs/", "text/html; charset=utf-8"),
        ("/docs/swagger-ui.css", "text/css; charset=utf-8"),
        ("/v1/products", "application/json"),
        ("/v1/nothing", "application/problem+json"),
    ] {
        assert_eq!(anyone.get(path).await.headers["content-type"], kind, "{path}");
    }
}

#[tokio::test]
async fn what_is_ones_own_is_kept_by_nobody() {
    let shop = Shop::running(Engine::Sqlite, &[product("LAMP-1", "20.00", 5)]).unwrap();
    let (guest, staff) = (Customer::guest(&shop).await, shop.staff().await);
    let kept = async |who: &Customer, path: &str, status: u16| {
        let answer = who.get(path).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        answer.headers["cache-control"].to_str().unwrap().to_owned()
    };
    for path in ["/v1/auth/me", "/v1/auth/sessions", "/v1/cart", "/v1/orders"] {
        assert_eq!(kept(&guest, path, 200).await, "no-store", "{path}");
    }
    assert_eq!(kept(&guest, "/v1/nothing", 404).await, "no-store");
    for path in ["/v1/admin/products", "/v1/admin/orders", "/v1/admin/payments"] {
        assert_eq!(kept(&staff, path, 200).await, "no-store", "{path}");
    }
    for path in ["/v1/products", "/v1/products/LAMP-1", "/v1/categories", "/.well-known/jwks.json"]
    {
        assert!(kept(&guest, path, 200).await.contains("public"), "{path}");
    }
}

#[tokio::test]
async fn a_parameter_comes_once() {
    let shop = Shop::running(Engine::Sqlite, &[product("LAMP-1", "20.00", 5)]).unwrap();
    let guest = Customer::guest(&shop).await;
    for path in [
        "/v1/products?limit=1&limit=2",
        "/v1/products?q=a&q=b",
        "/v1/products?sort=price&%73ort=-price",
        "/v1/orders?limit=1&limit=2",
        "/v1/products/suggest?q=a&q=b",
        "/v1/products/LAMP-1/price?quantity=1&quantity=2",
    ] {
        let (once, _) = path.rsplit_once('&').unwrap();
        let answer = guest.get(once).await;
        assert_eq!(answer.status, 200, "{once}: {answer:?}");
        let refused = guest.get(path).await;
        assert_eq!(said(&refused), (422, "invalid_value"), "{path}: {refused:?}");
    }
}
