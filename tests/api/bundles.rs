//! Products that are made of others, from the catalogue to what comes back.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::documents::{paper, says};
use crate::support::{APPROVED, Answer, Customer, Engine, Shop, id_of, on_both_engines, product};
use crate::words::{below, text, units};

on_both_engines![a_bundle_is_its_parts_wherever_stock_is_meant];

/// How many shoppers want bundles of the same parts at once.
const SHOPPERS: usize = 10;

/// A shop of lamps, desks, and sets of them.
struct World {
    shop: Shop,
    staff: Customer,
    lamp: String,
    desk: String,
    set: String,
    other: String,
}

impl World {
    /// Makes a product, as it is now, a bundle of these.
    async fn put(&self, of: &str, parts: &Value) -> Answer {
        let path = format!("/v1/admin/products/{of}");
        let etag = self.staff.get(&path).await.headers["etag"].to_str().unwrap().to_owned();
        self.put_at(of, &etag, parts).await
    }

    async fn put_at(&self, of: &str, version: &str, parts: &Value) -> Answer {
        let headers: [(&str, &[u8]); 2] =
            [("content-type", b"application/json"), ("if-match", version.as_bytes())];
        let body = json!({"parts": parts}).to_string();
        let path = format!("/v1/admin/products/{of}/parts");
        self.staff.send_as_is("PUT", &path, &headers, body.as_bytes()).await
    }

    /// What lies in the house of lamps and desks, and what of it is promised, once all is settled.
    async fn stock(&self) -> [(i64, i64); 2] {
        self.shop.settle();
        let mut levels = [(0, 0); 2];
        for (level, product) in levels.iter_mut().zip([&self.lamp, &self.desk]) {
            let seen = self.staff.get(&format!("/v1/admin/stock/{product}")).await;
            let place = &seen.body["locations"][0];
            let [on_hand, reserved] = ["on_hand", "reserved"].map(|it| place[it].as_i64().unwrap());
            *level = (on_hand, reserved);
        }
        levels
    }

    /// A shopper with a confirmed order.
    async fn ordered(&self, goods: &[(&String, i64)]) -> (Customer, Value) {
        let ada = Customer::guest(&self.shop).await;
        for (product, quantity) in goods {
            ada.fill_cart(product, *quantity).await;
        }
        let order = ada.order("first", &ada.card(APPROVED).await).await;
        assert_eq!((order.status, &order.body["status"]), (201, &json!("CONFIRMED")), "{order:?}");
        (ada, order.body)
    }
}

async fn a_bundle_is_its_parts_wherever_stock_is_meant(engine: Engine) {
    let goods = [
        product("LAMP-1", "20.00", 30),
        product("DESK-1", "250.00", 20),
        product("SET-1", "30.00", 0),
        product("SET-2", "400.00", 0),
    ];
    let Some(mut shop) = Shop::new(engine, &goods) else { return };
    shop.start(&[("STOA__ORDER__ANSWER_WAIT_MS", "10000")]);
    let staff = shop.staff().await;
    let [lamp, desk, set, other] = [
        id_of(&staff, "LAMP-1").await,
        id_of(&staff, "DESK-1").await,
        id_of(&staff, "SET-1").await,
        id_of(&staff, "SET-2").await,
    ];
    let world = World { shop, staff, lamp, desk, set, other };
    world.shop.settle();
    made_of_parts(&world).await;
    after_the_sale(&world).await;
    edited_and_called_off(&world).await;
    owed(&world).await;
    crossed(&world).await;

    // Nobody buys a set of which a part is gone.
    let gone = format!("/v1/admin/products/{}", world.desk);
    assert_eq!(world.staff.call("DELETE", &gone).await.status, 204);
    let eve = Customer::guest(&world.shop).await;
    let refused =
        eve.post("/v1/cart/lines", &json!({"product_id": world.set, "quantity": 1})).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("not_sellable")));
    world.shop.settle();
    let seen = eve.get("/v1/products/SET-1").await;
    assert_eq!(seen.body["available"], 0, "{seen:?}");
    assert_eq!(seen.body["parts"][0]["status"], "archived", "{seen:?}");
}

/// What no bundle can be, and what shoppers see of one.
async fn made_of_parts(world: &World) {
    let World { lamp, desk, set, other, staff, .. } = world;
    let part = |id: &str, quantity: i64| json!({"product_id": id, "quantity": quantity});
    let parts = json!([part(lamp, 2), part(desk, 1)]);
    let made = world.put(set, &parts).await;
    assert_eq!(made.status, 200, "{made:?}");
    let many: Vec<Value> = (0..51).map(|_| part(lamp, 1)).collect();
    for (of, wrong) in [
        (set, json!([part("0198f2a4-6f0e-7c3a-9d61-0a4f3c1b2d10", 1)])),
        (set, json!([part(set, 1)])),
        (set, json!([part(lamp, 0)])),
        (set, json!([part(lamp, -1)])),
        (set, json!([part(lamp, 1_000_000_000_000)])),
        (set, json!([part(lamp, 1), part(lamp, 2)])),
        (set, json!(many)),
        (other, json!([part(set, 1)])),
        (lamp, json!([part(other, 1)])),
    ] {
        let refused = world.put(of, &wrong).await;
        assert_eq!(refused.status, 422, "{wrong}: {refused:?}");
        assert!(refused.body["errors"][0]["field"].as_str().unwrap().starts_with("parts"));
    }
    let stale = world.put_at(set, "\"1\"", &json!([])).await;
    assert_eq!((stale.status, &stale.body["current_version"]), (412, &json!(2)), "{stale:?}");
    let crossed = world.put(other, &json!([part(desk, 2), part(lamp, 1)])).await;
    assert_eq!(crossed.status, 200, "{crossed:?}");
    let seen = staff.get(&format!("/v1/admin/products/{set}")).await;
    let told: Vec<(&Value, &Value)> = seen.body["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| (&part["sku"], &part["quantity"]))
        .collect();
    assert_eq!(told, [(&json!("DESK-1"), &json!(1)), (&json!("LAMP-1"), &json!(2))]);
    assert_eq!((&seen.body["available"], &seen.body["version"]), (&json!(15), &json!(2)));

    let eve = Customer::guest(&world.shop).await;
    eve.fill_cart(set, 10).await;
    eve.fill_cart(lamp, 11).await;
    let cart = eve.get("/v1/cart").await;
    assert_eq!(cart.body["lines"][0]["available"], 15, "{cart:?}");
    let obstacles = cart.body["obstacles"].as_array().unwrap();
    let codes: Vec<(&Value, &Value)> =
        obstacles.iter().map(|it| (&it["product_id"], &it["code"])).collect();
    let short = json!("out_of_stock");
    assert_eq!(codes, [(&json!(set), &short), (&json!(lamp), &short)], "one lamp too many");
}

/// Parcels, cancelled units and goods that come back are those of the bundle as it was bought.
async fn after_the_sale(world: &World) {
    let (staff, shop) = (&world.staff, &world.shop);
    let (ada, order) = world.ordered(&[(&world.set, 3), (&world.lamp, 2)]).await;
    assert_eq!(world.stock().await, [(30, 8), (20, 3)]);
    let seen = ada.get("/v1/products/SET-1").await;
    assert_eq!(seen.body["available"], 11, "of 22 lamps: {seen:?}");
    let bought = &order["lines"][0];
    let price = json!({"amount": "30.00", "currency": "EUR"});
    assert_eq!((&bought["unit_price"], &bought["parts"][1]["sku"]), (&price, &json!("LAMP-1")));
    assert_eq!(order["lines"][1].get("parts"), None);

    // It is another set from now on, but not for who has bought it.
    let less = json!([{"product_id": world.desk, "quantity": 1}]);
    assert_eq!(world.put(&world.set, &less).await.status, 200);
    let mine = format!("/v1/orders/{}", text(&order["id"]));
    assert_eq!(ada.get(&mine).await.body["lines"], order["lines"]);

    let one = json!({"lines": [units(&order, "SET-1", 1)]});
    let left = staff.post(&below(&order, "shipments"), &one).await;
    assert_eq!(left.status, 200, "{left:?}");
    let parcel = text(&left.body["shipments"][0]["id"]);
    let slip = paper(staff, &format!("/v1/admin/shipments/{parcel}/packing-slip.pdf")).await;
    says(&slip, &["Product SET-1 (SET-1) 1", "DESK-1 (DESK-1) 1", "LAMP-1 (LAMP-1) 2"]);
    let off = json!({"lines": [units(&order, "SET-1", 1)], "reason": "One too many."});
    let off = staff.post(&below(&order, "cancel-lines"), &off).await;
    assert_eq!(off.status, 200, "{off:?}");
    assert_eq!(world.stock().await, [(28, 4), (19, 1)]);
    for (step, status) in [("ship", "SHIPPED"), ("deliver", "DELIVERED")] {
        let moved = staff.post(&below(&order, step), &json!({})).await;
        assert_eq!(moved.body["status"], status, "{moved:?}");
    }
    assert_eq!(world.stock().await, [(24, 0), (18, 0)]);

    for (condition, restock) in [("sellable", true), ("damaged", false)] {
        let mut line = units(&order, "SET-1", 1);
        line["reason"] = json!("no_longer_wanted");
        let asked =
            ada.command(&format!("{mine}/returns"), condition, &json!({"lines": [line]})).await;
        assert_eq!(asked.status, 201, "{asked:?}");
        let found = json!({"lines": [{
            "line_id": order["lines"][0]["id"], "accepted": 1, "condition": condition,
            "restock": restock,
        }]});
        let at = format!("/v1/admin/returns/{}", text(&asked.body["id"]));
        for (step, body) in [("approve", json!({})), ("receive", json!({})), ("inspect", found)] {
            let moved = staff.post(&format!("{at}/{step}"), &body).await;
            assert_eq!(moved.status, 200, "{step}: {moved:?}");
        }
    }
    assert_eq!(world.stock().await, [(26, 0), (19, 0)], "the damaged set is not sold again");
    let parts = json!([
        {"product_id": world.lamp, "quantity": 2}, {"product_id": world.desk, "quantity": 1},
    ]);
    assert_eq!(world.put(&world.set, &parts).await.status, 200);
    let seen = shop.staff().await.get(&format!("/v1/admin/products/{}", world.set)).await;
    assert_eq!(seen.body["available"], 13, "{seen:?}");
}

/// An edit and a cancel promise and give back the parts, and only what there is more or less of.
async fn edited_and_called_off(world: &World) {
    let staff = &world.staff;
    let (ada, order) = world.ordered(&[(&world.set, 2), (&world.lamp, 1)]).await;
    let path = below(&order, "edit");
    let change = |set: i64, lamps: i64, token: &str| {
        json!({
            "change": [units(&order, "SET-1", set), units(&order, "LAMP-1", lamps)],
            "reason": "They called.", "payment_token": token,
        })
    };
    // One set less and two lamps more are as many lamps as before.
    let swapped = change(1, 3, &ada.card(APPROVED).await);
    let edited = staff.command(&path, "swapped", &swapped).await;
    assert_eq!(edited.status, 200, "{edited:?}");
    assert_eq!(world.stock().await, [(26, 5), (19, 1)]);
    let more = change(3, 3, &ada.card(APPROVED).await);
    let edited = staff.command(&path, "more", &more).await;
    assert_eq!(edited.status, 200, "{edited:?}");
    assert_eq!(world.stock().await, [(26, 9), (19, 3)]);
    let too_many = change(12, 3, &ada.card(APPROVED).await);
    let refused = staff.command(&path, "too many", &too_many).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("out_of_stock")));
    assert_eq!(refused.body["lines"][0]["product_id"], json!(world.lamp), "{refused:?}");
    let added = json!({
        "add": [{"product_id": world.other, "quantity": 1}], "reason": "They called.",
        "payment_token": ada.card(APPROVED).await,
    });
    let edited = staff.command(&path, "added", &added).await;
    assert_eq!(edited.status, 200, "{edited:?}");
    assert_eq!(world.stock().await, [(26, 10), (19, 5)]);
    let dropped = json!({"change": [units(&edited.body, "SET-2", 0)], "reason": "They called."});
    let edited = staff.command(&path, "dropped", &dropped).await;
    assert_eq!(edited.status, 200, "{edited:?}");
    let off = staff.post(&below(&order, "cancel"), &json!({"reason": "They called."})).await;
    assert_eq!(off.body["status"], "CANCELLED", "{off:?}");
    assert_eq!(world.stock().await, [(26, 0), (19, 0)]);
}

/// A set waits for the part that is still to come.
async fn owed(world: &World) {
    let staff = &world.staff;
    let policy = json!({"policy": "backorder", "backorder_max": 4}).to_string();
    let kind: [(&str, &[u8]); 1] = [("content-type", b"application/json")];
    let path = format!("/v1/admin/stock/{}/policy", world.lamp);
    let put = staff.send_as_is("PUT", &path, &kind, policy.as_bytes()).await;
    assert_eq!(put.status, 200, "{put:?}");
    world.shop.settle();
    let seen = staff.get(&format!("/v1/admin/products/{}", world.set)).await;
    assert_eq!((&seen.body["available"], &seen.body["backorderable"]), (&json!(13), &json!(2)));
    let (_, order) = world.ordered(&[(&world.set, 14)]).await;
    let refused = staff.post(&below(&order, "ship"), &json!({})).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("out_of_stock")));
    let short = &refused.body["lines"][0];
    let (product, left) = (&short["product_id"], &short["available"]);
    assert_eq!((product, left), (&json!(world.lamp), &json!(26)), "{refused:?}");
    let adjust = format!("/v1/admin/stock/{}/adjust", world.lamp);
    let came = json!({"delta": 2, "reason": "received"});
    assert_eq!(staff.command(&adjust, "came", &came).await.status, 200);
    let left = staff.post(&below(&order, "ship"), &json!({})).await;
    assert_eq!(left.body["status"], "SHIPPED", "{left:?}");
    let put = staff.send_as_is("PUT", &path, &kind, br#"{"policy": "deny"}"#).await;
    assert_eq!(put.status, 200, "{put:?}");
    assert_eq!(world.stock().await, [(0, 0), (5, 0)]);
}

/// Two bundles of the same two parts, put into the carts in either order: whoever gets one part gets the other.
async fn crossed(world: &World) {
    for (product, delta) in [(&world.lamp, 12), (&world.desk, 7)] {
        let adjust = format!("/v1/admin/stock/{product}/adjust");
        let came = json!({"delta": delta, "reason": "received"});
        assert_eq!(world.staff.command(&adjust, product, &came).await.status, 200);
    }
    let mut shoppers = Vec::new();
    for n in 0..SHOPPERS {
        let shopper = Customer::guest(&world.shop).await;
        let mut goods = [&world.set, &world.other];
        goods.rotate_left(n % 2);
        for product in goods {
            shopper.fill_cart(product, 1).await;
        }
        let token = shopper.card(APPROVED).await;
        shoppers.push((shopper, token));
    }
    let orders = join_all(shoppers.iter().map(|(shopper, token)| shopper.order("first", token)));
    let mut sold = 0;
    for order in orders.await {
        match order.status {
            201 => sold += 1,
            _ => assert_eq!(order.body["code"], "out_of_stock", "{order:?}"),
        }
    }
    assert_eq!(sold, 4, "three lamps and three desks each");
    assert_eq!(world.stock().await, [(12, 12), (12, 12)]);
}
