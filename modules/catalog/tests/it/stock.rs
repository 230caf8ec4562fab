//! What the catalogue shows of stock at several locations.

use catalog::{Catalog, SCHEMA};
use kernel::events::{LocationChanged, StockAdjusted, StockReserved};
use kernel::id::{LocationId, OrderId, ProductId, StockId};
use platform::audit::Actor;
use platform::bus::Handler;
use platform::sql::{Db, Sql};
use serde_json::json;

use crate::world::{catalog, envelope, hear_stock, input, kinds};

platform::on_both_engines!(super::SCHEMA =>
    what_is_shown_is_the_sum_of_the_locations_that_serve,
    a_product_turns_when_its_last_location_closes,
    stock_heard_of_without_its_location_counts,
    what_is_kept_back_is_not_shown,
    what_can_be_owed_is_for_sale_until_it_is_taken,
);

struct World {
    db: Db,
    catalog: Catalog,
    product: ProductId,
}

impl World {
    async fn new(db: &Db) -> Self {
        let catalog = catalog(db);
        let lamp = input("LAMP-1", json!({}));
        let product = catalog.create(lamp, &Actor::SYSTEM).await.unwrap().id;
        Self { db: db.clone(), catalog, product }
    }

    async fn location(&self, code: &str, is_for_sale: bool) {
        let (location_id, code) = (LocationId::new(), code.to_owned());
        let changed = LocationChanged { location_id, code, is_for_sale };
        hear_stock(&self.db, &self.catalog, &envelope(&self.db, &changed)).await;
    }

    async fn adjusted(&self, stock_id: StockId, location: &str, on_hand: i64) {
        self.kept_back(stock_id, location, on_hand, 0).await;
    }

    async fn kept_back(&self, stock_id: StockId, location: &str, on_hand: i64, safety: i64) {
        self.owing(stock_id, location, on_hand, safety, 0).await;
    }

    async fn owing(
        &self,
        stock_id: StockId,
        location: &str,
        on_hand: i64,
        safety: i64,
        backorder_max: i64,
    ) {
        let event = StockAdjusted {
            stock_id,
            product_id: self.product,
            location: location.to_owned(),
            is_for_sale: location == "main",
            delta: 1,
            on_hand,
            reserved: 0,
            safety,
            backorder_max,
            available_from: None,
            reason: "count".to_owned(),
        };
        hear_stock(&self.db, &self.catalog, &envelope(&self.db, &event)).await;
    }

    async fn reserved(&self, stock_id: StockId, on_hand: i64, reserved: i64) {
        let (product_id, order_id) = (self.product, OrderId::new());
        let (quantity, backordered) = (1, 0);
        let event = StockReserved {
            stock_id,
            product_id,
            order_id,
            quantity,
            backordered,
            on_hand,
            reserved,
        };
        hear_stock(&self.db, &self.catalog, &envelope(&self.db, &event)).await;
    }

    async fn shown(&self) -> (i64, bool) {
        let text = "select inventory_count, in_stock from product where id = $1";
        self.db.query(Sql::new(text)).bind(self.product.uuid()).one().await.unwrap()
    }
}

async fn what_is_shown_is_the_sum_of_the_locations_that_serve(db: Db) {
    let world = World::new(&db).await;
    let (main, south) = (StockId::new(), StockId::new());
    world.location("main", true).await;
    world.adjusted(main, "main", 5).await;
    world.adjusted(south, "south", 90).await;
    assert_eq!(world.shown().await, (5, true), "nothing is known of the south");
    world.location("south", true).await;
    assert_eq!(world.shown().await, (95, true));
    world.reserved(south, 90, 60).await;
    world.reserved(main, 5, 1).await;
    assert_eq!(world.shown().await, (34, true));
    world.location("main", false).await;
    assert_eq!(world.shown().await, (30, true));
    // An adjustment that was made before the location closed says so still, and is not believed.
    world.adjusted(main, "main", 7).await;
    assert_eq!(world.shown().await, (30, true));
    let Handler::Reaction(reaction) = &world.catalog.subscriptions()[0].handler else {
        panic!("a reaction");
    };
    let mut tx = db.begin("test.reset").await.unwrap();
    reaction.reset(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.shown().await.0, 0);
    world.adjusted(main, "main", 7).await;
    assert_eq!(world.shown().await, (7, true));
}

async fn a_product_turns_when_its_last_location_closes(db: Db) {
    let world = World::new(&db).await;
    let turns = async || {
        let kinds = kinds(&db).await;
        kinds.iter().filter(|kind| *kind == "product.availability_changed").count()
    };
    world.location("main", true).await;
    world.adjusted(StockId::new(), "main", 5).await;
    assert_eq!(turns().await, 1);
    world.location("main", false).await;
    assert_eq!((world.shown().await, turns().await), ((0, false), 2));
    world.location("main", false).await;
    assert_eq!(turns().await, 2);
    world.location("main", true).await;
    assert_eq!((world.shown().await, turns().await), ((5, true), 3));
}

/// It is of the time when orders were served from one location.
async fn stock_heard_of_without_its_location_counts(db: Db) {
    let world = World::new(&db).await;
    let main = StockId::new();
    world.reserved(main, 5, 2).await;
    assert_eq!(world.shown().await, (3, true));
    world.adjusted(main, "main", 4).await;
    world.location("main", false).await;
    assert_eq!(world.shown().await, (0, false));
}

async fn what_is_kept_back_is_not_shown(db: Db) {
    let world = World::new(&db).await;
    let (main, south) = (StockId::new(), StockId::new());
    world.location("south", true).await;
    world.kept_back(main, "main", 5, 2).await;
    world.kept_back(south, "south", 1, 3).await;
    assert_eq!(world.shown().await, (3, true));
    world.reserved(main, 5, 4).await;
    assert_eq!(world.shown().await, (0, false));
    world.adjusted(south, "south", 1).await;
    assert_eq!(world.shown().await, (1, true));
}

async fn what_can_be_owed_is_for_sale_until_it_is_taken(db: Db) {
    let world = World::new(&db).await;
    let (main, south) = (StockId::new(), StockId::new());
    let owed = async || {
        let text = "select backorderable from product where id = $1";
        let found = world.db.query(Sql::new(text)).bind(world.product.uuid());
        found.one::<(i64,)>().await.unwrap().0
    };
    world.owing(main, "main", 1, 0, 4).await;
    world.owing(south, "south", 1, 0, 9).await;
    assert_eq!((world.shown().await, owed().await), ((1, true), 4), "the south serves no orders");
    world.reserved(main, 1, 3).await;
    assert_eq!((world.shown().await, owed().await), ((0, true), 2));
    world.reserved(main, 1, 5).await;
    assert_eq!((world.shown().await, owed().await), ((0, false), 0));
    world.location("south", true).await;
    assert_eq!((world.shown().await, owed().await), ((1, true), 9));
}
