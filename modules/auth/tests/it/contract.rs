use auth::{LOGIN_ATTEMPTS, SCHEMA};
use kernel::Clock;
use platform::module::Schema;
use platform::sql::{Db, Engine, Json, Sql};

platform::on_both_engines!(super::SCHEMA => every_statement_prepares);

async fn every_statement_prepares(db: Db) {
    let guard = LOGIN_ATTEMPTS.statements();
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

/// Accounts, sessions and refresh tokens move into tables of another shape.
#[tokio::test]
async fn what_was_there_before_roles_is_there_after() {
    const BEFORE: Schema = Schema { migrations: SCHEMA.migrations.split_at(1).0, ..SCHEMA };
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some(db) = platform::testing::database(engine, &BEFORE, Clock::system()).await else {
            continue;
        };
        let (who, session) = (uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
        let mut tx = db.begin("before").await.unwrap();
        let now = tx.now();
        let account =
            "insert into customer (id, email, name, role, password_hash, version, created_at)
                       values ($1, 'sam@example.com', 'Sam', 'staff', 'x', 1, $2)";
        tx.query(Sql::new(account)).bind(who).bind(now).execute().await.unwrap();
        let login = "insert into session (id, customer_id, amr, started_at, expires_at, generation,
                                          rotated_at, version)
                     values ($1, $2, $3, $4, $5, 1, $4, 0)";
        let (amr, end) = (Json(["pwd"]), now + chrono::TimeDelta::hours(1));
        let login = tx.query(Sql::new(login)).bind(session).bind(who).bind(amr);
        login.bind(now).bind(end).execute().await.unwrap();
        let token = "insert into refresh_token (hash, session_id, generation) values ('h', $1, 1)";
        tx.query(Sql::new(token)).bind(session).execute().await.unwrap();
        tx.commit().await.unwrap();

        let ran = SCHEMA.migrate(&db).await.unwrap();
        assert_eq!(ran.len(), SCHEMA.migrations.len() - 1);
        let kept = "select c.role, c.email_index, s.auth_time = s.started_at, t.hash
                      from customer c join session s on s.customer_id = c.id
                                      join refresh_token t on t.session_id = s.id";
        let kept: (String, String, bool, String) = db.query(Sql::new(kept)).one().await.unwrap();
        assert_eq!(kept, ("staff".into(), "plain:sam@example.com".into(), true, "h".into()));
        let orphan = "insert into refresh_token (hash, session_id, generation) values ('i', $1, 2)";
        let mut tx = db.begin("orphan").await.unwrap();
        let orphan = tx.query(Sql::new(orphan)).bind(who).execute().await;
        assert!(orphan.is_err(), "the new tables lean on the new ones");
    }
}
