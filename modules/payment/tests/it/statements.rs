use kernel::Clock;
use payment::{SANDBOX_SCHEMA, SCHEMA};
use platform::guard::Guard;
use platform::module::Schema;
use platform::sql::Db;

platform::on_both_engines!(payment::SCHEMA => every_statement_prepares);

async fn every_statement_prepares(db: Db) {
    let books = platform::testing::database(db.engine(), &SANDBOX_SCHEMA, Clock::system());
    prepare(&db, &SCHEMA).await;
    prepare(&books.await.unwrap(), &SANDBOX_SCHEMA).await;
}

async fn prepare(db: &Db, schema: &Schema) {
    let guards = schema.guards.iter().flat_map(Guard::statements);
    for (name, sql) in schema.statements.iter().copied().flatten().copied().chain(guards) {
        let mut tx = db.begin("prepare").await.unwrap();
        if let Err(error) = tx.prepare(sql).await {
            panic!("{name}: {error:?}");
        }
    }
}
