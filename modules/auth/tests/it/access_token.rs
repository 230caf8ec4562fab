//! What is no access token of ours, in every way that is known to fool checkers.

use std::path::Path;

use actix_web::http::header::HeaderValue;
use auth::{SCHEMA, Settings};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};
use kernel::ports::Identity;
use platform::sql::Db;
use serde_json::{Value, json};

use crate::shop::{Browser, at_a_standstill, cheap, keys, open, open_at};

platform::on_both_engines!(super::SCHEMA => bad_tokens_are_refused);

fn encode(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

fn decode(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn key(file: &Path) -> EncodingKey {
    EncodingKey::from_ed_pem(&std::fs::read(file).unwrap()).unwrap()
}

/// Tokens that carry a good signature over something that is wrong.
fn signed(good: &str, file: &Path) -> Vec<(String, String)> {
    let (head, claims) = good.split_once('.').unwrap();
    let (header, claims) = (decode(head), decode(claims.split('.').next().unwrap()));
    let key = key(file);
    let sealed_bytes = |head: &str, body: &[u8]| {
        let message = format!("{head}.{}", encode(body));
        let signature = sign(message.as_bytes(), &key, Algorithm::EdDSA).unwrap();
        format!("{message}.{signature}")
    };
    let sealed = |head: &str, body: &str| sealed_bytes(head, body.as_bytes());
    let mut all = Vec::new();
    let with = |all: &Value, member: &str, value: &Value| {
        let mut changed = all.clone();
        if value.is_null() {
            changed.as_object_mut().unwrap().remove(member);
        } else {
            changed[member] = value.clone();
        }
        changed.to_string()
    };
    for (member, value) in [
        ("typ", json!("JWT")),
        ("typ", json!("rt+jwt")),
        ("typ", json!(null)),
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("eddsa")),
        ("alg", json!(["EdDSA"])),
        ("alg", json!(null)),
        ("kid", json!("another")),
        ("kid", json!("../../../dev/null")),
        ("kid", json!("' or 1=1 --")),
        ("kid", json!(null)),
        ("alg", json!("ES256")),
        ("alg", json!("RS256")),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("jwk", json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"})),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("cty", json!("JWT")),
        ("zip", json!("DEF")),
    ] {
        let head = encode(with(&header, member, &value));
        all.push((format!("header {member} {value}"), sealed(&head, &claims.to_string())));
    }
    let now = claims["iat"].as_i64().unwrap();
    for (member, value) in [
        ("iss", json!("somebody")),
        ("iss", json!(null)),
        ("aud", json!("another")),
        ("aud", json!(["another", "stoa"])),
        ("aud", json!(null)),
        ("exp", json!(now - 1)),
        ("exp", json!(now)),
        ("exp", json!(null)),
        ("exp", json!("never")),
        ("exp", json!(i64::MAX)),
        ("exp", json!(-1)),
        ("nbf", json!(now + 60)),
        ("nbf", json!(null)),
        ("iat", json!(now + 60)),
        ("iat", json!(now - 900)),
        ("iat", json!(null)),
        ("sub", json!("1")),
        ("sub", json!(null)),
        ("sid", json!(null)),
        ("role", json!("root")),
        ("role", json!(null)),
        ("amr", json!("pwd")),
        ("amr", json!(["magic"])),
    ] {
        let body = with(&claims, member, &value);
        all.push((format!("claim {member} {value}"), sealed(head, &body)));
    }
    let text = claims.to_string();
    let twice = text.replacen('{', r#"{"role":"admin","#, 1);
    all.push(("duplicate claim".into(), sealed(head, &twice)));
    let escape = text.replacen('{', r#"{"note":"\ud800","#, 1);
    all.push(("half a character in a claim that nobody reads".into(), sealed(head, &escape)));
    let mut bytes = text.replacen('{', r#"{"note":"?","#, 1).into_bytes();
    let byte = bytes.iter_mut().find(|byte| **byte == b'?').unwrap();
    *byte = 0xff;
    all.push(("no text in a claim that nobody reads".into(), sealed_bytes(head, &bytes)));
    all.push(("claims are no object".into(), sealed(head, "[]")));
    all.push(("claims are no JSON".into(), sealed(head, "hello")));
    all.push(("nested".into(), sealed(head, &format!("\"{good}\""))));
    let fat = text.replacen('{', &format!(r#"{{"fat":"{}","#, "x".repeat(4_000)), 1);
    all.push(("larger than any of ours".into(), sealed(head, &fat)));
    assert!(sealed(head, &text).starts_with(head), "the sealing itself is good");
    all
}

/// Tokens whose signature is not one of ours.
fn unsigned(good: &str, file: &Path) -> Vec<(String, String)> {
    let parts: Vec<&str> = good.split('.').collect();
    let [head, body, signature] = parts.as_slice() else { panic!("three parts") };
    let none = encode(r#"{"typ":"at+jwt","alg":"none"}"#);
    let public = jsonwebtoken::jwk::Jwk::from_encoding_key(&key(file), Algorithm::EdDSA).unwrap();
    let public = serde_json::to_value(public).unwrap()["x"].as_str().unwrap().to_owned();
    let hmac = |secret: &[u8], head: &str| {
        let message = format!("{head}.{body}");
        let key = EncodingKey::from_secret(secret);
        let mac = sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        format!("{message}.{mac}")
    };
    let hs256 = encode(r#"{"typ":"at+jwt","alg":"HS256"}"#);
    let raw = URL_SAFE_NO_PAD.decode(&public).unwrap();
    let stranger = {
        let der = [&key(file).as_bytes()[..16], &[9; 32]].concat();
        let key = EncodingKey::from_ed_der(&der);
        let message = format!("{head}.{body}");
        format!("{message}.{}", sign(message.as_bytes(), &key, Algorithm::EdDSA).unwrap())
    };
    let mut admin = decode(body);
    admin["role"] = json!("admin");
    let admin = encode(admin.to_string());
    let mut flipped = URL_SAFE_NO_PAD.decode(signature).unwrap();
    flipped[10] ^= 1;
    let flipped = URL_SAFE_NO_PAD.encode(flipped);
    let zeros = URL_SAFE_NO_PAD.encode([0; 64]);
    let short = URL_SAFE_NO_PAD.encode([7; 63]);
    [
        ("empty", String::new()),
        ("dots", "..".to_owned()),
        ("a word", "hello".to_owned()),
        ("two parts", format!("{head}.{body}")),
        ("four parts", format!("{good}.{signature}")),
        ("empty signature", format!("{head}.{body}.")),
        ("none", format!("{none}.{body}.")),
        ("none with the signature", format!("{none}.{body}.{signature}")),
        ("HS256 with the public key as text", hmac(public.as_bytes(), &hs256)),
        ("HS256 with the public key as bytes", hmac(&raw, &hs256)),
        ("our header over an HMAC", hmac(&raw, head)),
        ("a stranger's key", stranger),
        ("another role", format!("{head}.{admin}.{signature}")),
        ("a flipped bit", format!("{head}.{body}.{flipped}")),
        ("a signature of zeros", format!("{head}.{body}.{zeros}")),
        ("a short signature", format!("{head}.{body}.{short}")),
        ("padding", format!("{good}==")),
        ("a space before", format!(" {good}")),
        ("a line after", format!("{good}\n")),
        ("a zero byte", format!("{good}\0")),
        ("the parts in another order", format!("{body}.{head}.{signature}")),
        ("a megabyte", format!("{head}.{}.{signature}", "A".repeat(1 << 20))),
    ]
    .map(|(name, token)| (name.to_owned(), token))
    .into()
}

async fn bad_tokens_are_refused(db: Db) {
    let folder = keys();
    let accounts = open_at(&db, cheap(), &folder).await;
    let browser = Browser::new(&accounts).await;
    let good = browser.enter().await.access_token();
    assert!(accounts.authenticate(&good).await.is_ok());
    let bad: Vec<_> = signed(&good, &folder.join("signing-0.pem"))
        .into_iter()
        .chain(unsigned(&good, &folder.join("signing-0.pem")))
        .collect();
    assert!(bad.len() >= 40, "{}", bad.len());
    for (name, token) in bad {
        assert!(accounts.authenticate(&token).await.is_err(), "{name}: {token}");
        let header = format!("Bearer {token}");
        // What is no header reaches no shop, and spaces around a token are none of its own.
        if header.parse::<HeaderValue>().is_ok() && token.trim() == token {
            let reply = browser.me(&token).await;
            assert_eq!((reply.status, reply.code()), (401, "unauthenticated"), "{name}");
            assert_eq!(reply.header("www-authenticate"), "Bearer");
        }
    }
    assert!(accounts.authenticate(&good).await.is_ok());
}

#[tokio::test]
async fn a_token_says_who_how_and_since_when() {
    for (db, hand) in at_a_standstill().await {
        let folder = keys();
        let accounts = open_at(&db, cheap(), &folder).await;
        let browser = Browser::new(&accounts).await;
        let login = browser.enter().await;
        hand.advance(TimeDelta::seconds(100));
        let token = browser.refresh(&login.refresh_token()).await.access_token();
        let parts: Vec<Value> = token.split('.').take(2).map(decode).collect();
        assert_eq!(parts[0]["alg"], "EdDSA");
        assert_eq!(parts[0]["typ"], "at+jwt");
        let claims = &parts[1];
        assert_eq!(claims["sub"], login.json["customer"]["id"]);
        assert_eq!(claims["amr"], json!(["pwd"]));
        assert_eq!(claims["auth_time"], 1_800_000_000, "a refresh proves nothing new");
        assert_eq!(claims["iat"], 1_800_000_100);
        assert_eq!(claims["exp"], 1_800_001_000);

        let keys = actix_web::test::TestRequest::get().uri("/.well-known/jwks.json");
        let keys = browser.send(keys).await.json;
        assert_eq!(keys["keys"][0]["kid"], parts[0]["kid"]);
        assert_eq!(keys["keys"][0]["crv"], "Ed25519");
        assert!(keys["keys"][0].get("d").is_none(), "only the public half is served");
        let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(keys["keys"][0].clone()).unwrap();
        let mut validation = jsonwebtoken::Validation::new(Algorithm::EdDSA);
        validation.set_audience(&["stoa"]);
        validation.validate_exp = false;
        let served = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
        jsonwebtoken::decode::<Value>(&token, &served, &validation).unwrap();

        let who = accounts.authenticate(&token).await.unwrap();
        assert_eq!(who.role, "customer");
        assert!(!who.is_second_factor());
        hand.advance(TimeDelta::seconds(899));
        assert!(accounts.authenticate(&token).await.is_ok());
        hand.advance(TimeDelta::seconds(1));
        assert!(accounts.authenticate(&token).await.is_err(), "expired");
        hand.advance(TimeDelta::seconds(-1_000));
        assert!(accounts.authenticate(&token).await.is_err(), "not yet good");
    }
}

/// Revocations are forgotten only when no token of the session can be good any more.
#[tokio::test]
async fn a_logout_is_remembered_as_long_as_it_matters() {
    for (db, hand) in at_a_standstill().await {
        let accounts = open(&db, Settings::default()).await;
        let browser = Browser::new(&accounts).await;
        let guest = actix_web::test::TestRequest::post().uri("/v1/auth/guest");
        let token = browser.send(guest).await.access_token();
        assert_eq!(browser.logout(&token).await.status, 204);
        for _ in 0..30 {
            accounts.poll_revocations().await.unwrap();
            assert!(accounts.authenticate(&token).await.is_err());
            hand.advance(TimeDelta::seconds(60));
        }
    }
}
