//! Bodies of the endpoints about accounts that are no JSON, or not the object that is asked for.

use std::io::Write;

use serde_json::{Value, json};

use crate::support::raw::{connect, until_closed};
use crate::support::{Answer, Customer, Engine, Shop, on_both_engines};

on_both_engines![what_is_no_object_of_the_kind_is_refused, a_field_comes_once_and_as_what_it_is];

const INVALID: (u16, &str) = (422, "invalid_value");
const NO_JSON: (u16, &str) = (400, "invalid_request");
const BLOCKED: (u16, &str) = (403, "blocked");
const PASSWORD: &str = "correct horse battery";

/// Each endpoint that reads a body, and a body whose form is good.
fn endpoints() -> Vec<(&'static str, Value)> {
    let token = "A".repeat(43);
    let ceremony = "019abf3e-5f0e-7c0c-8a44-9f6a3d1c2b10";
    let credential = json!({"id": "AAAA"});
    vec![
        ("register", json!({"email": "bob@example.com", "password": PASSWORD, "name": "Bob"})),
        ("login", json!({"email": "ada@example.com", "password": PASSWORD})),
        ("mfa/verify", json!({"code": "123456"})),
        ("mfa/totp/confirm", json!({"code": "123456"})),
        ("email/verify", json!({"token": token})),
        ("email/change", json!({"email": "eve@example.com", "password": PASSWORD})),
        ("email/change/confirm", json!({"token": token})),
        ("password/reset", json!({"email": "ada@example.com"})),
        ("password/reset/confirm", json!({"token": token, "password": PASSWORD})),
        ("password/change", json!({"password": PASSWORD, "new_password": "another horse"})),
        (
            "passkeys/register/finish",
            json!({"ceremony_id": ceremony, "name": "phone", "credential": credential}),
        ),
        ("passkeys/login/finish", json!({"ceremony_id": ceremony, "credential": credential})),
    ]
}

fn said(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

async fn ada(shop: &Shop) -> Customer {
    let anyone = Customer::anyone(shop);
    let ada = json!({"email": "ada@example.com", "password": PASSWORD, "name": "Ada"});
    assert_eq!(anyone.post("/v1/auth/register", &ada).await.status, 201);
    let ada = json!({"email": "ada@example.com", "password": PASSWORD});
    anyone.log_in(&ada).await.unwrap()
}

async fn send(who: &Customer, endpoint: &str, body: &[u8]) -> Answer {
    let path = format!("/v1/auth/{endpoint}");
    who.send_as_is("POST", &path, &[("content-type", b"application/json")], body).await
}

/// Ada is who she was, and nobody else is there.
async fn assert_unchanged(ada: &Customer) {
    let me = ada.get("/v1/auth/me").await;
    assert_eq!((me.status, &me.body["email"]), (200, &json!("ada@example.com")), "{me:?}");
    let sessions = ada.get("/v1/auth/sessions").await;
    assert_eq!(sessions.body["items"].as_array().unwrap().len(), 1, "{sessions:?}");
    let login = json!({"email": "bob@example.com", "password": PASSWORD});
    assert_eq!(said(&ada.post("/v1/auth/login", &login).await), (401, "invalid_credentials"));
}

async fn what_is_no_object_of_the_kind_is_refused(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[]) else { return };
    let ada = ada(&shop).await;
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth)).into_bytes();
    for (endpoint, good) in endpoints() {
        let text = good.to_string();
        let list = Value::Array(good.as_object().unwrap().values().cloned().collect());
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (name, body, expected) in [
            ("nothing", Vec::new(), NO_JSON),
            ("spaces", b"  \r\n ".to_vec(), NO_JSON),
            ("null", b"null".to_vec(), INVALID),
            ("true", b"true".to_vec(), INVALID),
            ("a number", b"1".to_vec(), INVALID),
            ("a text", b"\"x\"".to_vec(), INVALID),
            ("an empty list", b"[]".to_vec(), INVALID),
            ("the values without names", list.to_string().into(), INVALID),
            ("a list of it", format!("[{text}]").into(), INVALID),
            ("an empty object", b"{}".to_vec(), INVALID),
            ("a word", b"hello".to_vec(), NO_JSON),
            ("a form", b"email=ada%40example.com".to_vec(), NO_JSON),
            ("half of it", text.as_bytes()[..text.len() / 2].to_vec(), NO_JSON),
            ("bytes behind", format!("{text}x").into(), NO_JSON),
            ("twice", format!("{text}{text}").into(), NO_JSON),
            ("a comma behind", text.replace('}', ",}").into(), NO_JSON),
            ("a comment", format!("/**/{text}").into(), NO_JSON),
            ("other quotes", text.replace('"', "'").into(), NO_JSON),
            ("a mark before", [b"\xef\xbb\xbf", text.as_bytes()].concat(), NO_JSON),
            ("UTF-16", utf16, NO_JSON),
            ("a zero byte behind", format!("{text}\0").into(), NO_JSON),
            ("deep lists", nested(31), INVALID),
            ("deeper lists", nested(40), BLOCKED),
            ("very deep lists", nested(8_000), BLOCKED),
            ("too long", format!("{text}{}", " ".repeat(16_384)).into(), (413, "body_too_large")),
        ] {
            let refused = send(&ada, endpoint, &body).await;
            assert_eq!(said(&refused), expected, "{endpoint}: {name}: {refused:?}");
            assert_eq!(refused.headers["content-type"], "application/problem+json");
            assert!(!refused.text.contains(PASSWORD), "{endpoint}: {name}: {refused:?}");
        }
    }
    assert_unchanged(&ada).await;
}

async fn a_field_comes_once_and_as_what_it_is(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[]) else { return };
    let ada = ada(&shop).await;
    for (endpoint, good) in endpoints() {
        let text = good.to_string();
        let fields: Vec<&String> = good.as_object().unwrap().keys().collect();
        for field in fields {
            let member = |value: &[u8]| {
                let mut rest = good.clone();
                rest.as_object_mut().unwrap().remove(field);
                let rest = rest.to_string();
                let rest = rest.trim_start_matches('{');
                let comma = if rest == "}" { "" } else { "," };
                let head = format!("{{\"{field}\":");
                [head.as_bytes(), value, comma.as_bytes(), rest.as_bytes()].concat()
            };
            // The credential of a passkey is looked at as a whole.
            let is_whole = field == "credential";
            for (name, value, expected) in [
                ("null", &b"null"[..], INVALID),
                ("a number", b"1", INVALID),
                ("a huge number", b"1e999", NO_JSON),
                ("a long number", b"123456789012345678901234567890", INVALID),
                ("no number", b"NaN", NO_JSON),
                ("true", b"true", INVALID),
                ("a list", b"[\"x\"]", INVALID),
                ("an object", b"{\"x\":\"y\"}", INVALID),
                ("half a letter", b"\"\\ud800\"", NO_JSON),
                ("the other half", b"\"\\udc00x\"", NO_JSON),
                ("an escape that is none", b"\"\\x41\"", NO_JSON),
                ("bytes that are no UTF-8", b"\"\xff\xfe\"", NO_JSON),
                ("a letter in two bytes too many", b"\"\xc0\xaf\"", NO_JSON),
                ("a control character", b"\"a\x01b\"", NO_JSON),
                ("a line break", b"\"a\nb\"", NO_JSON),
            ] {
                let refused = send(&ada, endpoint, &member(value)).await;
                assert_eq!(said(&refused), expected, "{endpoint} {field}: {name}: {refused:?}");
                if expected == INVALID {
                    let named = refused.body["errors"][0]["field"].as_str().unwrap();
                    let is_within = is_whole && named.starts_with("credential.");
                    assert!(named == field || is_within, "{endpoint} {field}: {name}: {refused:?}");
                }
                assert!(!refused.text.contains(PASSWORD), "{endpoint} {field}: {name}");
            }
            let zero = send(&ada, endpoint, &member(br#""a\u0000b""#)).await;
            let is_refused = [INVALID, BLOCKED].contains(&said(&zero));
            assert!(is_refused, "{endpoint} {field}: a zero: {zero:?}");
            if !is_whole {
                let value = good[field].to_string();
                let again = member(value.as_bytes());
                let twice = [format!("{{\"{field}\":{value},").as_bytes(), &again[1..]].concat();
                let refused = send(&ada, endpoint, &twice).await;
                assert_eq!(said(&refused), INVALID, "{endpoint} {field}: twice: {refused:?}");
                let told = refused.body["errors"][0]["message"].as_str().unwrap();
                assert_eq!(told, format!("duplicate field `{field}`"), "{endpoint}");
            }
            let mut less = good.clone();
            less.as_object_mut().unwrap().remove(field);
            let refused = send(&ada, endpoint, less.to_string().as_bytes()).await;
            assert_eq!(said(&refused), INVALID, "{endpoint} without {field}");
            assert_eq!(refused.body["errors"][0]["field"], *field, "{endpoint}");
        }
        for (name, more) in [("role", "\"admin\""), ("id", "1"), ("__proto__", "{}"), ("", "1")] {
            let more = text.replacen('{', &format!("{{\"{name}\":{more},"), 1);
            let refused = send(&ada, endpoint, more.as_bytes()).await;
            assert_eq!(said(&refused), INVALID, "{endpoint} with {name:?}: {refused:?}");
        }
    }
    assert_unchanged(&ada).await;
}

/// A body that does not say how long it is, in pieces, as far as the shop reads it.
fn in_pieces(shop: &Shop, path: &str, bytes: usize) -> String {
    let mut stream = connect(shop);
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: shop.example\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    let piece = format!("400\r\n{}\r\n", " ".repeat(0x400));
    let pieces = piece.repeat(bytes / 0x400);
    // The shop may have answered and gone.
    let _ = stream.write_all([&head, &pieces, "2\r\n{}\r\n0\r\n\r\n"].concat().as_bytes());
    String::from_utf8(until_closed(&mut stream)).unwrap()
}

#[test]
fn a_body_is_as_long_as_its_route_allows_in_pieces_too() {
    let shop = Shop::running(Engine::Sqlite, &[]).unwrap();
    let short = in_pieces(&shop, "/v1/auth/login", 0x1000);
    assert!(short.starts_with("HTTP/1.1 422") && short.contains("invalid_value"), "{short}");
    let long = in_pieces(&shop, "/v1/auth/login", 0x8000);
    assert!(long.starts_with("HTTP/1.1 413") && long.contains("body_too_large"), "{long}");
    assert!(long.contains("16384"), "{long}");
}
