use catalog::domain::Status;
use catalog::{Error, SCHEMA, Sort};
use kernel::events::{ProductArchived, ProductCreated, ProductPriceChanged, ProductUpdated};
use kernel::id::ProductId;
use kernel::ports::{Buyer, Catalog as _};
use platform::audit::Actor;
use platform::bus::Handler;
use platform::sql::Db;
use serde_json::json;

use crate::world::{catalog, events, everything, input, kinds, searched, set_stock, wanted};

platform::on_both_engines!(super::SCHEMA =>
    every_change_has_its_event,
    a_refused_product_leaves_nothing_behind,
    of_many_editors_one_wins,
    of_many_creators_one_wins,
    offers_tell_what_can_be_bought,
    a_variant_goes_with_its_parent,
    stock_follows_the_inventory,
    the_books_are_right,
);

async fn every_change_has_its_event(db: Db) {
    let catalog = catalog(&db);
    let product =
        catalog.create(input("A", json!({"opening_stock": 5})), &Actor::SYSTEM).await.unwrap();
    let renamed = input("A", json!({"name": "Renamed", "categories": ["X"]}));
    let product = catalog.update(product.id, 1, renamed.clone(), &Actor::SYSTEM).await.unwrap();
    assert_eq!(product.version, 2);
    let same = catalog.update(product.id, 2, renamed, &Actor::SYSTEM).await.unwrap();
    assert_eq!(same.version, 2);
    let dearer = input("A", json!({"price": {"amount": "12.00", "currency": "USD"}}));
    catalog.update(product.id, 2, dearer, &Actor::SYSTEM).await.unwrap();
    catalog.archive(product.id, None, &Actor::SYSTEM).await.unwrap();
    catalog.archive(product.id, None, &Actor::SYSTEM).await.unwrap();

    let events = events(&db).await;
    let versions: Vec<i64> = events.iter().map(|event| event.version).collect();
    assert_eq!(versions, [1, 2, 3, 4]);
    let created: ProductCreated = events[0].open().unwrap().unwrap();
    assert_eq!((created.sku.as_str(), created.opening_stock), ("A", Some(5)));
    assert!(events[1].is::<ProductUpdated>());
    let price: ProductPriceChanged = events[2].open().unwrap().unwrap();
    assert_eq!((price.before.minor(), price.after.minor()), (1_000, 1_200));
    assert!(events[3].is::<ProductArchived>());
    assert_eq!(catalog.find(product.id).await.unwrap().content.status, Status::Archived);
}

async fn a_refused_product_leaves_nothing_behind(db: Db) {
    let catalog = catalog(&db);
    let field = |error: Error| match error {
        Error::Invalid(errors) => errors[0].field.clone(),
        other => panic!("{other:?}"),
    };
    let negative = input("A", json!({"price": {"amount": "-1", "currency": "USD"}}));
    assert_eq!(field(catalog.create(negative, &Actor::SYSTEM).await.unwrap_err()), "price");
    assert_eq!(
        field(catalog.create(input("", json!({})), &Actor::SYSTEM).await.unwrap_err()),
        "sku"
    );
    let orphan = input("A", json!({"parent_id": ProductId::new()}));
    assert_eq!(field(catalog.create(orphan, &Actor::SYSTEM).await.unwrap_err()), "parent_id");
    let nul = input("A", json!({"attributes": {"a": "\0"}}));
    assert_eq!(field(catalog.create(nul, &Actor::SYSTEM).await.unwrap_err()), "attributes.a");
    assert!(kinds(&db).await.is_empty());

    let product = catalog.create(input("A", json!({})), &Actor::SYSTEM).await.unwrap();
    assert!(matches!(
        catalog.create(input("A", json!({})), &Actor::SYSTEM).await,
        Err(Error::SkuTaken(_))
    ));
    let other_sku = catalog.update(product.id, 1, input("B", json!({})), &Actor::SYSTEM).await;
    assert_eq!(field(other_sku.unwrap_err()), "sku");
    let unnamed =
        catalog.update(product.id, 1, input("A", json!({"name": ""})), &Actor::SYSTEM).await;
    assert_eq!(field(unnamed.unwrap_err()), "name");
    assert_eq!(kinds(&db).await.len(), 1);
    assert_eq!(catalog.find(product.id).await.unwrap(), product);
}

async fn of_many_editors_one_wins(db: Db) {
    let catalog = catalog(&db);
    let product = catalog.create(input("A", json!({})), &Actor::SYSTEM).await.unwrap();
    let edits = (0..16).map(|n| {
        let catalog = catalog.clone();
        let name = format!("Editor {n}");
        tokio::spawn(async move {
            catalog.update(product.id, 1, input("A", json!({"name": name})), &Actor::SYSTEM).await
        })
    });
    let edits: Vec<_> = edits.collect();
    let mut won = 0;
    for edit in edits {
        match edit.await.unwrap() {
            Ok(product) => {
                assert_eq!(product.version, 2);
                won += 1;
            }
            Err(Error::Stale { current }) => assert_eq!(current, 2),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(kinds(&db).await.len(), 2);
}

async fn of_many_creators_one_wins(db: Db) {
    let catalog = catalog(&db);
    let creations: Vec<_> = (0..16)
        .map(|_| {
            let catalog = catalog.clone();
            tokio::spawn(async move { catalog.create(input("A", json!({})), &Actor::SYSTEM).await })
        })
        .collect();
    let mut won = 0;
    for creation in creations {
        match creation.await.unwrap() {
            Ok(_) => won += 1,
            Err(Error::SkuTaken(sku)) => assert_eq!(sku, "A"),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(kinds(&db).await, ["product.created"]);
}

async fn offers_tell_what_can_be_bought(db: Db) {
    let catalog = catalog(&db);
    let plain = catalog.create(input("A", json!({})), &Actor::SYSTEM).await.unwrap();
    let draft =
        catalog.create(input("B", json!({"status": "draft"})), &Actor::SYSTEM).await.unwrap();
    let parent = catalog.create(input("P", json!({})), &Actor::SYSTEM).await.unwrap();
    let variant =
        catalog.create(input("V", json!({"parent_id": parent.id})), &Actor::SYSTEM).await.unwrap();
    let asked = [plain.id, draft.id, parent.id, variant.id, ProductId::new()];
    let sellable = async || {
        let mut offers = catalog.offers(Buyer::default(), &asked.map(wanted)).await.unwrap();
        offers.sort_by(|a, b| a.sku.cmp(&b.sku));
        offers.into_iter().map(|offer| (offer.sku, offer.sellable)).collect::<Vec<_>>()
    };
    let told = |a: bool, b, p, v| {
        [("A", a), ("B", b), ("P", p), ("V", v)].map(|(sku, yes)| (sku.to_owned(), yes))
    };
    assert_eq!(sellable().await, told(true, false, false, true));
    catalog.archive(parent.id, None, &Actor::SYSTEM).await.unwrap();
    assert_eq!(sellable().await, told(true, false, false, false));
    let many = vec![wanted(plain.id); catalog::OFFERS_MAX + 1];
    assert!(catalog.offers(Buyer::default(), &many).await.is_err());
}

async fn a_variant_goes_with_its_parent(db: Db) {
    let catalog = searched(&db).await;
    let parent = catalog.create(input("P", json!({})), &Actor::SYSTEM).await.unwrap();
    let fields = json!({"parent_id": parent.id, "options": {"size": "M"}});
    let variant = catalog.create(input("V", fields), &Actor::SYSTEM).await.unwrap();
    set_stock(&db, &catalog, variant.id, 4, 0).await;
    let nested = catalog.create(input("N", json!({"parent_id": variant.id})), &Actor::SYSTEM).await;
    assert!(matches!(nested, Err(Error::Invalid(_))));

    let by_id = parent.id.to_string();
    for key in ["P", by_id.as_str()] {
        let (shown, variants) = catalog.shown(key).await.unwrap();
        assert_eq!((shown.id, shown.available), (parent.id, 4));
        assert_eq!(variants.len(), 1);
        assert_eq!(variants[0].id, variant.id);
    }
    catalog.refresh_search().await.unwrap();
    assert_eq!(catalog.list(everything(Sort::Newest)).await.unwrap().items.len(), 1);
    assert_eq!(catalog.shown("V").await.unwrap().0.parent_id, Some(parent.id));
    catalog.archive(parent.id, None, &Actor::SYSTEM).await.unwrap();
    for key in ["P", "V", by_id.as_str(), "missing", "nul\0"] {
        assert!(matches!(catalog.shown(key).await, Err(Error::NotFound)), "{key}");
    }
}

async fn stock_follows_the_inventory(db: Db) {
    let catalog = catalog(&db);
    let product = catalog.create(input("A", json!({})), &Actor::SYSTEM).await.unwrap();
    set_stock(&db, &catalog, product.id, 10, 3).await;
    let found = catalog.find(product.id).await.unwrap();
    assert_eq!((found.available, found.revision), (7, 1));
    set_stock(&db, &catalog, ProductId::new(), 1, 0).await;
    let Handler::Reaction(reaction) = &catalog.subscriptions()[0].handler else {
        panic!("a reaction");
    };
    let mut tx = db.begin("test.reset").await.unwrap();
    reaction.reset(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(catalog.find(product.id).await.unwrap().available, 0);
}

async fn the_books_are_right(db: Db) {
    let catalog = catalog(&db);
    let parent = catalog
        .create(input("P", json!({"categories": ["X", "X", "Y"]})), &Actor::SYSTEM)
        .await
        .unwrap();
    catalog.create(input("V", json!({"parent_id": parent.id})), &Actor::SYSTEM).await.unwrap();
    assert!(catalog.verify().await.unwrap().iter().all(platform::verify::Check::holds));
    let mut tx = db.begin("test.break").await.unwrap();
    tx.query(platform::sql::Sql::new("update product set version = 9 where sku = 'V'"))
        .execute()
        .await
        .unwrap();
    let astray = platform::sql::Sql::new("update category set path = 'Z' where name = 'Y'");
    tx.query(astray).execute().await.unwrap();
    tx.commit().await.unwrap();
    let checks = catalog.verify().await.unwrap();
    let broken: Vec<_> = checks.iter().filter(|check| !check.holds()).collect();
    assert_eq!(broken.len(), 2, "{broken:?}");
    assert_eq!((broken[0].broken[0].as_str(), broken[1].broken[0].as_str()), ("V", "Z"));
}
