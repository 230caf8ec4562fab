use auth::{LOGIN_ATTEMPTS, SCHEMA};
use platform::sql::Db;

platform::on_both_engines!(super::SCHEMA => every_statement_prepares);

async fn every_statement_prepares(db: Db) {
    let guard = [
        ("take", LOGIN_ATTEMPTS.take),
        ("give", LOGIN_ATTEMPTS.give),
        ("broken", LOGIN_ATTEMPTS.broken),
    ];
    for (name, sql) in SCHEMA.statements.iter().copied().flatten().chain(&guard) {
        let mut tx = db.begin("prepare").await.unwrap();
        if let Err(error) = tx.prepare(*sql).await {
            panic!("{name}: {error:?}");
        }
    }
}

#[test]
fn every_endpoint_is_described() {
    let json = serde_json::to_value(auth::Accounts::openapi()).unwrap();
    let paths: Vec<&str> = json["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    for path in [
        "/.well-known/jwks.json",
        "/v1/auth/guest",
        "/v1/auth/login",
        "/v1/auth/logout",
        "/v1/auth/me",
        "/v1/auth/refresh",
        "/v1/auth/register",
    ] {
        assert!(paths.contains(&path), "{path} is not in {paths:?}");
    }
    assert!(json["components"]["schemas"]["SessionAnswer"].is_object());
    assert!(json["components"]["schemas"]["Problem"].is_object());
}
