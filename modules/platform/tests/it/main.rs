//! The platform's contract, on both engines.
#![cfg(test)]

use platform::module::{STATEMENTS, Schema};
use platform::sql::Db;

const SCHEMA: Schema = Schema { module: "order", migrations: &[], statements: &[], guards: &[] };

platform::on_both_engines!(super::SCHEMA => every_statement_prepares);

async fn every_statement_prepares(db: Db) {
    for (name, sql) in STATEMENTS.iter().copied().flatten() {
        let mut tx = db.begin("prepare").await.unwrap();
        if let Err(error) = tx.prepare(*sql).await {
            panic!("{name}: {error:?}");
        }
    }
}
