//! Products that are made of others.

use catalog::domain::Status;
use catalog::{Catalog, Error, PartInput, SCHEMA};
use kernel::events::{LocationChanged, StockAdjusted};
use kernel::id::{LocationId, ProductId, StockId};
use kernel::ports::{Buyer, Catalog as _, Offer};
use platform::audit::Actor;
use platform::sql::{Db, Sql};
use serde_json::json;

use crate::world::{catalog, envelope, hear_stock, input, kinds, set_stock, wanted};

platform::on_both_engines!(super::SCHEMA =>
    what_no_bundle_can_be_is_refused_and_changes_nothing,
    there_are_as_many_bundles_as_there_are_parts_for,
    a_bundle_has_nothing_left_when_a_part_is_archived,
    what_is_owed_of_every_part_is_owed_of_the_bundle,
    offers_tell_what_a_bundle_is_made_of,
    parts_that_change_while_their_stock_does_are_counted,
);

struct World {
    db: Db,
    catalog: Catalog,
}

impl World {
    fn new(db: &Db) -> Self {
        Self { db: db.clone(), catalog: catalog(db) }
    }

    async fn product(&self, sku: &str, fields: serde_json::Value) -> ProductId {
        self.catalog.create(input(sku, fields), &Actor::SYSTEM).await.unwrap().id
    }

    async fn products<const N: usize>(&self, skus: [&str; N]) -> [ProductId; N] {
        let mut ids = Vec::new();
        for sku in skus {
            ids.push(self.product(sku, json!({})).await);
        }
        ids.try_into().unwrap()
    }

    /// Makes a product, as it is now, one of these.
    async fn set_parts(&self, of: ProductId, parts: &[(ProductId, i64)]) -> catalog::Result<()> {
        let revision = self.catalog.find(of).await?.revision;
        let part = |(product_id, quantity): &(ProductId, i64)| PartInput {
            product_id: *product_id,
            quantity: *quantity,
        };
        let parts = parts.iter().map(part).collect();
        self.catalog.set_parts(of, revision, parts, &Actor::SYSTEM).await.map(drop)
    }

    async fn stock(&self, product: ProductId, on_hand: i64) {
        set_stock(&self.db, &self.catalog, product, on_hand, 0).await;
    }

    /// What can be had of it now, and later, and whether it is in stock.
    async fn shown(&self, product: ProductId) -> (i64, i64, bool) {
        let text = "select inventory_count, backorderable, in_stock from product where id = $1";
        self.db.query(Sql::new(text)).bind(product.uuid()).one().await.unwrap()
    }

    async fn offer(&self, product: ProductId) -> Offer {
        let offers = self.catalog.offers(Buyer::default(), &[wanted(product)]).await.unwrap();
        offers.into_iter().next().unwrap()
    }
}

fn field(result: catalog::Result<()>) -> String {
    match result.unwrap_err() {
        Error::Invalid(errors) => errors[0].field.clone(),
        other => panic!("{other:?}"),
    }
}

async fn what_no_bundle_can_be_is_refused_and_changes_nothing(db: Db) {
    let world = World::new(&db);
    let [set, lamp, desk, parent] = world.products(["SET", "LAMP", "DESK", "SHIRT"]).await;
    world.product("SHIRT-S", json!({"parent_id": parent})).await;
    world.set_parts(set, &[(lamp, 2), (desk, 1)]).await.unwrap();
    let before = world.catalog.find(set).await.unwrap();
    let told = kinds(&db).await.len();
    let [other, third] = world.products(["OTHER", "THIRD"]).await;
    world.set_parts(other, &[(lamp, 1)]).await.unwrap();
    let cases = [
        (set, vec![(ProductId::new(), 1)], "parts[0].product_id"),
        (set, vec![(lamp, 1), (other, 1)], "parts[1].product_id"),
        (set, vec![(set, 1)], "parts[0].product_id"),
        (set, vec![(parent, 1)], "parts[0].product_id"),
        (set, vec![(lamp, 1), (lamp, 1)], "parts[1].product_id"),
        (set, vec![(lamp, 0)], "parts[0].quantity"),
        (set, vec![(lamp, -1)], "parts[0].quantity"),
        (set, vec![(lamp, i64::MAX)], "parts[0].quantity"),
        (set, (0..51).map(|_| (ProductId::new(), 1)).collect(), "parts"),
        (lamp, vec![(third, 1)], "parts"),
        (parent, vec![(third, 1)], "parts"),
    ];
    for (of, parts, expected) in cases {
        assert_eq!(field(world.set_parts(of, &parts).await), expected, "{parts:?}");
    }
    let stale = world.catalog.set_parts(set, before.revision - 1, vec![], &Actor::SYSTEM).await;
    assert!(matches!(stale, Err(Error::Stale { current }) if current == before.revision));
    let nothing = world.catalog.set_parts(ProductId::new(), 1, vec![], &Actor::SYSTEM).await;
    assert!(matches!(nothing, Err(Error::NotFound)));
    for tied in [set, lamp] {
        let variant = input("VARIANT", json!({"parent_id": tied}));
        let refused = world.catalog.create(variant, &Actor::SYSTEM).await;
        assert_eq!(field(refused.map(drop)), "parent_id");
    }
    assert_eq!(world.catalog.find(set).await.unwrap(), before);
    assert_eq!(kinds(&db).await.len(), told + 3, "two products and a bundle");
    // What is in no bundle any more can be one itself.
    world.set_parts(other, &[]).await.unwrap();
    world.set_parts(set, &[]).await.unwrap();
    world.set_parts(lamp, &[(set, 1)]).await.unwrap();
    assert!(!world.catalog.find(desk).await.unwrap().is_bundled);
}

async fn there_are_as_many_bundles_as_there_are_parts_for(db: Db) {
    let world = World::new(&db);
    let [set, lamp, desk, shelf] = world.products(["SET", "LAMP", "DESK", "SHELF"]).await;
    world.stock(set, 90).await;
    world.stock(lamp, 7).await;
    world.set_parts(set, &[(lamp, 2), (desk, 1)]).await.unwrap();
    assert_eq!(world.shown(set).await, (0, 0, false), "its own stock is not sold");
    world.stock(desk, 9).await;
    assert_eq!(world.shown(set).await, (3, 0, true));
    world.stock(set, 80).await;
    assert_eq!(world.shown(set).await, (3, 0, true), "whatever becomes of its own stock");
    world.stock(lamp, 1).await;
    assert_eq!((world.shown(set).await, world.shown(lamp).await.0), ((0, 0, false), 1));
    let turns: Vec<bool> = crate::world::events(&db)
        .await
        .iter()
        .filter(|event| event.subject == set.uuid())
        .filter_map(|event| event.data["in_stock"].as_bool())
        .collect();
    assert_eq!(turns, [true, false, true, false]);
    world.stock(lamp, 4).await;
    world.stock(shelf, 1).await;
    world.set_parts(set, &[(lamp, 1), (shelf, 1)]).await.unwrap();
    assert_eq!(world.shown(set).await, (1, 0, true));
    world.stock(desk, 0).await;
    assert_eq!(world.shown(set).await, (1, 0, true));

    // A location that closes takes the bundles along, whose parts lie there.
    let location = async |is_for_sale| {
        let (location_id, code) = (LocationId::new(), "main".to_owned());
        let changed = LocationChanged { location_id, code, is_for_sale };
        hear_stock(&world.db, &world.catalog, &envelope(&world.db, &changed)).await;
    };
    location(false).await;
    assert_eq!(world.shown(set).await, (0, 0, false));
    location(true).await;
    assert_eq!(world.shown(set).await, (1, 0, true));

    world.set_parts(set, &[]).await.unwrap();
    assert_eq!(world.shown(set).await, (80, 0, true), "it is a plain product again");
    world
        .catalog
        .verify()
        .await
        .unwrap()
        .iter()
        .for_each(|check| assert!(check.holds(), "{check:?}"));
}

async fn a_bundle_has_nothing_left_when_a_part_is_archived(db: Db) {
    let world = World::new(&db);
    let [set, lamp, desk] = world.products(["SET", "LAMP", "DESK"]).await;
    world.set_parts(set, &[(lamp, 1), (desk, 1)]).await.unwrap();
    world.stock(lamp, 5).await;
    world.stock(desk, 5).await;
    // It need not be sold alone.
    let draft = json!({"status": "draft"});
    let revision = world.catalog.find(desk).await.unwrap().revision;
    world.catalog.patch(desk, revision, draft, &Actor::SYSTEM).await.unwrap();
    assert!(world.offer(set).await.sellable);
    world.catalog.archive(lamp, None, &Actor::SYSTEM).await.unwrap();
    assert_eq!(world.shown(set).await, (0, 0, false));
    assert!(!world.offer(set).await.sellable);
    let parts = world.catalog.find(set).await.unwrap();
    assert_eq!(parts.content.status, Status::Active);
    let revision = world.catalog.find(lamp).await.unwrap().revision;
    let back = json!({"status": "active"});
    world.catalog.patch(lamp, revision, back, &Actor::SYSTEM).await.unwrap();
    assert_eq!(world.shown(set).await, (5, 0, true));
    assert!(world.offer(set).await.sellable);
}

async fn what_is_owed_of_every_part_is_owed_of_the_bundle(db: Db) {
    let world = World::new(&db);
    let [set, lamp, desk] = world.products(["SET", "LAMP", "DESK"]).await;
    world.set_parts(set, &[(lamp, 2), (desk, 1)]).await.unwrap();
    let owing = async |product: ProductId, on_hand, backorder_max| {
        let event = StockAdjusted {
            stock_id: StockId::from(product.uuid()),
            product_id: product,
            location: "main".to_owned(),
            is_for_sale: true,
            delta: 1,
            on_hand,
            reserved: 0,
            safety: 0,
            backorder_max,
            available_from: None,
            reason: "count".to_owned(),
        };
        hear_stock(&world.db, &world.catalog, &envelope(&world.db, &event)).await;
    };
    owing(lamp, 3, 6).await;
    owing(desk, 5, 0).await;
    assert_eq!(world.shown(set).await, (1, 3, true), "four of nine lamps");
    owing(desk, 0, 0).await;
    assert_eq!(world.shown(set).await, (0, 0, false));
    owing(desk, 0, 2).await;
    assert_eq!(world.shown(set).await, (0, 2, true));
}

async fn offers_tell_what_a_bundle_is_made_of(db: Db) {
    let world = World::new(&db);
    let set = world.product("SET", json!({"price": {"amount": "99.00", "currency": "USD"}})).await;
    let lamp = world.product("LAMP", json!({"weight_g": 700})).await;
    let desk = world.product("DESK", json!({"weight_g": 9_000})).await;
    world.set_parts(set, &[(lamp, 2), (desk, 1)]).await.unwrap();
    let offer = world.offer(set).await;
    let parts: Vec<_> = offer.parts.iter().map(|part| (part.sku.as_str(), part.quantity)).collect();
    assert_eq!(parts, [("DESK", 1), ("LAMP", 2)]);
    assert_eq!((offer.price.minor(), offer.weight_g), (9_900, 10_400));
    assert!(world.offer(lamp).await.parts.is_empty());
}

/// Whoever counts a part's stock knows of the bundle that it has just become a part of.
async fn parts_that_change_while_their_stock_does_are_counted(db: Db) {
    let world = World::new(&db);
    let [set, lamp, desk] = world.products(["SET", "LAMP", "DESK"]).await;
    for round in 1..8_i64 {
        let parts = if round % 2 == 0 { vec![(desk, 1)] } else { vec![(lamp, 1)] };
        let (made, (), ()) = tokio::join!(
            world.set_parts(set, &parts),
            world.stock(lamp, round),
            world.stock(desk, 10 + round)
        );
        made.unwrap();
        let left = if round % 2 == 0 { 10 + round } else { round };
        assert_eq!(world.shown(set).await.0, left, "round {round}");
    }
}
