//! Every guard of the house is attacked by many callers at once, on both engines.

use kernel::Clock;
use kernel::id::EventId;
use platform::guard::Guard;
use platform::sql::{Db, Engine, Sql};
use platform::testing::{attack, database};
use stoa::app::SCHEMAS;

/// What may be used of each row at most.
const LIMIT: i64 = 20;
/// How many rows are attacked at a time.
const ROWS: usize = 5;

/// How a row of a guard is made that has the limit of [`LIMIT`] and of which nothing is used:
/// `:id` stands for its id, `:key` for the same as a text, `:now` for a time.
const ROW_OF: &[(&str, &[&str])] = &[
    (
        "login_attempt.failures",
        &["insert into login_attempt (key, failures, failures_max, window_ends, version)
           values (:key, 0, 20, :now, 1)"],
    ),
    (
        "stock.reserved",
        &["insert into stock (id, product_id, location, on_hand) values (:id, :id, 'main', 20)"],
    ),
    (
        "promotion.uses",
        &["insert into promotion (code, percent_bp, uses_max, created_at)
           values (:key, 1000, 20, :now)"],
    ),
    (
        "promotion.spent",
        &["insert into promotion (code, percent_bp, uses_max, currency, budget_minor, created_at)
           values (:key, 1000, 1000, 'EUR', 20, :now)"],
    ),
    (
        "promotion_use.uses",
        &[
            "insert into promotion (code, percent_bp, uses_max, per_customer_max, created_at)
             values (:key, 1000, 1000, 20, :now)",
            "insert into promotion_use (key, code, uses_max) values (:key, :key, 20)",
        ],
    ),
    (
        "order_balance.refunded",
        &[
            "insert into cart (id, owner, version, updated_at) values (:id, :id, 1, :now)",
            "insert into orders (id, number, customer_id, cart_id, status, currency, items_minor,
                    discount_minor, shipping_minor, tax_minor, total_minor, shipping_address,
                    shipping_method, version, created_at, updated_at)
             values (:id, :key, :id, :id, 'CONFIRMED', 'EUR', 20, 0, 0, 0, 20, '{}', 'standard', 1,
                     :now, :now)",
            "insert into order_balance (order_id, charged_minor) values (:id, 20)",
        ],
    ),
    (
        "payment.captured",
        &[
            "insert into payable (order_id, attempts) values (:id, 1)",
            "insert into payment (id, order_id, purpose, pays, attempt, amount_minor, currency, status,
                    authorized_minor, version, token, created_at, updated_at)
             values (:id, :id, 'order', :id, 1, 20, 'EUR', 'authorized', 20, 1, 't', :now, :now)",
        ],
    ),
    (
        "payment.refunded",
        &[
            "insert into payable (order_id, attempts) values (:id, 1)",
            "insert into payment (id, order_id, purpose, pays, attempt, amount_minor, currency, status,
                    authorized_minor, captured_minor, version, token, created_at, updated_at)
             values (:id, :id, 'order', :id, 1, 20, 'EUR', 'captured', 20, 20, 1, 't', :now, :now)",
        ],
    ),
    (
        "account.spent",
        &["insert into account (id, kind, code_hash, last4, currency, value_minor, state, version, created_at)
           values (:id, 'gift_card', substr(replace(:key, '-', '') || replace(:key, '-', ''), 1, 64), 'ABCD', 'EUR', 20,
                   'active', 1, :now)"],
    ),
    (
        "sandbox.captured",
        &[
            "insert into card_token (token, brand, last4, exp_month, exp_year, behaviour,
                    created_at) values (:key, 'visa', '4242', 12, 2030, 'approve', :now)",
            "insert into charge (id, reference, token, amount_minor, currency, status,
                    authorized_minor, to_be_disputed, version, created_at)
             values (:key, :id, :key, 20, 'EUR', 'authorized', 20, false, 1, :now)",
        ],
    ),
    (
        "sandbox.refunded",
        &[
            "insert into card_token (token, brand, last4, exp_month, exp_year, behaviour,
                    created_at) values (:key, 'visa', '4242', 12, 2030, 'approve', :now)",
            "insert into charge (id, reference, token, amount_minor, currency, status,
                    authorized_minor, captured_minor, to_be_disputed, version, created_at)
             values (:key, :id, :key, 20, 'EUR', 'captured', 20, 20, false, 1, :now)",
        ],
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_guard_stands_on_sqlite() {
    attack_all(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_guard_stands_on_postgres() {
    attack_all(Engine::Postgres).await;
}

#[test]
fn every_guard_of_the_house_is_attacked() {
    let guards = SCHEMAS.iter().flat_map(|schema| schema.guards);
    let mut house: Vec<&str> = guards.map(|guard| guard.name).collect();
    let mut attacked: Vec<&str> = ROW_OF.iter().map(|(name, _)| *name).collect();
    house.sort_unstable();
    attacked.sort_unstable();
    assert_eq!(house, attacked, "say in ROW_OF how a row of each guard is made");
}

async fn attack_all(engine: Engine) {
    for schema in &SCHEMAS {
        for guard in schema.guards {
            // A database each: two guards may share a table and want other rows in it.
            let Some(db) = database(engine, schema, Clock::system()).await else { return };
            let texts = ROW_OF.iter().find(|(name, _)| *name == guard.name).unwrap().1;
            let keys = make_rows(&db, guard, texts).await;
            let stands = attack(&db, guard, &keys, LIMIT).await;
            assert_eq!(stands, Ok(()), "{} on {engine:?}", guard.name);
        }
    }
}

async fn make_rows(db: &Db, guard: &Guard, texts: &[&str]) -> Vec<String> {
    let mut keys = Vec::new();
    let mut tx = db.begin("rows").await.unwrap();
    for _ in 0..ROWS {
        let id = EventId::new().uuid();
        for text in texts {
            let text = text.replace(":key", &format!("'{id}'"));
            let text = text.replace(":now", "'2026-11-22T00:00:00Z'");
            let sqlite = text.replace(":id", &format!("x'{}'", id.simple())).leak();
            let postgres = text.replace(":id", &format!("'{id}'")).leak();
            tx.query(Sql::split(sqlite, postgres)).execute().await.unwrap();
        }
        keys.push(id.to_string());
    }
    tx.commit().await.unwrap();
    let limits = format!(
        "select count(*) from {} where ({}) = {LIMIT} and {} = 0",
        guard.table, guard.limit, guard.used
    );
    let (fresh,): (i64,) = db.query(Sql::new(limits.leak())).one().await.unwrap();
    assert_eq!(fresh, i64::try_from(ROWS).unwrap(), "the rows of {}", guard.name);
    keys
}
