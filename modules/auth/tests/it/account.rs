use actix_web::test::TestRequest;
use auth::{AccountError, SCHEMA, Settings};
use futures_util::future::join_all;
use kernel::ports::Role;
use platform::audit::Actor;
use platform::sql::Db;
use serde_json::json;

use crate::shop::{
    Browser, EMAIL, PASSWORD, WINDOW_WITHOUT_END, assert_books, cheap, events, open,
};

platform::on_both_engines!(super::SCHEMA =>
    a_session_from_registration_to_logout,
    a_guest_shops_without_an_account,
    of_two_registrations_one_wins,
    taken_addresses_cannot_be_asked_for_without_end,
    bad_registrations_name_the_field_and_write_nothing,
    staff_are_created_once,
    the_real_cost_works,
);

async fn a_session_from_registration_to_logout(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;

    let registered = browser.register().await;
    assert_eq!(registered.status, 201, "{registered:?}");
    assert_eq!(registered.header("location"), "/v1/auth/me");
    assert_eq!(registered.json["email"], EMAIL);
    assert_eq!(registered.json["role"], "customer");
    assert!(!registered.json.to_string().contains(PASSWORD));

    let login = browser.login(PASSWORD).await;
    assert_eq!(login.status, 200);
    assert_eq!(login.json["token_type"], "Bearer");
    assert_eq!(login.json["expires_in"], 900);
    assert_eq!(login.json["customer"], registered.json);
    assert_eq!(login.header("cache-control"), "no-store");
    assert!(!login.json.to_string().contains(&login.refresh_token()));
    let cookie = login.cookie("__Host-stoa_refresh");
    assert_eq!(cookie.http_only(), Some(true));
    assert_eq!(cookie.secure(), Some(true));
    assert_eq!((cookie.path(), cookie.domain()), (Some("/"), None));
    assert_eq!(cookie.same_site(), Some(actix_web::cookie::SameSite::Strict));

    let me = browser.me(&login.access_token()).await;
    assert_eq!((me.status, &me.json), (200, &registered.json));

    let refreshed = browser.refresh(&login.refresh_token()).await;
    assert_eq!(refreshed.status, 200);
    assert_eq!(refreshed.json["customer"], registered.json);
    assert_ne!(refreshed.refresh_token(), login.refresh_token());
    assert_eq!(browser.me(&refreshed.access_token()).await.status, 200);

    let logout = browser.logout(&refreshed.access_token()).await;
    assert_eq!(logout.status, 204);
    assert_eq!(logout.refresh_token(), "");
    for token in [login.access_token(), refreshed.access_token()] {
        assert_eq!(browser.me(&token).await.status, 401, "a logout ends every token at once");
    }
    let refused = browser.refresh(&refreshed.refresh_token()).await;
    assert_eq!((refused.status, refused.code()), (401, "unauthenticated"));
    assert_eq!(refused.refresh_token(), "", "the browser forgets it");

    let told = [("customer.registered".to_owned(), 1), ("session.revoked".to_owned(), 1)];
    assert_eq!(events(&db).await, told);
    assert_books(&accounts).await;
}

async fn a_guest_shops_without_an_account(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let guest = browser.send(TestRequest::post().uri("/v1/auth/guest")).await;
    assert_eq!(guest.status, 201, "{guest:?}");
    assert_eq!(guest.json["customer"]["role"], "guest");
    assert!(guest.json["customer"].get("email").is_none());
    let me = browser.me(&guest.access_token()).await;
    assert_eq!(me.json, guest.json["customer"]);
    let again = browser.refresh(&guest.refresh_token()).await;
    assert_eq!(again.json["customer"], guest.json["customer"]);
    let other = browser.send(TestRequest::post().uri("/v1/auth/guest")).await;
    assert_ne!(other.json["customer"]["id"], guest.json["customer"]["id"]);

    // The cookie alone is enough to leave.
    let cookie = actix_web::cookie::Cookie::new("__Host-stoa_refresh", again.refresh_token());
    let left = browser.send(TestRequest::post().uri("/v1/auth/logout").cookie(cookie)).await;
    assert_eq!(left.status, 204);
    assert_eq!(browser.me(&again.access_token()).await.status, 401);
    assert_eq!(browser.me(&other.access_token()).await.status, 200, "others stay");
    let nobody = browser.send(TestRequest::post().uri("/v1/auth/logout")).await;
    assert_eq!(nobody.status, 401);
    assert_eq!(events(&db).await, [("session.revoked".to_owned(), 1)]);
    assert_books(&accounts).await;
}

async fn taken_addresses_cannot_be_asked_for_without_end(db: Db) {
    let few = Settings { address_failures_max: 3, failure_window_s: WINDOW_WITHOUT_END, ..cheap() };
    let accounts = open(&db, few).await;
    let browser = Browser::new(&accounts).await;
    assert_eq!(browser.register().await.status, 201);
    let replies = join_all((0..10).map(|_| browser.register())).await;
    let count = |status| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!((count(409), count(429)), (3, 7), "{replies:?}");
    assert_books(&accounts).await;
}

async fn of_two_registrations_one_wins(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let replies = join_all((0..20).map(|n| {
        let email = if n % 2 == 0 { EMAIL } else { " Ada@Example.COM" };
        let body = json!({"email": email, "password": PASSWORD, "name": "Ada"});
        browser.post("/v1/auth/register", body)
    }))
    .await;
    let count = |status| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!((count(201), count(409)), (1, 19), "{replies:?}");
    assert!(replies.iter().all(|r| r.status == 201 || r.code() == "email_taken"));
    assert_eq!(events(&db).await, [("customer.registered".to_owned(), 1)]);
    assert_books(&accounts).await;
}

async fn bad_registrations_name_the_field_and_write_nothing(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let good = json!({"email": EMAIL, "password": PASSWORD, "name": "Ada"});
    for (field, value) in [
        ("email", json!("ada")),
        ("email", json!(5)),
        ("email", json!(null)),
        ("password", json!("short")),
        ("password", json!("password123")),
        ("password", json!("x".repeat(257))),
        ("password", json!(7_654_321_012_i64)),
        ("password", json!(["hunter22hunter22"])),
        ("name", json!("")),
        ("name", json!("n".repeat(101))),
        ("role", json!("admin")),
    ] {
        let mut body = good.clone();
        body[field] = value.clone();
        let reply = browser.post("/v1/auth/register", body).await;
        assert_eq!((reply.status, reply.code()), (422, "invalid_value"), "{field} {value}");
        assert_eq!(reply.json["errors"][0]["field"], field, "{reply:?}");
        if field == "password" {
            let told = reply.json.to_string();
            for secret in ["7654321012", "hunter22", "password123", "short"] {
                assert!(!told.contains(secret), "{told}");
            }
        }
    }
    for field in ["email", "password", "name"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(field);
        let reply = browser.post("/v1/auth/register", body).await;
        assert_eq!(reply.json["errors"][0]["field"], field, "{reply:?}");
    }
    assert!(events(&db).await.is_empty());
    assert_eq!(browser.register().await.status, 201);
}

async fn staff_are_created_once(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let id =
        accounts.create(EMAIL, PASSWORD.into(), "Ada", Role::Admin, &Actor::SYSTEM).await.unwrap();
    let again =
        accounts.create(EMAIL, PASSWORD.into(), "Ada", Role::Customer, &Actor::SYSTEM).await;
    assert!(matches!(again, Err(AccountError::EmailTaken)));
    let ensure = |email, password: &str| {
        let accounts = accounts.clone();
        let password = password.to_owned();
        async move {
            accounts
                .ensure(email, password.into(), "Ada", Role::Staff, &Actor::SYSTEM)
                .await
                .unwrap()
        }
    };
    assert_eq!(ensure(EMAIL, "another password").await, id, "it is left as it is");
    let login = browser.login(PASSWORD).await;
    assert_eq!(login.json["customer"]["role"], "admin");
    assert_eq!(login.json["customer"]["id"], id.to_string());

    let new = join_all((0..8).map(|_| ensure("bob@example.com", PASSWORD))).await;
    assert!(new.iter().all(|bob| *bob == new[0] && *bob != id));
    let guest =
        accounts.create("c@example.com", PASSWORD.into(), "C", Role::Guest, &Actor::SYSTEM).await;
    assert!(matches!(guest, Err(AccountError::Invalid(_))));
    assert_books(&accounts).await;
}

async fn the_real_cost_works(db: Db) {
    let accounts = open(&db, Settings::default()).await;
    let browser = Browser::new(&accounts).await;
    browser.enter().await;
    assert_eq!(browser.login("a wrong password").await.status, 401);
}
