//! What is no code of this account, of now, for this purpose, or not any more.

use actix_web::http::Method;
use auth::Settings;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::factors::{Scene, code, loose};
use crate::shop::{Browser, EMAIL, PASSWORD, Reply, cheap, token_of};

const POST: Method = Method::POST;
const VERIFY: &str = "/v1/auth/mfa/verify";
const CONFIRM: &str = "/v1/auth/mfa/totp/confirm";

fn tolerant() -> Settings {
    Settings { code_failures_max: 100, ..loose() }
}

fn said(reply: &Reply) -> (u16, &str) {
    (reply.status, reply.code())
}

/// How the account proved who it is, in each of its sessions.
async fn proofs(browser: &Browser, token: &str) -> Vec<Value> {
    let list = browser.ask(Method::GET, "/v1/auth/sessions", token, Value::Null).await;
    list.json["items"].as_array().unwrap().iter().map(|item| item["amr"].clone()).collect()
}

async fn bob(browser: &Browser) -> String {
    let body = json!({"email": "bob@example.com", "password": PASSWORD, "name": "Bob"});
    browser.post("/v1/auth/register", body).await;
    let login = json!({"email": "bob@example.com", "password": PASSWORD});
    browser.post("/v1/auth/login", login).await.access_token()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_code_of_a_device_is_six_digits_of_now() {
    for scene in Scene::all(tolerant()).await {
        let token = scene.login().await;
        let now = scene.db.clock().now();
        let at = |seconds: i64| code(&scene.device, now + TimeDelta::seconds(seconds));
        let right = scene.code();
        let wide: String = right
            .chars()
            .map(|digit| char::from_u32(0xff10 + digit.to_digit(10).unwrap()).unwrap())
            .collect();
        let seven = format!("{right}0");
        for (name, entered) in [
            ("nothing", String::new()),
            ("spaces", " ".repeat(6)),
            ("letters", "abcdef".to_owned()),
            ("five digits", right[..5].to_owned()),
            ("seven digits", seven),
            ("a letter among digits", format!("{}O", &right[..5])),
            ("a sign before", format!("-{right}")),
            ("another sign", format!("+{right}")),
            ("a dash within", format!("{}-{}", &right[..3], &right[3..])),
            ("a fraction", format!("{right}.0")),
            ("an exponent", format!("{}e0", &right[..4])),
            ("hexadecimal", "0x1234".to_owned()),
            ("full-width digits", wide),
            ("digits of another script", "١٢٣٤٥٦".to_owned()),
            ("a zero byte behind", format!("{right}\u{1}")),
            ("a mark that nobody sees", format!("{right}\u{200b}")),
            ("two codes", format!("{right}{right}")),
            ("of two steps before", at(-60)),
            ("of two steps after", at(60)),
            ("of tomorrow", at(86_400)),
        ] {
            let refused = scene.verify(&token, &entered).await;
            assert_eq!(said(&refused), (401, "invalid_code"), "{name}: {entered}");
            assert!(refused.headers.get("set-cookie").is_none(), "{name}");
        }
        for (name, entered) in [
            ("a number", json!(right.parse::<u32>().unwrap())),
            ("a list", json!([right])),
            ("an object", json!({"code": right})),
            ("null", Value::Null),
            ("true", json!(true)),
        ] {
            let refused = scene.browser.ask(POST, VERIFY, &token, json!({"code": entered})).await;
            assert_eq!(said(&refused), (422, "invalid_value"), "{name}");
            assert_eq!(refused.json["errors"][0]["field"], "code", "{name}");
            assert!(!refused.json.to_string().contains(&right), "{name}: it is not told back");
        }
        assert!(proofs(&scene.browser, &token).await.iter().all(|amr| *amr == json!(["pwd"])));
        // Spaces as devices show them, and a clock that is one step off.
        let spaced = format!(" {} {} ", &right[..3], &right[3..]);
        assert_eq!(scene.verify(&token, &spaced).await.status, 200);
        assert_eq!(said(&scene.verify(&token, &right).await), (401, "invalid_code"), "used");
        assert_eq!(said(&scene.verify(&token, &at(-30)).await), (401, "invalid_code"), "before it");
        assert_eq!(scene.verify(&token, &at(30)).await.status, 200, "a device that is early");
        assert_eq!(said(&scene.verify(&token, &right).await), (401, "invalid_code"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_recovery_code_is_of_one_account_and_of_one_device() {
    for scene in Scene::all(tolerant()).await {
        let token = scene.login().await;
        let (good, used) = (&scene.recovery[0], &scene.recovery[1]);
        assert_eq!(scene.verify(&token, used).await.status, 200);
        let left = async || {
            let mfa = scene.browser.ask(Method::GET, "/v1/auth/mfa", &token, Value::Null).await;
            mfa.json["recovery_codes"].as_i64().unwrap()
        };
        let other = if good.starts_with('a') { "b" } else { "a" };
        for (name, entered) in [
            ("used", used.clone()),
            ("a letter less", good[1..].to_owned()),
            ("a letter more", format!("{good}a")),
            ("another letter", format!("{other}{}", &good[1..])),
            ("half of it", good[..14].to_owned()),
            ("two of them", format!("{good}{}", scene.recovery[2])),
            ("a digit that base32 has not", format!("1{}", &good[1..])),
            ("padding", format!("{good}=")),
            ("other dashes", good.replace('-', "–")),
            ("commas", good.replace('-', ",")),
            ("letters of another script", good.replace(|c: char| c.is_ascii_lowercase(), "а")),
        ] {
            let refused = scene.verify(&token, &entered).await;
            assert_eq!(said(&refused), (401, "invalid_code"), "{name}: {entered}");
            assert_eq!(left().await, 9, "{name}: none was used up");
        }
        let strange = scene.verify(&bob(&scene.browser).await, good).await;
        assert_eq!(said(&strange), (401, "invalid_code"), "of another account");
        assert_eq!(left().await, 9);
        let typed = format!(" {} ", good.to_uppercase().replace('-', " "));
        let strong = scene.verify(&token, &typed).await;
        assert_eq!(strong.status, 200, "as people type it");
        let strong = strong.access_token();
        // The codes go with their device.
        let path = "/v1/auth/mfa/totp";
        assert_eq!(scene.browser.ask(Method::DELETE, path, &strong, Value::Null).await.status, 204);
        let gone = scene.verify(&strong, &scene.recovery[3]).await;
        assert_eq!(said(&gone), (401, "invalid_code"));
        let none = scene.browser.ask(POST, CONFIRM, &strong, json!({"code": "123456"})).await;
        assert_eq!(said(&none), (404, "not_found"), "no device is set up");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_code_of_a_letter_is_for_one_purpose_and_the_newest() {
    for scene in Scene::all(tolerant()).await {
        let (browser, token) = (&scene.browser, bob(&scene.browser).await);
        let verifies = scene.letters.only(&scene.accounts, &scene.db, "verify_email").await;
        let ask = || browser.ask(POST, "/v1/auth/mfa/email", &token, Value::Null);
        let mut codes = Vec::new();
        for _ in 0..2 {
            assert_eq!(ask().await.status, 202);
            let letter = scene.letters.only(&scene.accounts, &scene.db, "login_code").await;
            codes.push(letter.text.split_whitespace().last().unwrap().to_owned());
        }
        let [old, new] = codes.as_slice() else { panic!("{codes:?}") };
        let link = token_of(&verifies);
        for (name, entered) in [
            ("of an older letter", old.clone()),
            ("five digits", new[..5].to_owned()),
            ("with a sign", format!("-{new}")),
            ("what a link holds", link.clone()),
            ("a code of somebody's device", scene.code()),
        ] {
            let refused = scene.verify(&token, &entered).await;
            assert_eq!(said(&refused), (401, "invalid_code"), "{name}: {entered}");
        }
        // A code opens no link, and another account has no use of it.
        for path in ["/v1/auth/email/verify", "/v1/auth/email/change/confirm"] {
            let refused = browser.post(path, json!({"token": new})).await;
            assert_eq!(said(&refused), (410, "link_invalid"), "{path}");
        }
        assert_eq!(said(&scene.verify(&scene.login().await, new).await), (401, "invalid_code"));
        assert_eq!(scene.verify(&token, new).await.status, 200);
        assert_eq!(said(&scene.verify(&token, new).await), (401, "invalid_code"), "used");
        assert_eq!(browser.post("/v1/auth/email/verify", json!({"token": link})).await.status, 204);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_link_is_whole_of_its_purpose_and_of_its_time() {
    for scene in Scene::all(cheap()).await {
        let browser = &scene.browser;
        let ask = json!({"email": EMAIL});
        assert_eq!(browser.post("/v1/auth/password/reset", ask).await.status, 202);
        let reset = scene.letters.only(&scene.accounts, &scene.db, "reset_password").await;
        let good = token_of(&reset);
        let new = "another horse battery";
        for (name, token) in [
            ("nothing", String::new()),
            ("a letter less", good[1..].to_owned()),
            ("half of it", good[..good.len() / 2].to_owned()),
            ("a letter more", format!("{good}A")),
            ("padding", format!("{good}=")),
            ("a space before", format!(" {good}")),
            ("the whole link", format!("#token={good}")),
            ("another case", good.to_lowercase()),
            ("unknown", "A".repeat(43)),
            ("a recovery code", scene.recovery[0].clone()),
        ] {
            let body = json!({"token": token, "password": new});
            let refused = browser.post("/v1/auth/password/reset/confirm", body).await;
            assert_eq!(said(&refused), (410, "link_invalid"), "{name}: {token}");
            assert_eq!(browser.login(PASSWORD).await.status, 200, "{name}: the password stays");
        }
        for path in ["/v1/auth/email/verify", "/v1/auth/email/change/confirm"] {
            let refused = browser.post(path, json!({"token": good})).await;
            assert_eq!(said(&refused), (410, "link_invalid"), "of another purpose: {path}");
        }
        scene.hand.advance(TimeDelta::hours(24));
        let body = json!({"token": good, "password": new});
        let late = browser.post("/v1/auth/password/reset/confirm", body).await;
        assert_eq!(said(&late), (410, "link_invalid"), "too old");
        assert_eq!(browser.login(PASSWORD).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reset_goes_around_no_second_factor() {
    for scene in Scene::all(cheap()).await {
        let browser = &scene.browser;
        browser.post("/v1/auth/password/reset", json!({"email": EMAIL})).await;
        let letter = scene.letters.only(&scene.accounts, &scene.db, "reset_password").await;
        let new = "another horse battery";
        let body = json!({"token": token_of(&letter), "password": new});
        let reset = browser.post("/v1/auth/password/reset/confirm", body).await;
        assert_eq!(reset.status, 204);
        assert!(reset.headers.get("set-cookie").is_none(), "it opens no session");
        let token = browser.login(new).await.access_token();
        assert_eq!(proofs(browser, &token).await, [json!(["pwd"])]);
        let mfa = browser.ask(Method::GET, "/v1/auth/mfa", &token, Value::Null).await;
        assert_eq!((&mfa.json["totp"], &mfa.json["email"]), (&json!(true), &json!(false)));
        for path in ["/v1/auth/mfa/totp", "/v1/auth/passkeys/register/start"] {
            let weak = browser.ask(POST, path, &token, Value::Null).await;
            assert_eq!(said(&weak), (403, "mfa_required"), "{path}");
        }
        assert_eq!(scene.verify(&token, &scene.code()).await.status, 200);
    }
}
