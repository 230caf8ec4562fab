//! The platform's contract, on both engines.
#![cfg(test)]

mod audit;
mod bus;
mod cache;
mod errand;
mod group;
mod guard;
mod http;
mod idempotency;
mod migrate;
mod outbox;
mod packing;
mod redis;
mod replaying;
mod saga;
mod shortened;
mod sql;
mod tasks;
mod transfer;

use platform::module::{STATEMENTS, Schema};
use platform::sql::{Db, Migration, Sql};

/// Tables that only the tests know.
const TABLES: Migration = Migration {
    name: "0002_tests",
    text: "
create table counter (
    id uuid primary key,
    n bigint not null
);
create table sample (
    id uuid primary key,
    at timestamptz not null,
    maybe timestamptz,
    data jsonb not null,
    yes boolean not null,
    n bigint,
    word text
);
create table stock (
    id uuid primary key,
    on_hand bigint not null,
    reserved bigint not null,
    version bigint not null,
    check (reserved >= 0 and reserved <= on_hand)
);
create table coupon (
    code text primary key,
    uses bigint not null,
    uses_max bigint not null,
    version bigint not null,
    check (uses >= 0 and uses <= uses_max)
);
create table careless (
    id uuid primary key,
    on_hand bigint not null,
    reserved bigint not null,
    version bigint not null
);
create table heard (
    n bigint not null,
    subscription text not null,
    event_id uuid not null,
    subject uuid not null,
    version bigint not null,
    primary key (subscription, event_id)
);
create table total (
    subject uuid primary key,
    sum bigint not null
);
",
};

const SCHEMA: Schema = Schema {
    module: "order",
    migrations: &[TABLES],
    statements: &[],
    guards: &[guard::STOCK, guard::COUPON],
};

platform::on_both_engines!(super::SCHEMA => every_statement_prepares);

async fn every_statement_prepares(db: Db) {
    for (name, sql) in STATEMENTS.iter().copied().flatten() {
        let mut tx = db.begin("prepare").await.unwrap();
        if let Err(error) = tx.prepare(*sql).await {
            panic!("{name}: {error:?}");
        }
    }
}

/// The number a statement answers.
async fn number(db: &Db, sql: &'static str) -> i64 {
    db.query(Sql::new(sql)).one::<(i64,)>().await.unwrap().0
}

/// Waits until something holds, and says what did not.
async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..1_500 {
        if holds().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it never came to be that {what}");
}
