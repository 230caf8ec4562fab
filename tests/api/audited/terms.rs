//! On what terms the shop sells: prices, taxes and shipping.

use serde_json::json;

use super::scene::{About, Scene};
use super::{euros, text};

pub async fn prices(scene: &mut Scene, lamp: &str) {
    // The first market is the default one, which is not deleted.
    let new = json!({"code": "de", "currency": "EUR", "countries": ["DE"]});
    scene.json("POST /v1/admin/markets", &[], new, "market.create", About::Named).await;
    let new = json!({"code": "ch", "currency": "EUR", "countries": ["CH"]});
    let (_, made) =
        scene.json("POST /v1/admin/markets", &[], new, "market.create", About::Named).await;
    let id = text(&made["subject"]);
    let named = json!({"code": "ch", "currency": "EUR", "countries": ["CH"], "name": "Swiss"});
    let put = "PUT /v1/admin/markets/{code}";
    scene.json(put, &["ch"], named, "market.update", About::Is(&id)).await;
    scene.bare("DELETE /v1/admin/markets/{code}", &["ch"], "market.delete", About::Is(&id)).await;

    let new = json!({"code": "sale", "currency": "EUR"});
    let (made, _) =
        scene.json("POST /v1/admin/price-lists", &[], new, "price_list.create", About::Made).await;
    let sale = text(&made.body["id"]);
    let about = || About::Is(&sale);
    let named = json!({"code": "sale", "currency": "EUR", "name": "Sale"});
    let put = "PUT /v1/admin/price-lists/{id}";
    scene.json(put, &[&sale], named, "price_list.update", about()).await;
    let listed = json!({"prices": [{"sku": "LAMP-1", "price": euros("15.00")}]});
    let put = "PUT /v1/admin/price-lists/{id}/prices";
    let (_, entry) = scene.json(put, &[&sale], listed, "price_list.prices", about()).await;
    assert!(entry["after"].to_string().contains("15.00"), "{entry}");
    let import = "POST /v1/admin/price-lists/{id}/entries/import";
    let file = ("text/csv", b"sku,price\nLAMP-1,14\n".to_vec());
    let wanted = [("price_list.prices", about())];
    scene.call(import, &[&sale, "format=csv"], file, &wanted).await;
    let gone = "DELETE /v1/admin/price-lists/{id}/prices/{product}";
    scene.bare(gone, &[&sale, lamp], "price_list.prices", about()).await;
    let derive = "POST /v1/admin/price-lists/{id}/derive";
    scene.json(derive, &[&sale], json!({"percent": "-20"}), "price_list.prices", about()).await;
    let gone = "DELETE /v1/admin/price-lists/{id}";
    scene.bare(gone, &[&sale], "price_list.delete", about()).await;
}

pub async fn taxes(scene: &mut Scene) {
    let new = json!({"country": "DE", "category": "books", "rate": "7"});
    let rates = "POST /v1/admin/tax-rates";
    let (made, entry) = scene.json(rates, &[], new, "tax_rate.create", About::Made).await;
    assert_eq!((&entry["after"]["rate"], &entry["after"]["country"]), (&json!("7"), &json!("DE")));
    let id = text(&made.body["id"]);
    let (put, higher) = ("PUT /v1/admin/tax-rates/{id}", json!({"rate": "7.5"}));
    let (_, entry) = scene.json(put, &[&id], higher, "tax_rate.change", About::Is(&id)).await;
    assert_eq!(entry["before"], json!({"rate": "7", "version": 1}));
    let gone = "DELETE /v1/admin/tax-rates/{id}";
    scene.bare(gone, &[&id], "tax_rate.delete", About::Is(&id)).await;
}

pub async fn shipping(scene: &mut Scene) {
    let zone = |name: &str| json!({"code": "de", "name": name, "places": [{"country": "DE"}]});
    let (zones, one) = ("POST /v1/admin/shipping/zones", "PUT /v1/admin/shipping/zones/{code}");
    scene.json(zones, &[], zone("DE"), "shipping_zone.create", About::Named).await;
    let (_, entry) =
        scene.json(one, &["de"], zone("Germany"), "shipping_zone.change", About::Named).await;
    assert_eq!(entry["before"], json!({"name": "DE", "version": 1}));
    let method = |price: &str| json!({"code": "post", "active": false, "rates": [{"zone": "de", "price": euros(price)}]});
    let (all, one) = ("POST /v1/admin/shipping/methods", "PUT /v1/admin/shipping/methods/{code}");
    scene.json(all, &[], method("4.00"), "shipping_method.create", About::Named).await;
    let (_, entry) =
        scene.json(one, &["post"], method("5.00"), "shipping_method.change", About::Named).await;
    assert_eq!(entry["after"]["rates"][0]["price"], euros("5.00"));
    let gone = "DELETE /v1/admin/shipping/methods/{code}";
    scene.bare(gone, &["post"], "shipping_method.delete", About::Named).await;
    let gone = "DELETE /v1/admin/shipping/zones/{code}";
    scene.bare(gone, &["de"], "shipping_zone.delete", About::Named).await;
}
