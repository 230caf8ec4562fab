//! What a product is beside its name and price: addresses, times, definitions, relations, history.

use catalog::{Catalog, Error, Relation, RelationKind};
use kernel::id::{CustomerId, ProductId};
use platform::audit::Actor;
use platform::sql::{Db, Sql};
use serde_json::json;

use crate::world::{catalog, input, kinds, set_stock, wanted};

platform::on_both_engines!(catalog::SCHEMA =>
    a_former_slug_leads_on_and_never_to_another_product,
    a_product_comes_into_the_shop_when_its_time_has_come,
    a_patch_changes_what_it_names,
    values_meet_the_definition_of_their_attribute,
    a_definition_is_changed_by_whoever_read_it,
    running_out_of_stock_is_told_once_and_harms_no_editor,
    relations_are_shown_in_their_order,
    who_changed_what_is_on_record,
);

fn field(error: &Error) -> &str {
    match error {
        Error::Invalid(errors) => errors[0].field.as_str(),
        other => panic!("{other:?}"),
    }
}

async fn a_former_slug_leads_on_and_never_to_another_product(db: Db) {
    let catalog = catalog(&db);
    let lamp = input("L-1", json!({"name": "Desk lamp"}));
    let lamp = catalog.create(lamp, &Actor::SYSTEM).await.unwrap();
    assert_eq!(lamp.content.slug.as_deref(), Some("desk-lamp-l-1"));
    let renamed = input("L-1", json!({"name": "Night lamp"}));
    let kept = catalog.update(lamp.id, 1, renamed, &Actor::SYSTEM).await.unwrap();
    assert_eq!(kept.content.slug, lamp.content.slug, "an address stays until it is changed");
    let moved = input("L-1", json!({"name": "Night lamp", "slug": "night-lamp"}));
    catalog.update(lamp.id, 2, moved, &Actor::SYSTEM).await.unwrap();
    let now = (lamp.id, Some("night-lamp".to_owned()));
    assert_eq!(catalog.leads_to("desk-lamp-l-1").await.unwrap(), now);
    assert_eq!(catalog.leads_to("night-lamp").await.unwrap(), now);
    assert!(matches!(catalog.leads_to("nothing").await, Err(Error::NotFound)));

    for taken in ["night-lamp", "desk-lamp-l-1"] {
        let other = input("L-2", json!({"slug": taken}));
        let refused = catalog.create(other, &Actor::SYSTEM).await;
        assert!(matches!(refused, Err(Error::SlugTaken(_))), "{refused:?}");
    }
    let back = input("L-1", json!({"name": "Night lamp", "slug": "desk-lamp-l-1"}));
    catalog.update(lamp.id, 3, back, &Actor::SYSTEM).await.unwrap();
    let bad = input("L-2", json!({"slug": "Desk Lamp"}));
    assert_eq!(field(&catalog.create(bad, &Actor::SYSTEM).await.unwrap_err()), "slug");
    catalog.archive(lamp.id, None, &Actor::SYSTEM).await.unwrap();
    assert!(matches!(catalog.leads_to("night-lamp").await, Err(Error::NotFound)));
}

const DUE_NOW: Sql = Sql::new("update product set publish_at = $1 where sku = 'A'");

async fn a_product_comes_into_the_shop_when_its_time_has_come(db: Db) {
    let catalog = catalog(&db);
    let soon = db.clock().now() + chrono::TimeDelta::hours(1);
    let lamp = input("A", json!({"publish_at": soon}));
    let lamp = catalog.create(lamp, &Actor::SYSTEM).await.unwrap();
    let late = input("B", json!({"publish_at": "2999-01-01T00:00:00Z"}));
    let late = catalog.create(late, &Actor::SYSTEM).await.unwrap();
    assert!(matches!(catalog.shown("A").await, Err(Error::NotFound)));
    assert!(!offered(&catalog, lamp.id).await);
    assert_eq!(catalog.publish().await.unwrap(), 0);
    let mut tx = db.begin("an hour passes").await.unwrap();
    let now = tx.now();
    assert_eq!(tx.query(DUE_NOW).bind(now).execute().await.unwrap(), 1);
    tx.commit().await.unwrap();
    let (a, b) = tokio::join!(catalog.publish(), catalog.publish());
    assert_eq!(a.unwrap() + b.unwrap(), 1, "of two nodes one shows it");
    assert!(catalog.shown("A").await.is_ok() && offered(&catalog, lamp.id).await);
    assert!(matches!(catalog.shown("B").await, Err(Error::NotFound)));
    assert_eq!(kinds(&db).await, ["product.created", "product.created", "product.updated"]);
    let now = input("B", json!({}));
    catalog.update(late.id, 1, now, &Actor::SYSTEM).await.unwrap();
    assert!(catalog.shown("B").await.is_ok(), "without a time it is there at once");
}

async fn offered(catalog: &Catalog, id: ProductId) -> bool {
    let offers =
        kernel::ports::Catalog::offers(catalog, kernel::ports::Buyer::default(), &[wanted(id)])
            .await
            .unwrap();
    offers[0].sellable
}

async fn a_patch_changes_what_it_names(db: Db) {
    let catalog = catalog(&db);
    let lamp = json!({"brand": "Lumen", "attributes": {"watts": 6, "colour": "red"}});
    let lamp = catalog.create(input("A", lamp), &Actor::SYSTEM).await.unwrap();
    let patch =
        json!({"name": "New", "brand": null, "attributes": {"colour": null, "bulb": "E27"}});
    let after = catalog.patch(lamp.id, 1, patch, &Actor::SYSTEM).await.unwrap();
    assert_eq!((after.content.name.as_str(), after.content.brand.as_str()), ("New", ""));
    assert_eq!(json!(after.content.attributes), json!({"watts": 6, "bulb": "E27"}));
    assert_eq!(after.content.price, lamp.content.price);
    let stale = catalog.patch(lamp.id, 1, json!({"name": "Old"}), &Actor::SYSTEM).await;
    assert!(matches!(stale, Err(Error::Stale { current: 2 })));
    for (patch, wrong) in [
        (json!({"colour": 1}), "colour"),
        (json!({"name": 7}), "name"),
        (json!({"name": null}), "name"),
        (json!({"price": {"amount": "-1"}}), "price"),
        (json!({"sku": "B"}), "sku"),
    ] {
        let refused = catalog.patch(lamp.id, 2, patch, &Actor::SYSTEM).await.unwrap_err();
        assert_eq!(field(&refused), wrong);
    }
    assert_eq!(catalog.find(lamp.id).await.unwrap(), after, "what is refused leaves no trace");
}

async fn values_meet_the_definition_of_their_attribute(db: Db) {
    let catalog = catalog(&db);
    let watts = json!({"code": "watts", "kind": "number", "unit": "W", "facet": true});
    let defined = serde_json::from_value(watts.clone()).unwrap();
    catalog.define_attribute(defined, &Actor::SYSTEM).await.unwrap();
    let again = serde_json::from_value(watts).unwrap();
    let again = catalog.define_attribute(again, &Actor::SYSTEM).await;
    assert!(matches!(again, Err(Error::CodeTaken(_))));
    let wrong = input("A", json!({"attributes": {"watts": "six", "free": "anything"}}));
    let refused = catalog.create(wrong, &Actor::SYSTEM).await.unwrap_err();
    assert_eq!(field(&refused), "attributes.watts");
    let right = input("A", json!({"attributes": {"watts": 6, "free": "anything"}}));
    catalog.create(right, &Actor::SYSTEM).await.unwrap();

    let lines = b"{\"sku\":\"A\",\"attributes\":{\"watts\":true}}\n{\"sku\":\"B\",\"name\":\"B\",\
                  \"price\":1,\"attributes\":{\"watts\":[7]}}\n";
    let mut file = std::io::Cursor::new(lines.to_vec());
    let report = catalog.import(&mut file, catalog::Format::Jsonl, &mut |_| {}).await.unwrap();
    let fields: Vec<&str> = report.errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["attributes.watts", "attributes.watts"]);
}

async fn a_definition_is_changed_by_whoever_read_it(db: Db) {
    let catalog = catalog(&db);
    let define = |fields: serde_json::Value| serde_json::from_value(fields).unwrap();
    let colour = json!({"code": "colour", "kind": "text"});
    catalog.define_attribute(define(colour.clone()), &Actor::SYSTEM).await.unwrap();
    let facet = json!({"code": "colour", "kind": "text", "facet": true});
    let edits = (0..8).map(|_| {
        let (catalog, facet) = (catalog.clone(), facet.clone());
        tokio::spawn(async move {
            let facet = serde_json::from_value(facet).unwrap();
            catalog.redefine_attribute("colour", 1, facet, &Actor::SYSTEM).await
        })
    });
    let mut done = 0;
    for edit in edits.collect::<Vec<_>>() {
        match edit.await.unwrap() {
            Ok(changed) => {
                assert_eq!(changed.version, 2);
                done += 1;
            }
            Err(Error::Stale { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(done, 1);
    let other = define(json!({"code": "colour", "kind": "list"}));
    let refused = catalog.redefine_attribute("colour", 2, other, &Actor::SYSTEM).await;
    assert_eq!(field(&refused.unwrap_err()), "kind");
    catalog.forget_attribute("colour", 2, &Actor::SYSTEM).await.unwrap();
    assert!(matches!(catalog.attribute("colour").await, Err(Error::NotFound)));
    catalog.define_attribute(define(colour), &Actor::SYSTEM).await.unwrap();
}

async fn running_out_of_stock_is_told_once_and_harms_no_editor(db: Db) {
    let catalog = catalog(&db);
    let lamp = catalog.create(input("A", json!({})), &Actor::SYSTEM).await.unwrap();
    let product_id = lamp.id;
    for left in [5, 4, 0] {
        set_stock(&db, &catalog, product_id, left, 0).await;
    }
    let turned = "product.availability_changed";
    assert_eq!(kinds(&db).await, ["product.created", turned, turned]);
    let renamed = input("A", json!({"name": "New"}));
    let after = catalog.update(product_id, 1, renamed, &Actor::SYSTEM).await.unwrap();
    assert_eq!((after.revision, after.version, after.available), (2, 4, 0));
}

async fn relations_are_shown_in_their_order(db: Db) {
    let catalog = catalog(&db);
    let mut ids = Vec::new();
    for sku in ["CAMERA", "CASE", "CARD", "DRAFT"] {
        let status = if sku == "DRAFT" { "draft" } else { "active" };
        let product = input(sku, json!({"status": status}));
        ids.push(catalog.create(product, &Actor::SYSTEM).await.unwrap().id);
    }
    let accessory = |n: usize| Relation { kind: RelationKind::Accessory, product_id: ids[n] };
    let wanted = vec![accessory(2), accessory(3), accessory(1)];
    let camera = catalog.relate(ids[0], 1, wanted, &Actor::SYSTEM).await.unwrap();
    assert_eq!(camera.revision, 2);
    let shown = catalog.related("CAMERA").await.unwrap();
    let skus: Vec<&str> = shown.iter().map(|(_, one)| one.sku.as_str()).collect();
    assert_eq!(skus, ["CARD", "CASE"]);
    let missing = Relation { kind: RelationKind::Upsell, product_id: ProductId::new() };
    for (relations, wrong) in [
        (vec![accessory(1), missing], "items[1].product_id"),
        (vec![accessory(0)], "items[0].product_id"),
        (vec![accessory(1), accessory(1)], "items[1]"),
    ] {
        let refused = catalog.relate(ids[0], 2, relations, &Actor::SYSTEM).await.unwrap_err();
        assert_eq!(field(&refused), wrong);
    }
    assert_eq!(catalog.related("CAMERA").await.unwrap().len(), 2);
    let stale = catalog.relate(ids[0], 1, Vec::new(), &Actor::SYSTEM).await;
    assert!(matches!(stale, Err(Error::Stale { current: 2 })));
    catalog.relate(ids[0], 2, Vec::new(), &Actor::SYSTEM).await.unwrap();
    assert_eq!(catalog.related("CAMERA").await.unwrap(), []);
}

async fn who_changed_what_is_on_record(db: Db) {
    let catalog = catalog(&db);
    let editor = Actor::person(CustomerId::new(), None);
    let lamp = catalog.create(input("A", json!({})), &editor).await.unwrap();
    let dearer = json!({"price": {"amount": "12.50", "currency": "USD"}});
    catalog.patch(lamp.id, 1, dearer, &editor).await.unwrap();
    let refused = catalog.patch(lamp.id, 2, json!({"name": ""}), &editor).await;
    assert!(refused.is_err());
    catalog.archive(lamp.id, Some(2), &Actor::SYSTEM).await.unwrap();
    let stale = catalog.archive(lamp.id, Some(2), &Actor::SYSTEM).await;
    assert!(matches!(stale, Err(Error::Stale { current: 3 })));
    let told = catalog.history(lamp.id.uuid(), None, 10).await.unwrap();
    let actions: Vec<(&str, bool)> =
        told.iter().map(|entry| (entry.action.as_str(), entry.actor.is_some())).collect();
    let expected = [("product.archive", false), ("product.update", true), ("product.create", true)];
    assert_eq!(actions, expected);
    assert_eq!(told[1].before, Some(json!({"price": {"amount": "10.00", "currency": "USD"}})));
    assert_eq!(told[1].after, Some(json!({"price": {"amount": "12.50", "currency": "USD"}})));
    assert_eq!(told[0].before, Some(json!({"status": "active"})));
}
