//! Everything that the staff can change is in the audit log: each endpoint of the program that changes
//! something is called once here, and one that is not fails the test.

mod after_sale;
mod carried;
mod credit;
mod disputed;
mod ledger;
mod letters;
mod scene;
mod terms;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use self::scene::{About, Scene};
use crate::support::{APPROVED, Customer, Engine, Shop, id_of, on_both_engines, product};
use crate::words::{euros, text};

on_both_engines![every_change_of_the_staff_is_in_the_log];

/// A picture of eight by eight points.
const PNG: &str = "89504e470d0a1a0a0000000d49484452000000080000000808020000004b6d29dc0000001149444154\
                   78da635068388015310c2d09003ac65801ffadcfc80000000049454e44ae426082";

/// The endpoints under /v1/admin that change something.
fn changing(shop: &Shop) -> BTreeSet<String> {
    let listed = String::from_utf8(shop.run(&["routes"]).stdout).unwrap();
    let endpoint = |line: &str| {
        let mut words = line.split_whitespace();
        format!("{} {}", words.next().unwrap(), words.next().unwrap())
    };
    let all = listed.lines().map(endpoint).filter(|endpoint| endpoint.contains(" /v1/admin/"));
    all.filter(|endpoint| !endpoint.starts_with("GET ")).collect()
}

async fn every_change_of_the_staff_is_in_the_log(engine: Engine) {
    let products = [product("LAMP-1", "20.00", 50), product("DESK-1", "250.00", 5)];
    let Some(mut shop) = Shop::new(engine, &products) else { return };
    shop.start(&[
        ("STOA__PAYMENT__CAPTURE", "shipped"),
        ("STOA__PAYMENT__SANDBOX__DISPUTE_AFTER_MS", "0"),
        ("STOA__PAYMENT__SANDBOX__POLL_MS", "50"),
    ]);
    let admin = shop.admin().await;
    let me = text(&admin.get("/v1/auth/me").await.body["id"]);
    let told = json!({"actor": me, "actor_kind": "person", "key_made_by": null});
    let mut scene = Scene::new(admin.clone(), told).await;
    let (lamp, desk) = (id_of(&admin, "LAMP-1").await, id_of(&admin, "DESK-1").await);

    people(&mut scene, &shop).await;
    definitions(&mut scene).await;
    catalogue(&mut scene, &desk).await;
    terms::prices(&mut scene, &lamp).await;
    terms::taxes(&mut scene).await;
    terms::shipping(&mut scene).await;
    files(&mut scene).await;
    money(&mut scene, &shop, &lamp).await;
    after_sale::after_its_sale(&mut scene, &shop, &lamp).await;

    let body = json!({"delta": 3, "reason": "counted"});
    let adjust = "POST /v1/admin/stock/{product_id}/adjust";
    let (_, entry) = scene.json(adjust, &[&lamp], body, "stock.adjust", About::Is(&lamp)).await;
    assert_eq!(entry["after"]["reason"], "counted");
    let (before, after) = (&entry["before"]["on_hand"], &entry["after"]["on_hand"]);
    assert_eq!(after.as_i64().unwrap() - before.as_i64().unwrap(), 3);

    places(&mut scene, &lamp).await;
    letters::letters_and_calls(&mut scene, &shop).await;
    carried::parcels(&mut scene, &shop).await;
    disputed::payments(&mut scene, &shop, &lamp).await;
    ledger::settlements(&mut scene).await;
    credit::stored_value(&mut scene, &shop).await;

    by_a_key(&mut scene, &lamp, &me).await;

    let (all, called) = (changing(&shop), &scene.called);
    let missing: Vec<&String> = all.difference(called).collect();
    assert!(missing.is_empty(), "no test knows what the log has of {missing:?}");
    let unknown: Vec<&String> = called.difference(&all).collect();
    assert!(unknown.is_empty() && all.len() > 40, "{unknown:?}");
}

async fn people(scene: &mut Scene, shop: &Shop) {
    let (roles, role) = ("POST /v1/admin/roles", "PUT /v1/admin/roles/{name}");
    let new = json!({"name": "packer", "permissions": ["stock.read"]});
    let (made, _) = scene.json(roles, &[], new, "role.create", About::Made).await;
    let packer = text(&made.body["id"]);
    let more = json!({"permissions": ["stock.read", "stock.write"]});
    let (_, entry) = scene.json(role, &["packer"], more, "role.update", About::Is(&packer)).await;
    assert_eq!(entry["before"]["permissions"], json!(["stock.read"]));
    assert_eq!(entry["after"]["permissions"], json!(["stock.read", "stock.write"]));
    let gone = "DELETE /v1/admin/roles/{name}";
    scene.bare(gone, &["packer"], "role.delete", About::Is(&packer)).await;

    let ada = json!({"email": "ada@example.com", "password": "correct horse battery", "name": "A"});
    let ada = Customer::anyone(shop).post("/v1/auth/register", &ada).await;
    let ada = text(&ada.body["id"]);
    assert_eq!(scene.news().await, [] as [Value; 0], "what a shopper does is not in the log");
    let (give, support) = ("PUT /v1/admin/staff/{id}/role", json!({"role": "support"}));
    let (_, entry) = scene.json(give, &[&ada], support, "account.role", About::Is(&ada)).await;
    assert_eq!(entry["before"], json!({"role": "customer"}));
    let (give, trade) = ("PUT /v1/admin/customers/{id}/group", json!({"group": "trade"}));
    let (_, entry) = scene.json(give, &[&ada], trade, "account.group", About::Is(&ada)).await;
    assert_eq!(entry["after"], json!({"group": "trade"}));

    let key = json!({"name": "scanner", "permissions": ["stock.read"]});
    let keys = "POST /v1/admin/api-keys";
    let (made, entry) = scene.json(keys, &[], key, "api_key.create", About::Made).await;
    assert!(!entry.to_string().contains(made.body["key"].as_str().unwrap()));
    let id = text(&made.body["id"]);
    scene.bare("DELETE /v1/admin/api-keys/{id}", &[&id], "api_key.revoke", About::Is(&id)).await;
}

async fn definitions(scene: &mut Scene) {
    let new = json!({"code": "colour", "kind": "text"});
    let (_, made) =
        scene.json("POST /v1/admin/attributes", &[], new, "attribute.create", About::Named).await;
    let id = text(&made["subject"]);
    let named = json!({"code": "colour", "kind": "text", "label": "Colour"});
    let put = "PUT /v1/admin/attributes/{code}";
    scene.json(put, &["colour"], named, "attribute.update", About::Is(&id)).await;
    let gone = "DELETE /v1/admin/attributes/{code}";
    scene.bare(gone, &["colour"], "attribute.delete", About::Is(&id)).await;

    let new = json!({"name": "Garden"});
    let (made, _) =
        scene.json("POST /v1/admin/categories", &[], new, "category.create", About::Made).await;
    let id = text(&made.body["id"]);
    let named = json!({"name": "Garden", "description": "Outside."});
    let put = "PUT /v1/admin/categories/{id}";
    scene.json(put, &[&id], named, "category.update", About::Is(&id)).await;
    let gone = "DELETE /v1/admin/categories/{id}";
    scene.bare(gone, &[&id], "category.delete", About::Is(&id)).await;

    let new = json!({"kind": "equivalent", "terms": ["tv", "television"]});
    let (made, _) =
        scene.json("POST /v1/admin/synonyms", &[], new, "synonym.create", About::Made).await;
    let id = text(&made.body["id"]);
    let other = json!({"kind": "equivalent", "terms": ["tv", "telly"]});
    let put = "PUT /v1/admin/synonyms/{id}";
    scene.json(put, &[&id], other, "synonym.update", About::Is(&id)).await;
    scene.bare("DELETE /v1/admin/synonyms/{id}", &[&id], "synonym.delete", About::Is(&id)).await;

    let new = json!({"code": "AUTUMN10", "percent": "10", "uses_max": 5});
    let (_, entry) =
        scene.json("POST /v1/admin/promotions", &[], new, "promotion.create", About::Named).await;
    let issued = json!({"code": "AUTUMN10", "percent": "10", "uses_max": 5});
    assert_eq!(entry["after"], issued);
    let other = json!({"code": "AUTUMN10", "percent": "20", "uses_max": 5});
    let put = "PUT /v1/admin/promotions/{code}";
    let (_, entry) = scene.json(put, &["AUTUMN10"], other, "promotion.change", About::Named).await;
    assert_eq!(
        (&entry["before"]["percent"], &entry["after"]["percent"]),
        (&json!("10.00"), &json!("20.00"))
    );
    let off = "POST /v1/admin/promotions/{code}/deactivate";
    let entry = scene.bare(off, &["AUTUMN10"], "promotion.deactivate", About::Named).await;
    assert_eq!(
        (&entry["before"], &entry["after"]),
        (&json!({"active": true}), &json!({"active": false}))
    );
    let on = "POST /v1/admin/promotions/{code}/activate";
    scene.bare(on, &["AUTUMN10"], "promotion.activate", About::Named).await;
}

async fn catalogue(scene: &mut Scene, desk: &str) {
    // A category that is not there yet is made along the way.
    let new = json!({"sku": "INK-1", "name": "Ink", "price": euros("2.00"), "categories": ["Ink"]});
    let new = ("application/json", new.to_string().into_bytes());
    let wanted = [("category.create", About::Named), ("product.create", About::Made)];
    scene.call("POST /v1/admin/products", &[], new, &wanted).await;
    let new =
        json!({"sku": "PEN-1", "name": "Pen", "price": euros("2.00"), "categories": ["Tests"]});
    let (made, _) = scene
        .json("POST /v1/admin/products", &[], new.clone(), "product.create", About::Made)
        .await;
    let id = text(&made.body["id"]);
    let mut dearer = new;
    dearer["price"] = euros("2.50");
    let put = "PUT /v1/admin/products/{id}";
    let (_, entry) = scene.json(put, &[&id], dearer, "product.update", About::Is(&id)).await;
    assert_eq!(entry["after"]["price"], euros("2.50"));
    let patch = "PATCH /v1/admin/products/{id}";
    let name = json!({"name": "Red pen"});
    scene.json(patch, &[&id], name, "product.update", About::Is(&id)).await;
    let items = json!({"items": [{"kind": "accessory", "product_id": desk}]});
    let put = "PUT /v1/admin/products/{id}/related";
    scene.json(put, &[&id], items, "product.relate", About::Is(&id)).await;
    let put = "PUT /v1/admin/products/{id}/parts";
    let parts = json!({"parts": [{"product_id": desk, "quantity": 2}]});
    let (_, entry) = scene.json(put, &[&id], parts, "product.parts", About::Is(&id)).await;
    assert_eq!(entry["after"]["parts"][0]["quantity"], 2);
    let items = json!({"items": [{"sku": "PEN-1", "name": "Blue pen"}]});
    let bulk = "POST /v1/admin/products/bulk";
    scene.json(bulk, &[], items, "product.update", About::Is(&id)).await;

    let new = json!({"name": "Gifts"});
    let (made, _) =
        scene.json("POST /v1/admin/collections", &[], new, "collection.create", About::Made).await;
    let gifts = text(&made.body["id"]);
    let named = json!({"name": "Gifts", "description": "For others."});
    let put = "PUT /v1/admin/collections/{id}";
    scene.json(put, &[&gifts], named, "collection.update", About::Is(&gifts)).await;
    let put = "PUT /v1/admin/collections/{id}/products";
    let chosen = json!({"items": [id]});
    scene.json(put, &[&gifts], chosen, "collection.choose", About::Is(&gifts)).await;
    let gone = "DELETE /v1/admin/collections/{id}";
    scene.bare(gone, &[&gifts], "collection.delete", About::Is(&gifts)).await;
    let gone = "DELETE /v1/admin/products/{id}";
    scene.bare(gone, &[&id], "product.archive", About::Is(&id)).await;
}

async fn files(scene: &mut Scene) {
    let png = ("image/png", hex::decode(PNG).unwrap());
    let wanted = [("image.create", About::Made)];
    let (made, _) = scene.call("POST /v1/admin/images", &[], png, &wanted).await;
    let id = text(&made.body["id"]);
    let alt = json!({"alt": "A square"});
    scene.json("PATCH /v1/admin/images/{id}", &[&id], alt, "image.update", About::Is(&id)).await;
    scene.bare("DELETE /v1/admin/images/{id}", &[&id], "image.delete", About::Is(&id)).await;

    // The first keeps the node at work, so that the second waits and can be called off. What imports
    // write is told under the name of who asked; trials write nothing.
    let line = |n: u32| format!("{{\"sku\":\"X-{n}\",\"name\":\"X\",\"price\":\"1.00\"}}\n");
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let file: String = (0..30_000).map(line).collect();
        let file = ("application/x-ndjson", file.into_bytes());
        let wanted = [("import.create", About::Made)];
        let import = ["format=jsonl&dry_run=true"];
        let (made, _) = scene.call("POST /v1/admin/imports", &import, file, &wanted).await;
        waiting.push(text(&made.body["id"]));
    }
    let cancel = "POST /v1/admin/imports/{id}/cancel";
    scene.bare(cancel, &[&waiting[1]], "import.cancel", About::Is(&waiting[1])).await;
}

/// Orders a lamp: the order and its payment.
async fn ordered(shop: &Shop, lamp: &str) -> (String, String) {
    let ada = Customer::guest(shop).await;
    ada.fill_cart(lamp, 1).await;
    let order = ada.order("first", &ada.card(APPROVED).await).await;
    let order = ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await;
    (text(&order.body["id"]), text(&order.body["payment"]["id"]))
}

async fn money(scene: &mut Scene, shop: &Shop, lamp: &str) {
    // 20.00 + 4.90 shipping, and 19 % of it.
    let total = euros("29.63");
    let (order, payment) = ordered(shop, lamp).await;
    let about = || About::Is(&payment);
    let capture = "POST /v1/admin/payments/{id}/capture";
    let entry = scene.bare(capture, &[&payment], "payment.capture", about()).await;
    assert_eq!(entry["before"], json!({"status": "authorized"}));
    assert_eq!(entry["after"], json!({"status": "capturing", "amount": total}));
    let decisions = format!("/v1/admin/fraud/decisions?order_id={order}");
    let decided = shop.admin().await.get(&decisions).await;
    let decided = text(&decided.body["items"][0]["id"]);
    let judge = "POST /v1/admin/fraud/decisions/{id}/verdict";
    let verdict = json!({"verdict": "genuine"});
    let about = || About::Is(&decided);
    let (_, entry) = scene.json(judge, &[&decided], verdict, "fraud.verdict", about()).await;
    assert_eq!(entry["after"], json!({"verdict": "genuine"}));
    let about = || About::Is(&payment);
    let refund = "POST /v1/admin/payments/{id}/refund";
    let (_, entry) = scene
        .json(refund, &[&payment], json!({"amount": euros("5.00")}), "payment.refund", about())
        .await;
    assert_eq!(entry["after"]["amount"], euros("5.00"));
    let to = json!({
        "name": "Ada Lovelace", "line1": "Unter den Linden 2", "city": "Berlin",
        "postal_code": "10117", "country": "DE",
    });
    let moved = json!({"shipping_address": to, "reason": "She has moved."});
    let edit = "POST /v1/admin/orders/{id}/edit";
    let (_, entry) = scene.json(edit, &[&order], moved, "order.edit", About::Is(&order)).await;
    assert_eq!(
        (&entry["after"]["is_readdressed"], &entry["after"]["total"]),
        (&json!(true), &total)
    );
    let parcel = json!({"tracking": "123"});
    let ship = "POST /v1/admin/orders/{id}/ship";
    let (_, entry) = scene.json(ship, &[&order], parcel, "order.ship", About::Is(&order)).await;
    assert_eq!(entry["before"], json!({"status": "CONFIRMED"}));
    assert_eq!(entry["after"], json!({"status": "SHIPPED", "tracking": "123"}));
    let deliver = "POST /v1/admin/orders/{id}/deliver";
    scene.bare(deliver, &[&order], "order.deliver", About::Is(&order)).await;

    for (step, action, why) in
        [("deliver", "shipment.deliver", None), ("lost", "shipment.lose", Some("fell off"))]
    {
        let (order, _) = ordered(shop, lamp).await;
        let parcel = json!({"carrier": "DHL", "tracking": "124"});
        let ship = "POST /v1/admin/orders/{id}/shipments";
        let about = || About::Is(&order);
        let (left, entry) = scene.json(ship, &[&order], parcel, "order.ship", about()).await;
        let after = json!({"status": "SHIPPED", "carrier": "DHL", "tracking": "124"});
        assert_eq!(entry["after"], after);
        let id = text(&left.body["shipments"][0]["id"]);
        let end = format!("POST /v1/admin/shipments/{{id}}/{step}");
        let body = why.map_or(json!({}), |reason| json!({"reason": reason}));
        let (_, entry) = scene.json(&end, &[&id], body, action, about()).await;
        let mut after = json!({"status": "DELIVERED", "shipment": id});
        if let Some(reason) = why {
            after["reason"] = json!(reason);
        }
        assert_eq!(entry["after"], after);
    }

    let (order, payment) = ordered(shop, lamp).await;
    disputed::called_off(shop, &order).await;
    let void = "POST /v1/admin/payments/{id}/void";
    let entry = scene.bare(void, &[&payment], "payment.void", About::Is(&payment)).await;
    assert_eq!(entry["after"]["amount"], total);
    let why = json!({"reason": "out of lamps"});
    let cancel = "POST /v1/admin/orders/{id}/cancel";
    let (_, entry) = scene.json(cancel, &[&order], why, "order.cancel", About::Is(&order)).await;
    let after = json!({"status": "CANCELLED", "reason": "out of lamps", "total": total});
    assert_eq!(entry["after"], after);
}

async fn places(scene: &mut Scene, lamp: &str) {
    let new = json!({"code": "south", "country": "DE", "postal_code": "80331"});
    let open = "POST /v1/admin/stock/locations";
    let (made, _) = scene.json(open, &[], new, "location.create", About::Made).await;
    let south = text(&made.body["id"]);
    let named = json!({"code": "south", "name": "South", "country": "DE", "postal_code": "80331"});
    let put = "PUT /v1/admin/stock/locations/{code}";
    let about = About::Is(&south);
    let (_, entry) = scene.json(put, &["south"], named, "location.update", about).await;
    assert_eq!(entry["after"]["name"], "South");
    let limits = json!({"safety": 2, "low_at": 5});
    let put = "PUT /v1/admin/stock/{product_id}/limits";
    let (_, entry) = scene.json(put, &[lamp], limits, "stock.limit", About::Is(lamp)).await;
    assert_eq!(entry["after"]["safety"], 2);
    let policy = json!({"policy": "backorder", "backorder_max": 20});
    let put = "PUT /v1/admin/stock/{product_id}/policy";
    let (_, entry) = scene.json(put, &[lamp], policy, "stock.policy", About::Is(lamp)).await;
    assert_eq!(entry["after"]["backorder_max"], 20);
    let body = json!({
        "from": "main", "to": "south", "lines": [{"product_id": lamp, "quantity": 4}]
    });
    let move_on = "POST /v1/admin/stock/transfers";
    let (_, entry) = scene.json(move_on, &[], body, "stock.transfer", About::Named).await;
    assert_eq!(entry["after"]["lines"], json!([{"product_id": lamp, "quantity": 4}]));
    let body = json!({"location": "south", "lines": [{"product_id": lamp, "counted": 3}]});
    let count = "POST /v1/admin/stock/counts";
    let (_, entry) = scene.json(count, &[], body, "stock.count", About::Is(&south)).await;
    assert_eq!(entry["after"]["location"], "south");
}

/// What an API key does is told with whose it is.
async fn by_a_key(scene: &mut Scene, lamp: &str, me: &str) {
    let key = json!({"name": "counter", "permissions": ["stock.read", "stock.write"]});
    let keys = "POST /v1/admin/api-keys";
    let (made, _) = scene.json(keys, &[], key, "api_key.create", About::Made).await;
    scene.caller = scene.caller.with(made.body["key"].as_str().unwrap());
    scene.told = json!({"actor": made.body["id"], "actor_kind": "api_key", "key_made_by": me});
    let body = json!({"delta": -1, "reason": "broken"});
    let adjust = "POST /v1/admin/stock/{product_id}/adjust";
    scene.json(adjust, &[lamp], body, "stock.adjust", About::Is(lamp)).await;
}
