//! The inventory's promises, on both engines, with real concurrency.
#![cfg(test)]

mod adjust;
mod backorder;
mod cover;
mod http;
mod limits;
mod locations;
mod migration;
mod model;
mod more;
mod parts;
mod react;
mod reserve;
mod shifts;
mod shop;
mod storm;

use inventory::SCHEMA;
use platform::sql::{Db, Sql};

platform::on_both_engines!(super::SCHEMA =>
    every_statement_prepares,
    the_journal_is_append_only,
    the_adversary_breaks_no_guard,
);

async fn every_statement_prepares(db: Db) {
    for (name, sql) in SCHEMA.statements.iter().copied().flatten() {
        let mut tx = db.begin("prepare").await.unwrap();
        if let Err(error) = tx.prepare(*sql).await {
            panic!("{name}: {error:?}");
        }
    }
    for guard in SCHEMA.guards {
        for (_, sql) in guard.statements() {
            db.begin("prepare").await.unwrap().prepare(sql).await.unwrap();
        }
    }
}

async fn the_journal_is_append_only(db: Db) {
    let inventory = shop::inventory(&db).await;
    shop::product(&inventory, 5).await;
    for text in ["update movement set reason = 'other'", "delete from movement"] {
        let mut tx = db.begin("forge").await.unwrap();
        let forged = tx.query(Sql::new(text)).execute().await;
        let error = format!("{:?}", forged.unwrap_err());
        assert!(error.contains("append-only"), "{error}");
    }
    shop::books_are_right(&inventory).await;
}

async fn the_adversary_breaks_no_guard(db: Db) {
    const LIMIT: i64 = 20;
    let inventory = shop::inventory(&db).await;
    for _ in 0..6 {
        shop::product(&inventory, LIMIT).await;
    }
    let rows: Vec<(uuid::Uuid,)> = db.query(Sql::new("select id from stock")).all().await.unwrap();
    let keys: Vec<String> = rows.into_iter().map(|(id,)| id.to_string()).collect();
    for guard in SCHEMA.guards {
        platform::testing::attack(&db, guard, &keys, LIMIT).await.unwrap();
    }
}
