//! What the log tells of logins and refusals, and what it keeps to itself.

use serde_json::json;

use crate::bad_credentials::{cookie, log_in};
use crate::support::{Customer, Engine, Shop};

async fn id(who: &Customer) -> String {
    who.get("/v1/auth/me").await.body["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn logins_and_refusals_are_in_the_log() {
    let mut shop = Shop::new(Engine::Sqlite, &[]).unwrap();
    shop.start(&[("STOA__LOG__LEVEL", "info")]);
    let (anyone, ada) = (Customer::anyone(&shop), log_in(&shop).await);
    let wrong = json!({"email": "ada@example.com", "password": "some other password"});
    let wrong = anyone.post("/v1/auth/login", &wrong).await;
    assert_eq!(wrong.status, 401);
    let guest = Customer::guest(&shop).await;
    let forbidden = guest.get("/v1/admin/audit").await;
    assert_eq!(forbidden.status, 403);
    assert_eq!(anyone.get("/v1/cart").await.status, 401);
    let [ada_id, guest_id] = [id(&anyone.with(&ada.access)).await, id(&guest).await];
    let refresh = async |token: &str| {
        let cookie = format!("stoa_refresh={token}");
        anyone.call_with("POST", "/v1/auth/refresh", &[("cookie", &cookie)]).await
    };
    let second = cookie(&refresh(&ada.refresh).await, "stoa_refresh").unwrap();
    let third = cookie(&refresh(&second).await, "stoa_refresh").unwrap();
    assert_eq!(refresh(&ada.refresh).await.status, 401, "it was used already");
    shop.stop();
    let log = shop.log();
    let refused: Vec<&str> = log.lines().filter(|line| line.contains("edge::refusals")).collect();
    assert_eq!(refused.len(), 2, "that nobody has to log in first is no news: {log}");
    for (answer, line, route) in
        [(wrong, refused[0], "/v1/auth/login"), (forbidden, refused[1], "/v1/admin/audit")]
    {
        let (why, id) = (&answer.body["code"], &answer.body["request_id"]);
        for word in [why.as_str().unwrap(), id.as_str().unwrap(), route, "127.0.0.1"] {
            assert!(line.contains(word), "{word}: {line}");
        }
    }
    assert!(refused[1].contains(&guest_id), "{guest_id}: {}", refused[1]);
    let begins = log.lines().filter(|line| line.contains("a session begins"));
    let by_password = |line: &&str| {
        [ada_id.as_str(), "[Pwd]", "127.0.0.1"].iter().all(|word| line.contains(word))
    };
    assert_eq!(begins.filter(by_password).count(), 1, "{ada_id}: {log}");
    let warned = |line: &&str| line.contains("WARN") && line.contains("used again");
    assert_eq!(log.lines().filter(warned).count(), 1, "{log}");
    let tokens = [&ada.access, &ada.refresh, &second, &third].map(String::as_str);
    for secret in ["ada@example.com", "correct horse", "some other password"].iter().chain(&tokens)
    {
        assert!(!log.contains(secret), "{secret}");
    }
}
