//! Products that are shown together.

use catalog::{Catalog, CollectionInput, Error, ListQuery, Sort};
use kernel::id::ProductId;
use platform::audit::Actor;
use platform::sql::Db;
use serde_json::{Value, json};

use crate::world::{catalog, input, searched};

platform::on_both_engines!(catalog::SCHEMA =>
    products_are_chosen_in_an_order,
    a_rule_chooses_by_itself,
    of_many_editors_of_a_collection_one_wins,
    a_collection_is_listed,
);

fn named(fields: Value) -> CollectionInput {
    serde_json::from_value(fields).unwrap()
}

async fn products(catalog: &Catalog, skus: &[&str]) -> Vec<ProductId> {
    let mut ids = Vec::new();
    for sku in skus {
        ids.push(catalog.create(input(sku, json!({})), &Actor::SYSTEM).await.unwrap().id);
    }
    ids
}

async fn products_are_chosen_in_an_order(db: Db) {
    let catalog = catalog(&db);
    let ids = products(&catalog, &["A", "B", "C"]).await;
    let gifts = named(json!({"name": "Gifts for all"}));
    let gifts = catalog.create_collection(gifts, &Actor::SYSTEM).await.unwrap();
    assert_eq!(catalog.collection("gifts-for-all").await.unwrap(), gifts);
    let wanted = vec![ids[2], ids[0]];
    let chosen = catalog.choose(gifts.id, 1, wanted.clone(), &Actor::SYSTEM).await.unwrap();
    assert_eq!((chosen.version, catalog.chosen(gifts.id).await.unwrap()), (2, wanted.clone()));
    for (items, wrong) in
        [(vec![ids[0], ids[0]], "items[1]"), (vec![ids[0], ProductId::new()], "items[1]")]
    {
        match catalog.choose(gifts.id, 2, items, &Actor::SYSTEM).await {
            Err(Error::Invalid(errors)) => assert_eq!(errors[0].field, wrong),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(catalog.chosen(gifts.id).await.unwrap(), wanted, "what is refused leaves no trace");
    let taken = named(json!({"name": "Other", "slug": "gifts-for-all"}));
    let taken = catalog.create_collection(taken, &Actor::SYSTEM).await;
    assert!(matches!(taken, Err(Error::SlugTaken(_))));
    let stale = catalog.delete_collection(gifts.id, 1, &Actor::SYSTEM).await;
    assert!(matches!(stale, Err(Error::Stale { current: 2 })));
    catalog.delete_collection(gifts.id, 2, &Actor::SYSTEM).await.unwrap();
    assert!(matches!(catalog.collection("gifts-for-all").await, Err(Error::NotFound)));
    assert_eq!(catalog.history(gifts.id, None, 10).await.unwrap().len(), 3);
}

async fn a_rule_chooses_by_itself(db: Db) {
    let catalog = catalog(&db);
    let ids = products(&catalog, &["A"]).await;
    let cheap = named(json!({"name": "Cheap", "rule": {"max_price": "5", "brand": ["Lumen"]}}));
    let cheap = catalog.create_collection(cheap, &Actor::SYSTEM).await.unwrap();
    assert_eq!(catalog.collection("cheap").await.unwrap().rule, cheap.rule);
    let by_hand = catalog.choose(cheap.id, 1, ids.clone(), &Actor::SYSTEM).await;
    assert!(matches!(by_hand, Err(Error::InUse(_))));
    let renamed = named(json!({"name": "Bargains", "rule": {"max_price": "6"}}));
    let renamed = catalog.update_collection(cheap.id, 1, renamed, &Actor::SYSTEM).await.unwrap();
    assert_eq!((renamed.slug.as_str(), renamed.version), ("cheap", 2), "its address stays");
    let by_hand = named(json!({"name": "Bargains"}));
    catalog.update_collection(cheap.id, 2, by_hand, &Actor::SYSTEM).await.unwrap();
    catalog.choose(cheap.id, 3, ids, &Actor::SYSTEM).await.unwrap();
}

async fn of_many_editors_of_a_collection_one_wins(db: Db) {
    let catalog = catalog(&db);
    let ids = products(&catalog, &["A", "B"]).await;
    let gifts = named(json!({"name": "Gifts"}));
    let gifts = catalog.create_collection(gifts, &Actor::SYSTEM).await.unwrap();
    let edits: Vec<_> = (0..8)
        .map(|n| {
            let (catalog, items, id) = (catalog.clone(), vec![ids[n % 2]], gifts.id);
            tokio::spawn(async move { catalog.choose(id, 1, items, &Actor::SYSTEM).await })
        })
        .collect();
    let mut done = 0;
    for edit in edits {
        match edit.await.unwrap() {
            Ok(_) => done += 1,
            Err(Error::Stale { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((done, catalog.chosen(gifts.id).await.unwrap().len()), (1, 1));
}

async fn listed(catalog: &Catalog, collection: &str) -> Vec<String> {
    catalog.refresh_search().await.unwrap();
    let query = ListQuery {
        collection: Some(collection.to_owned()),
        ..ListQuery::all(Sort::Relevance, 100)
    };
    let list = catalog.list(query).await.unwrap();
    assert_eq!(list.total, list.items.len() as u64);
    list.items.into_iter().map(|item| item.card.sku).collect()
}

async fn a_collection_is_listed(db: Db) {
    let catalog = searched(&db).await;
    let mut ids = Vec::new();
    for (sku, amount, brand) in [("A", "4.00", "Lumen"), ("B", "9.00", "Lumen"), ("C", "4.50", "X")]
    {
        let price = json!({"amount": amount, "currency": "USD"});
        let fields = json!({"price": price, "brand": brand, "categories": ["Home", "Lighting"]});
        ids.push(catalog.create(input(sku, fields), &Actor::SYSTEM).await.unwrap().id);
    }
    let gifts = named(json!({"name": "Gifts"}));
    let gifts = catalog.create_collection(gifts, &Actor::SYSTEM).await.unwrap();
    let wanted = vec![ids[2], ids[0]];
    catalog.choose(gifts.id, 1, wanted, &Actor::SYSTEM).await.unwrap();
    assert_eq!(listed(&catalog, "gifts").await, ["C", "A"], "in the order they were chosen in");
    for (slug, rule, expected) in [
        ("cheap", json!({"max_price": "4.509"}), vec!["C", "A"]),
        ("lumen", json!({"brand": ["Lumen"], "min_price": "4.001"}), vec!["B"]),
        ("light", json!({"category": "home-lighting"}), vec!["C", "B", "A"]),
        ("had", json!({"in_stock": true}), vec![]),
    ] {
        let by_rule = named(json!({"name": slug, "slug": slug, "rule": rule}));
        catalog.create_collection(by_rule, &Actor::SYSTEM).await.unwrap();
        assert_eq!(listed(&catalog, slug).await, expected, "{slug}");
    }
    let nothing =
        ListQuery { collection: Some("nothing".to_owned()), ..ListQuery::all(Sort::Relevance, 10) };
    assert!(matches!(catalog.list(nothing).await, Err(Error::Invalid(_))));
}
