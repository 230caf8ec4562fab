//! What a price means at the checkout, and how soon everybody sees an edit.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{APPROVED, Customer, Engine, Shop, WAIT_MAX, id_of, on_both_engines, product};

on_both_engines![a_price_with_tax_is_what_is_paid, everybody_sees_an_edit_within_a_second,];

async fn a_price_with_tax_is_what_is_paid(engine: Engine) {
    let Some(mut shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let (ada, staff) = (Customer::guest(&shop).await, shop.staff().await);
    let market = json!({
        "code": "de", "currency": "EUR", "countries": ["DE"], "prices_include_tax": true,
    });
    let made = staff.post("/v1/admin/markets", &market).await;
    assert_eq!((made.status, &made.body["is_default"]), (201, &json!(true)), "{made:?}");
    let told = ada.get("/v1/products/LAMP-1/price").await;
    assert_eq!(told.body["price"]["amount"], "20.00", "{told:?}");
    assert_eq!(told.body["tax_included"], true, "{told:?}");

    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 2).await;
    let order = ada.order("with-tax", &ada.card(APPROVED).await).await;
    assert_eq!((order.status, &order.body["status"]), (201, &json!("CONFIRMED")), "{order:?}");
    // 2 * 20.00 + 4.90 shipping; 19 % of what is without tax is in it: 44.90 * 19 / 119.
    let totals = &order.body["totals"];
    let amount = |name: &str| totals[name]["amount"].as_str().unwrap_or_default();
    assert_eq!((amount("items"), amount("shipping")), ("40.00", "4.90"), "{totals}");
    assert_eq!((amount("total"), amount("tax"), amount("included_tax")), ("44.90", "0.00", "7.17"));
    shop.settle();
    let id = order.body["id"].as_str().unwrap();
    let paid = ada.get(&format!("/v1/orders/{id}")).await;
    assert_eq!(paid.body["payment"]["status"], "captured", "{paid:?}");
    assert_eq!(paid.body["totals"]["included_tax"], totals["included_tax"]);
    shop.stop();
    shop.assert_books();
}

/// The promise to those who carry no token: after the answer to the edit, one second.
const PROMISE: Duration = Duration::from_secs(1);

async fn everybody_sees_an_edit_within_a_second(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let (anyone, staff) = (Customer::anyone(&shop), shop.staff().await);
    let places = ["/v1/products/LAMP-1", "/v1/products?q=lamp-1", "/v1/products?sort=newest"];
    // A machine that stands still for a moment breaks the promise once, but not each time.
    let mut kept = 0;
    for round in 0..5 {
        let name = format!("Edited {round}");
        for place in places {
            anyone.get(place).await;
        }
        let edit = json!({"items": [{"sku": "LAMP-1", "name": name}]});
        let edited = staff.post("/v1/admin/products/bulk", &edit).await;
        assert_eq!(edited.body["items"][0]["status"], "updated", "{edited:?}");
        let answered = Instant::now();
        let mut is_late = false;
        for place in places {
            loop {
                let asked_at = answered.elapsed();
                let seen = anyone.get(place).await;
                if seen.body["name"] == name || seen.body["items"][0]["name"] == name {
                    break;
                }
                assert!(asked_at < WAIT_MAX, "{place}: {seen:?}");
                is_late |= asked_at > PROMISE;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        kept += u32::from(!is_late);
    }
    assert!(kept > 0, "an edit is never seen within a second");
}
