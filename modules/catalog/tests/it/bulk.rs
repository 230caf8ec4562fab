//! Many products in one commit.

use catalog::{BulkStatus, Catalog, Error};
use platform::audit::Actor;
use platform::sql::Db;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::world::{catalog, events, input};

platform::on_both_engines!(catalog::SCHEMA =>
    good_ones_are_written_and_bad_ones_named,
    all_or_nothing_when_it_was_asked,
    of_two_who_know_the_same_version_one_wins,
);

async fn bulk(
    catalog: &Catalog,
    items: Value,
    atomic: bool,
) -> catalog::Result<Vec<catalog::BulkItem>> {
    let items: Vec<Box<RawValue>> = serde_json::from_value(items).unwrap();
    let items: Vec<&RawValue> = items.iter().map(AsRef::as_ref).collect();
    catalog.bulk(&items, atomic, &Actor::SYSTEM).await
}

async fn good_ones_are_written_and_bad_ones_named(db: Db) {
    let catalog = catalog(&db);
    let lamp = catalog.create(input("A", json!({})), &Actor::SYSTEM).await.unwrap();
    catalog.create(input("B", json!({})), &Actor::SYSTEM).await.unwrap();
    let items = json!([
        {"sku": "A", "price": "0.30", "version": 1},
        {"sku": "B", "name": "B", "version": 7},
        {"sku": "C", "name": "New", "price": "5"},
        {"sku": "D", "name": "New"},
        {"sku": "C", "name": "Again"},
        {"sku": "A1", "colour": "red"},
        {"sku": "B", "name": "Product B"},
        7,
    ]);
    let done = bulk(&catalog, items, false).await.unwrap();
    let told: Vec<(BulkStatus, &str)> = done
        .iter()
        .map(|item| (item.status, item.errors.first().map_or("", |error| error.field.as_str())))
        .collect();
    let refused = |field| (BulkStatus::Refused, field);
    let expected = [
        (BulkStatus::Updated, ""),
        refused("version"),
        (BulkStatus::Created, ""),
        refused("price"),
        refused("sku"),
        refused("colour"),
        refused("sku"),
        refused(""),
    ];
    assert_eq!(told, expected);
    assert_eq!(catalog.find(lamp.id).await.unwrap().content.price.minor(), 30);
    assert_eq!(catalog.history(lamp.id.uuid(), None, 10).await.unwrap().len(), 2);
}

async fn all_or_nothing_when_it_was_asked(db: Db) {
    let catalog = catalog(&db);
    catalog.create(input("A", json!({})), &Actor::SYSTEM).await.unwrap();
    let items = json!([{"sku": "A", "name": "New"}, {"sku": "B", "name": "B", "price": "-1"}]);
    match bulk(&catalog, items, true).await {
        Err(Error::Invalid(errors)) => assert_eq!(errors[0].field, "items[1].price"),
        other => panic!("{other:?}"),
    }
    assert_eq!(events(&db).await.len(), 1, "nothing was written");
    let many: Vec<Value> = (0..501).map(|n| json!({"sku": format!("S{n}")})).collect();
    assert!(matches!(bulk(&catalog, json!(many), false).await, Err(Error::Invalid(_))));
}

async fn of_two_who_know_the_same_version_one_wins(db: Db) {
    let catalog = catalog(&db);
    let lamp = catalog.create(input("A", json!({})), &Actor::SYSTEM).await.unwrap();
    let edits: Vec<_> = (0..8)
        .map(|n| {
            let catalog = catalog.clone();
            let items = json!([{"sku": "A", "name": format!("Name {n}"), "version": 1}]);
            tokio::spawn(async move { bulk(&catalog, items, false).await.unwrap()[0].status })
        })
        .collect();
    let mut updated = 0;
    for edit in edits {
        updated += usize::from(edit.await.unwrap() == BulkStatus::Updated);
    }
    assert_eq!(updated, 1);
    assert_eq!(catalog.find(lamp.id).await.unwrap().revision, 2);
}
