//! What is sold most comes first.

use catalog::{Catalog, ListQuery, Sort};
use kernel::events::{OrderConfirmed, SoldLine};
use kernel::id::{CustomerId, OrderId, ProductId};
use kernel::{Currency, Money, Timestamp};
use platform::audit::Actor;
use platform::bus::{Handler, Reaction};
use platform::sql::Db;
use serde_json::json;
use std::sync::Arc;

use crate::world::{events, input, searched};

platform::on_both_engines!(catalog::SCHEMA => what_sells_most_comes_first);

fn sales(catalog: &Catalog) -> Arc<dyn Reaction> {
    let subscriptions = catalog.subscriptions();
    let heard = subscriptions.iter().find(|one| one.name == "catalog.sales").unwrap();
    let Handler::Reaction(reaction) = &heard.handler else { panic!("a reaction") };
    reaction.clone()
}

async fn sell(db: &Db, catalog: &Catalog, at: Timestamp, lines: &[(ProductId, i64)]) {
    let line = |&(product_id, quantity): &(ProductId, i64)| SoldLine {
        product_id,
        sku: String::new(),
        name: String::new(),
        quantity,
        total: Money::zero(Currency::USD),
    };
    let event = OrderConfirmed {
        order_id: OrderId::new(),
        number: String::new(),
        customer_id: CustomerId::new(),
        lines: lines.iter().map(line).collect(),
        total: Money::zero(Currency::USD),
        breakdown: None,
        account_id: None,
    };
    let envelope = platform::testing::told(&event, at);
    let mut tx = db.begin("test.sell").await.unwrap();
    sales(catalog).apply(&mut tx, &envelope).await.unwrap();
    tx.commit().await.unwrap();
}

async fn order(catalog: &Catalog) -> Vec<String> {
    catalog.refresh_search().await.unwrap();
    let list = catalog.list(ListQuery::all(Sort::Popularity, 10)).await.unwrap();
    list.items.into_iter().map(|item| item.card.sku).collect()
}

async fn what_sells_most_comes_first(db: Db) {
    let catalog = searched(&db).await;
    let mut ids = Vec::new();
    for sku in ["A", "B", "C"] {
        ids.push(catalog.create(input(sku, json!({})), &Actor::SYSTEM).await.unwrap().id);
    }
    let variant = input("B-1", json!({"parent_id": ids[1]}));
    let variant = catalog.create(variant, &Actor::SYSTEM).await.unwrap().id;
    let now = db.clock().now();
    sell(&db, &catalog, now, &[(ids[2], 3), (variant, 20), (ids[2], 2)]).await;
    sell(&db, &catalog, now - chrono::TimeDelta::days(60), &[(ids[0], 30)]).await;
    catalog.rank_by_sales().await.unwrap();
    assert_eq!(order(&catalog).await, ["B", "A", "C"], "a variant sells its parent");
    let told = events(&db).await.len();
    catalog.rank_by_sales().await.unwrap();
    assert_eq!(events(&db).await.len(), told, "nothing is told when no rank changes");

    let mut tx = db.begin("test.reset").await.unwrap();
    sales(&catalog).reset(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    sell(&db, &catalog, now - chrono::TimeDelta::days(120), &[(ids[1], 500)]).await;
    sell(&db, &catalog, now, &[(ids[0], 1)]).await;
    catalog.rank_by_sales().await.unwrap();
    assert_eq!(order(&catalog).await[0], "A", "what sold long ago does not count");
}
