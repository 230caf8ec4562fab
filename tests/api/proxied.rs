//! What is told of a client by a proxy, and by who says to be one.

use serde_json::json;

use crate::support::{Customer, Engine, Shop, on_both_engines};

on_both_engines![a_client_is_where_its_proxy_saw_it];

/// Where each of one's sessions came from, the newest first.
async fn came_from(ada: &Customer) -> Vec<String> {
    let list = ada.get("/v1/auth/sessions").await;
    let items = list.body["items"].as_array().unwrap_or_else(|| panic!("{list:?}"));
    items.iter().map(|item| item["address"].as_str().unwrap().to_owned()).collect()
}

async fn a_client_is_where_its_proxy_saw_it(engine: Engine) {
    const SELF: &str = "127.0.0.1";
    const FAR: &str = "198.51.100.1";
    let Some(mut shop) = Shop::new(engine, &[]) else { return };
    let xff = |text: &'static [u8]| vec![("x-forwarded-for", text)];
    let table = [
        (xff(b"198.51.100.1"), FAR),
        (xff(b"junk, 198.51.100.1"), FAR),
        (xff(b"<script>alert(1)</script>"), SELF),
        (xff(b"198.51.100.1, junk"), SELF),
        (xff(b"198.51.100.1, "), SELF),
        (xff(b""), SELF),
        (xff(b",,,"), SELF),
        (xff(b"\xff\xfe"), SELF),
        (xff(b"198.51.100.1.5"), SELF),
        (xff(b"999.1.1.1"), SELF),
        (xff(b"[::1"), SELF),
        (xff(b"198.51.100.1:99999"), SELF),
        (xff(b"unknown"), SELF),
        (vec![("forwarded", b"for=198.51.100.1")], SELF),
        (vec![("x-real-ip", b"198.51.100.1")], SELF),
        (vec![("x-client-ip", b"198.51.100.1")], SELF),
    ];
    for (proxies, believed) in [("127.0.0.0/8", true), ("10.0.0.0/8", false)] {
        shop.start(&[("STOA__EDGE__TRUSTED_PROXIES", proxies)]);
        let anyone = Customer::anyone(&shop);
        let ada =
            json!({"email": "ada@example.com", "password": "correct horse battery", "name": "A"});
        anyone.post("/v1/auth/register", &ada).await;
        let ada = json!({"email": "ada@example.com", "password": "correct horse battery"});
        for (headers, expected) in &table {
            let mut headers = headers.clone();
            headers.push(("content-type", b"application/json"));
            let body = ada.to_string();
            let answer =
                anyone.send_as_is("POST", "/v1/auth/login", &headers, body.as_bytes()).await;
            let token =
                answer.body["access_token"].as_str().unwrap_or_else(|| panic!("{answer:?}"));
            let expected = if believed { *expected } else { SELF };
            assert_eq!(came_from(&anyone.with(token)).await[0], expected, "{proxies} {headers:?}");
        }
        // Nobody who is not believed says under which name the shop was asked.
        let made_up = [("x-forwarded-proto", "https"), ("x-forwarded-host", "shop.example")];
        let answer = anyone.call_with("POST", "/v1/auth/guest", &made_up).await;
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        assert_eq!(cookie.starts_with("__Host-"), believed, "{cookie}");
        shop.stop();
    }
}
