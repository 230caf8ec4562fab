//! Sessions as their owner sees them, guests who log in, and cookies.

use actix_web::cookie::Cookie;
use actix_web::http::Method;
use actix_web::test::TestRequest;
use auth::SCHEMA;
use futures_util::future::join_all;
use kernel::events::GuestMerged;
use kernel::ports::{Identity, Role};
use platform::sql::Db;
use serde_json::{Value, json};

use crate::shop::{
    Browser, EMAIL, PASSWORD, Reply, assert_books, cheap, events, keys, open, open_at,
};

platform::on_both_engines!(super::SCHEMA =>
    sessions_are_listed_and_ended,
    a_guest_who_logs_in_is_merged_once,
    a_cookie_is_good_for_pages_of_the_shop_alone,
    a_cookie_that_is_no_good_is_nobodys,
    a_refresh_from_another_site_is_refused,
);

const SESSIONS: &str = "/v1/auth/sessions";

async fn sessions_are_listed_and_ended(db: Db) {
    let folder = keys();
    let (here, there) =
        (open_at(&db, cheap(), &folder).await, open_at(&db, cheap(), &folder).await);
    let browser = Browser::new(&here).await;
    browser.register().await;
    let phone = TestRequest::post()
        .uri("/v1/auth/login")
        .insert_header(("user-agent", "Phone/1"))
        .peer_addr("192.0.2.7:4000".parse().unwrap())
        .set_json(json!({"email": EMAIL, "password": PASSWORD}));
    let phone = browser.send(phone).await.access_token();
    let own = browser.login(PASSWORD).await.access_token();
    let (_, stranger) = browser.enter_as(&here, "bob@example.com", Role::Customer).await;

    let list = browser.ask(Method::GET, SESSIONS, &own, Value::Null).await;
    let items = list.json["items"].as_array().unwrap();
    assert_eq!(items.len(), 2, "{list:?}");
    assert_eq!(items[0]["current"], true);
    let one = &items[1];
    assert_eq!(one["current"], false);
    assert_eq!((&one["user_agent"], &one["address"]), (&json!("Phone/1"), &json!("192.0.2.7")));
    assert_eq!(one["amr"], json!(["pwd"]));
    assert!(one["started_at"].is_string() && one["last_used_at"].is_string());

    let path = format!("{SESSIONS}/{}", one["id"].as_str().unwrap());
    for (token, path) in [(&stranger, path.as_str()), (&own, "/v1/auth/sessions/x")] {
        let refused = browser.ask(Method::DELETE, path, token, Value::Null).await;
        assert_eq!((refused.status, refused.code()), (404, "not_found"));
    }
    assert_eq!(browser.me(&phone).await.status, 200);
    for _ in 0..2 {
        assert_eq!(browser.ask(Method::DELETE, &path, &own, Value::Null).await.status, 204);
    }
    assert_eq!(browser.me(&phone).await.status, 401);
    there.poll_revocations().await.unwrap();
    assert!(there.authenticate(&phone).await.is_err(), "and on the other node");
    assert!(there.authenticate(&own).await.is_ok());

    let all = browser.ask(Method::DELETE, SESSIONS, &own, Value::Null).await;
    assert_eq!((all.status, all.refresh_token().as_str()), (204, ""));
    assert_eq!(browser.me(&own).await.status, 401);
    assert_eq!(browser.me(&stranger).await.status, 200, "others stay");
    let ended = events(&db).await.into_iter().filter(|(kind, _)| kind == "session.revoked");
    assert_eq!(ended.count(), 2);
    assert_books(&here).await;
}

async fn a_guest_who_logs_in_is_merged_once(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    browser.register().await;
    let guest = browser.post("/v1/auth/guest", Value::Null).await;
    let body = json!({"email": EMAIL, "password": PASSWORD});
    let token = guest.access_token();
    let login = || browser.ask(Method::POST, "/v1/auth/login", &token, body.clone());
    let replies = join_all((0..10).map(|_| login())).await;
    let entered: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 200).collect();
    assert!(!entered.is_empty());
    assert!(replies.iter().all(|reply| matches!(reply.status, 200 | 401)), "{replies:?}");
    assert_eq!(browser.me(&token).await.status, 401, "the guest is gone");
    assert_eq!(browser.refresh(&guest.refresh_token()).await.status, 401);

    platform::outbox::sequence(&db).await.unwrap();
    let told = platform::outbox::read_after(&db, 0, 1_000).await.unwrap();
    let merged: Vec<GuestMerged> =
        told.iter().filter_map(|event| event.envelope.open()).map(Result::unwrap).collect();
    assert_eq!(merged.len(), 1, "told once");
    assert_eq!(json!(merged[0].guest_id), guest.json["customer"]["id"]);
    assert_eq!(json!(merged[0].customer_id), entered[0].json["customer"]["id"]);

    // An account that logs in again is no guest and takes nothing along.
    let again = entered[0].access_token();
    let again = browser.ask(Method::POST, "/v1/auth/login", &again, body.clone()).await;
    assert_eq!(again.status, 200);
    let merged = events(&db).await.into_iter().filter(|(kind, _)| kind == "guest.merged");
    assert_eq!(merged.count(), 1);
    assert_books(&accounts).await;
}

async fn a_cookie_is_good_for_pages_of_the_shop_alone(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let login = browser.enter().await;
    let cookie = login.cookie("__Host-stoa_session");
    assert_eq!(cookie.value(), login.access_token());
    assert_eq!((cookie.http_only(), cookie.secure()), (Some(true), Some(true)));
    assert_eq!((cookie.path(), cookie.domain()), (Some("/"), None));
    assert_eq!(cookie.same_site(), Some(actix_web::cookie::SameSite::Lax));
    let csrf = login.json["csrf_token"].as_str().unwrap().to_owned();
    let refreshed = browser.refresh(&login.refresh_token()).await;
    assert_eq!(refreshed.json["csrf_token"], json!(csrf), "it belongs to the session");
    let other = browser.login(PASSWORD).await.json["csrf_token"].as_str().unwrap().to_owned();
    assert_ne!(other, csrf);

    let by_cookie = |method: Method, headers: &[(&'static str, &str)]| {
        let path =
            if method == Method::GET { "/v1/auth/me" } else { "/v1/auth/email/verification" };
        let mut request = TestRequest::default().method(method).uri(path).cookie(cookie.clone());
        for (name, value) in headers {
            request = request.insert_header((*name, *value));
        }
        browser.send(request)
    };
    assert_eq!(by_cookie(Method::GET, &[]).await.status, 200, "reading needs the cookie alone");
    let site = ("sec-fetch-site", "same-origin");
    let token = ("x-csrf-token", csrf.as_str());
    assert_eq!(by_cookie(Method::POST, &[site, token]).await.status, 202);
    let origin = ("origin", "http://localhost:8080");
    assert_eq!(by_cookie(Method::POST, &[origin, token]).await.status, 202);
    let (cross, evil) = (("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"));
    let long = "a".repeat(64);
    for headers in [
        &[][..],
        &[token],
        &[site],
        &[site, ("x-csrf-token", "")],
        &[site, ("x-csrf-token", &other)],
        &[site, ("x-csrf-token", &csrf[1..])],
        &[site, ("x-csrf-token", &long)],
        &[cross, token],
        &[("sec-fetch-site", "same-site"), token],
        &[("sec-fetch-site", "none"), token],
        &[evil, token],
        &[("origin", "null"), token],
        &[cross, origin, token],
    ] {
        let refused = by_cookie(Method::POST, headers).await;
        assert_eq!((refused.status, refused.code()), (403, "csrf_refused"), "{headers:?}");
    }
    // A bearer token is sent by no browser on its own.
    let path = "/v1/auth/email/verification";
    let bearer = browser.ask(Method::POST, path, &login.access_token(), Value::Null).await;
    assert_eq!(bearer.status, 202);
}

async fn a_cookie_that_is_no_good_is_nobodys(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    for value in ["", "x", "a.b.c", &"A".repeat(4_000)] {
        let cookie = Cookie::new("__Host-stoa_session", value.to_owned());
        let jwks = TestRequest::get().uri("/.well-known/jwks.json").cookie(cookie.clone());
        assert_eq!(browser.send(jwks).await.status, 200, "who was logged out may look around");
        let me = browser.send(TestRequest::get().uri("/v1/auth/me").cookie(cookie)).await;
        assert_eq!((me.status, me.code()), (401, "unauthenticated"));
    }
    let login = browser.enter().await;
    let plain = Cookie::new("stoa_session", login.access_token());
    let me = browser.send(TestRequest::get().uri("/v1/auth/me").cookie(plain)).await;
    assert_eq!(me.status, 401, "a name that any host may set is not believed");
}

async fn a_refresh_from_another_site_is_refused(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let login = browser.enter().await;
    for path in ["/v1/auth/refresh", "/v1/auth/logout"] {
        for header in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
            let cookie = Cookie::new("__Host-stoa_refresh", login.refresh_token());
            let request = TestRequest::post().uri(path).cookie(cookie).insert_header(header);
            let refused = browser.send(request).await;
            assert_eq!((refused.status, refused.code()), (403, "csrf_refused"), "{path}");
        }
    }
    assert_eq!(browser.me(&login.access_token()).await.status, 200);
    assert_eq!(browser.refresh(&login.refresh_token()).await.status, 200);
}
