//! The tree of categories.

use catalog::{Catalog, Category, CategoryInput, Error};
use kernel::events::CategoryChanged;
use platform::audit::Actor;
use platform::sql::Db;
use serde_json::{Value, json};

use crate::world::{catalog, counted, input, told};

platform::on_both_engines!(catalog::SCHEMA =>
    a_product_makes_the_categories_it_names,
    a_category_moves_with_all_below_it,
    no_category_is_below_itself,
    two_moves_at_once_make_no_cycle,
    creators_of_the_same_category_make_one,
    only_an_empty_category_can_be_deleted,
    the_old_lists_of_categories_became_a_tree,
);

fn named(fields: Value) -> CategoryInput {
    serde_json::from_value(fields).unwrap()
}

async fn create(catalog: &Catalog, name: &str, parent: Option<&Category>) -> Category {
    let fields = json!({"name": name, "parent_id": parent.map(|parent| parent.id)});
    catalog.create_category(named(fields), &Actor::SYSTEM).await.unwrap()
}

fn field(error: Error) -> String {
    match error {
        Error::Invalid(errors) => errors[0].field.clone(),
        other => panic!("{other:?}"),
    }
}

async fn a_product_makes_the_categories_it_names(db: Db) {
    let catalog = catalog(&db);
    for (sku, categories) in [
        ("A", json!(["Home", "Lighting"])),
        ("B", json!(["Home", "Lighting", "Lamps"])),
        ("C", json!(["Garden", "Lighting"])),
        ("D", json!([])),
    ] {
        let product = input(sku, json!({"categories": categories}));
        catalog.create(product, &Actor::SYSTEM).await.unwrap();
    }
    let expected = [
        ("Garden", 1),
        ("Garden > Lighting", 1),
        ("Home", 2),
        ("Home > Lighting", 2),
        ("Home > Lighting > Lamps", 1),
    ];
    assert_eq!(counted(&catalog).await, expected.map(|(path, n)| (path.to_owned(), n)));
    let (lamps, _) = catalog.shown("B").await.unwrap();
    assert_eq!(lamps.content.categories, ["Home", "Lighting", "Lamps"]);
    assert_eq!(catalog.category("garden-lighting").await.unwrap().path, "Garden > Lighting");
    assert_eq!(catalog.category("Garden > Lighting").await.unwrap().name, "Lighting");
    let changed = told(&db).await.iter().filter(|event| event.is::<CategoryChanged>()).count();
    assert_eq!(changed, 5);
    let wrong = input("E", json!({"categories": ["Home > Kitchen"]}));
    let refused = catalog.create(wrong, &Actor::SYSTEM).await.unwrap_err();
    assert_eq!(field(refused), "categories[0]");
}

async fn a_category_moves_with_all_below_it(db: Db) {
    let catalog = catalog(&db);
    let product = input("A", json!({"categories": ["Home", "Lighting", "Lamps"]}));
    catalog.create(product, &Actor::SYSTEM).await.unwrap();
    let garden = create(&catalog, "Garden", None).await;
    let lighting = catalog.category("Home > Lighting").await.unwrap();
    let moved = named(json!({"name": "Light", "parent_id": garden.id}));
    let moved = catalog.update_category(lighting.id, 1, moved, &Actor::SYSTEM).await.unwrap();
    assert_eq!((moved.path.as_str(), moved.slug.as_str()), ("Garden > Light", "home-lighting"));
    let (product, _) = catalog.shown("A").await.unwrap();
    assert_eq!(product.content.categories, ["Garden", "Light", "Lamps"]);
    let stale = named(json!({"name": "Light"}));
    let stale = catalog.update_category(lighting.id, 1, stale, &Actor::SYSTEM).await;
    assert!(matches!(stale, Err(Error::Stale { current: 2 })));
    let (parent, taken) = (garden.id, json!({"name": "Home"}));
    let taken = catalog.update_category(parent, 1, named(taken), &Actor::SYSTEM).await;
    assert_eq!(field(taken.unwrap_err()), "name");
    let slug = named(json!({"name": "Garden", "slug": "home"}));
    let slug = catalog.update_category(parent, 1, slug, &Actor::SYSTEM).await;
    assert_eq!(field(slug.unwrap_err()), "slug");
    assert!(catalog.verify().await.unwrap().iter().all(platform::verify::Check::holds));
}

async fn no_category_is_below_itself(db: Db) {
    let catalog = catalog(&db);
    let a = create(&catalog, "A", None).await;
    let b = create(&catalog, "B", Some(&a)).await;
    let c = create(&catalog, "C", Some(&b)).await;
    for parent in [a.id, b.id, c.id] {
        let below = named(json!({"name": "A", "parent_id": parent}));
        let refused = catalog.update_category(a.id, 1, below, &Actor::SYSTEM).await;
        assert_eq!(field(refused.unwrap_err()), "parent_id");
    }
    let nowhere = named(json!({"name": "A", "parent_id": uuid::Uuid::now_v7()}));
    let refused = catalog.create_category(nowhere, &Actor::SYSTEM).await;
    assert_eq!(field(refused.unwrap_err()), "parent_id");
}

async fn two_moves_at_once_make_no_cycle(db: Db) {
    let catalog = catalog(&db);
    for round in 0..10 {
        let a = create(&catalog, &format!("A{round}"), None).await;
        let b = create(&catalog, &format!("B{round}"), None).await;
        let below = |one: &Category, other: &Category| {
            let input = named(json!({"name": one.name, "parent_id": other.id}));
            let (catalog, id) = (catalog.clone(), one.id);
            tokio::spawn(async move {
                catalog.update_category(id, 1, input, &Actor::SYSTEM).await.is_ok()
            })
        };
        let (first, second) = (below(&a, &b), below(&b, &a));
        let done = [first.await.unwrap(), second.await.unwrap()];
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "{done:?}");
    }
    assert_eq!(counted(&catalog).await.len(), 20, "none is lost in a cycle");
}

async fn creators_of_the_same_category_make_one(db: Db) {
    let catalog = catalog(&db);
    let creations: Vec<_> = (0..16)
        .map(|n| {
            let catalog = catalog.clone();
            let product = input(&format!("P{n}"), json!({"categories": ["X", "Y", "Z"]}));
            tokio::spawn(async move { catalog.create(product, &Actor::SYSTEM).await })
        })
        .collect();
    for creation in creations {
        creation.await.unwrap().unwrap();
    }
    let all = [("X", 16), ("X > Y", 16), ("X > Y > Z", 16)].map(|(path, n)| (path.to_owned(), n));
    assert_eq!(counted(&catalog).await, all);
}

async fn only_an_empty_category_can_be_deleted(db: Db) {
    let catalog = catalog(&db);
    let product = input("A", json!({"categories": ["X", "Y"]}));
    let product = catalog.create(product, &Actor::SYSTEM).await.unwrap();
    let x = catalog.category("X").await.unwrap();
    let y = catalog.category("X > Y").await.unwrap();
    for full in [x.id, y.id] {
        let refused = catalog.delete_category(full, 1, &Actor::SYSTEM).await;
        assert!(matches!(refused, Err(Error::InUse(_))));
    }
    let elsewhere = json!({"categories": []});
    catalog.patch(product.id, 1, elsewhere, &Actor::SYSTEM).await.unwrap();
    let stale = catalog.delete_category(y.id, 2, &Actor::SYSTEM).await;
    assert!(matches!(stale, Err(Error::Stale { current: 1 })));
    catalog.delete_category(y.id, 1, &Actor::SYSTEM).await.unwrap();
    catalog.delete_category(x.id, 1, &Actor::SYSTEM).await.unwrap();
    assert_eq!(counted(&catalog).await, []);
}

/// The migration, over a database as it was before.
async fn the_old_lists_of_categories_became_a_tree(db: Db) {
    let old: platform::module::Schema =
        platform::module::Schema { migrations: &catalog::MIGRATIONS[..2], ..catalog::SCHEMA };
    let clock = kernel::Clock::system();
    let Some(db) = platform::testing::database(db.engine(), &old, clock).await else { return };
    let insert = platform::sql::Sql::split(
        "insert into product (id, sku, name, brand, price, currency, status, version, created_at,
                              updated_at, description, categories, attributes, options, images,
                              shown)
         values ($1, $2, 'N', '', 1, 'USD', 'active', 1, $3, $3, '', $4, '{}', '{}', '[]', 1)",
        "insert into product (id, sku, name, brand, price, currency, status, version, created_at,
                              updated_at, description, categories, attributes, options, images,
                              shown)
         values ($1, $2, 'N', '', 1, 'USD', 'active', 1, $3, $3, '', $4, '{}', '{}', '[]', true)",
    );
    for (sku, categories) in [
        ("A", json!(["Home", "Other"])),
        ("B", json!(["Garden", "Other"])),
        ("C", json!(["Home"])),
        ("D", json!([])),
    ] {
        let mut tx = db.begin("test").await.unwrap();
        let now = tx.now();
        let row = tx.query(insert).bind(uuid::Uuid::now_v7()).bind(sku).bind(now);
        row.bind(platform::sql::Json(categories)).execute().await.unwrap();
        tx.commit().await.unwrap();
    }
    catalog::SCHEMA.migrate(&db).await.unwrap();
    let catalog = crate::world::catalog(&db);
    let expected = [("Garden", 1), ("Garden > Other", 1), ("Home", 2), ("Home > Other", 1)];
    assert_eq!(counted(&catalog).await, expected.map(|(path, n)| (path.to_owned(), n)));
    assert_eq!(catalog.shown("B").await.unwrap().0.content.categories, ["Garden", "Other"]);
    let changed = json!({"description": "It can be changed."});
    let home = catalog.category("Home").await.unwrap();
    let described = named(json!({"name": "Home", "description": changed["description"]}));
    catalog.update_category(home.id, 1, described, &Actor::SYSTEM).await.unwrap();
}
