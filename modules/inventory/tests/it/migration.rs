//! A database of before there were backorders keeps everything.

use inventory::SCHEMA;
use kernel::Clock;
use kernel::id::{OrderId, ProductId, StockId};
use kernel::ports::Stock;
use platform::module::Schema;
use platform::sql::{Engine, Sql};
use platform::testing::database;

use crate::shop;

/// The tables as they were.
const BEFORE: Schema = Schema {
    migrations: {
        let (before, _) = SCHEMA.migrations.split_at(4);
        before
    },
    ..SCHEMA
};

#[tokio::test(flavor = "multi_thread")]
async fn a_filled_database_keeps_everything_on_sqlite() {
    keeps_everything(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filled_database_keeps_everything_on_postgres() {
    keeps_everything(Engine::Postgres).await;
}

async fn keeps_everything(engine: Engine) {
    let Some(db) = database(engine, &BEFORE, Clock::system()).await else { return };
    let (stock, product, order) = (StockId::new(), ProductId::new(), OrderId::new());
    let mut tx = db.begin("fill").await.unwrap();
    let now = tx.now();
    let stocked = "insert into stock (id, product_id, location, on_hand, reserved, version, safety,
                                      low_at, low, alerts, alert_id)
                   values ($1, $2, 'main', 8, 3, 3, 2, 4, true, 1, $1)";
    tx.query(Sql::new(stocked)).bind(stock.uuid()).bind(product.uuid()).execute().await.unwrap();
    let held = "insert into reservation (order_id, state, created_at, updated_at)
                values ($1, 'committed', $2, $2)";
    tx.query(Sql::new(held)).bind(order.uuid()).bind(now).execute().await.unwrap();
    let line = "insert into reservation_line (order_id, stock_id, product_id, quantity, shipped,
                                              released, returned)
                values ($1, $2, $3, 7, 3, 1, 1)";
    let line = tx.query(Sql::new(line)).bind(order.uuid()).bind(stock.uuid());
    line.bind(product.uuid()).execute().await.unwrap();
    let change = "insert into reservation_change (key, order_id, kind, lines, at)
                  values ('a', $1, 'shipped', '[]', $2)";
    tx.query(Sql::new(change)).bind(order.uuid()).bind(now).execute().await.unwrap();
    let moved = "insert into movement (stock_id, version, product_id, kind, delta_on_hand,
                                       delta_reserved, reason, at)
                 values ($1, 1, $2, 'opened', 10, 0, 'opening stock', $3)";
    let moved = tx.query(Sql::new(moved)).bind(stock.uuid()).bind(product.uuid());
    moved.bind(now).execute().await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(SCHEMA.migrate(&db).await.unwrap().first(), Some(&"0005_backorder"));

    let kept = "select on_hand, reserved, version, safety, low_at, alerts, backorder_max from stock
                 where id = $1 and product_id = $2 and location = 'main' and low and alert_id = $1
                   and policy = 'deny' and available_from is null";
    let kept = db.query(Sql::new(kept)).bind(stock.uuid()).bind(product.uuid());
    let kept: (i64, i64, i64, i64, i64, i64, i64) = kept.one().await.unwrap();
    assert_eq!(kept, (8, 3, 3, 2, 4, 1, 0));
    let kept = "select quantity, shipped, released, returned, backordered from reservation_line
                 where order_id = $1 and stock_id = $2 and product_id = $3";
    let kept = db.query(Sql::new(kept)).bind(order.uuid()).bind(stock.uuid());
    let kept: (i64, i64, i64, i64, i64) = kept.bind(product.uuid()).one().await.unwrap();
    assert_eq!(kept, (7, 3, 1, 1, 0));
    let kept = "select delta_on_hand, version from movement
                 where stock_id = $1 and kind = 'opened' and reason = 'opening stock'";
    let kept: (i64, i64) = db.query(Sql::new(kept)).bind(stock.uuid()).one().await.unwrap();
    assert_eq!(kept, (10, 1));
    // The tables work as they did, and have their rules.
    let mut tx = db.begin("forge").await.unwrap();
    assert!(tx.query(Sql::new("delete from movement")).execute().await.is_err());
    drop(tx);
    for broken in [
        "update stock set reserved = 9",
        "update stock set policy = 'preorder'",
        "update reservation_line set backordered = 4",
        "update reservation_line set order_id = stock_id",
    ] {
        let mut tx = db.begin("break").await.unwrap();
        let done = tx.query(Sql::new(broken)).execute().await;
        assert!(done.is_err() || tx.commit().await.is_err(), "{broken}");
    }
    let inventory = shop::inventory(&db).await;
    inventory.ship_part(order, "b", &[shop::line(product, 3)]).await.unwrap();
    shop::order(&inventory, product, 3, shop::soon()).await.unwrap();
    assert_eq!(shop::available(&inventory, product).await, 0);
}
