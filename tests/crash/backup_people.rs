//! Whoever was erased is not brought back by a backup.

use serde_json::json;

use crate::backup::{restored, save};
use crate::said::{refuses, said};
use crate::support::{APPROVED, Customer, Engine, Shop, id_of, on_both_engines, product};

on_both_engines![
    who_was_erased_since_is_not_brought_back,
    who_cannot_be_erased_again_yet_is_not_forgotten,
];

const HERS: &str = "quendel@example.com";
const PASSWORD: &str = "correct horse battery";

/// Whether she can still log in.
async fn is_known(shop: &Shop) -> bool {
    let who = json!({"email": HERS, "password": PASSWORD});
    Customer::anyone(shop).post("/v1/auth/login", &who).await.status == 200
}

async fn who_was_erased_since_is_not_brought_back(engine: Engine) {
    let Some(mut shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let account = json!({"email": HERS, "password": PASSWORD, "name": "Wilhelmina"});
    let before_her = save(&shop);
    let registered = Customer::anyone(&shop).post("/v1/auth/register", &account).await;
    assert_eq!(registered.status, 201, "{registered:?}");
    let bob = Customer::guest(&shop).await.get("/v1/auth/me").await;
    let bob = bob.body["id"].as_str().unwrap().to_owned();
    shop.settle();
    said(&shop, &["customer", "erase", &bob, "--for-good"]);
    let backup = save(&shop);
    assert_eq!(said(&shop, &["customer", "erasures"]).lines().count(), 1);
    said(&shop, &["customer", "erase", HERS, "--for-good"]);
    let erasures = said(&shop, &["customer", "erasures"]);
    assert_eq!(erasures.lines().count(), 2, "{erasures}");
    assert!(!is_known(&shop).await);
    shop.settle();
    let list = backup.with_file_name("erasures.jsonl");
    std::fs::write(&list, &erasures).unwrap();

    // Nobody says who was erased: this is what the list is for.
    let mut place = restored(&shop, &backup, &[]);
    place.start(&[]);
    assert!(is_known(&place).await);
    drop(place);

    let mut place = shop.elsewhere();
    let list = list.to_str().unwrap();
    let from = ["restore", "--from", backup.to_str().unwrap()];
    let told = said(&place, &[&from[..], &["--erasures", list]].concat());
    assert!(told.contains("1 people were erased after that"), "{told}");
    assert_eq!(said(&place, &["customer", "erasures"]), erasures);
    place.start(&[]);
    assert!(!is_known(&place).await);
    place.settle();
    place.stop();
    place.assert_books();

    if engine == Engine::Postgres {
        return;
    }
    // Where the shop was they are known.
    let why = refuses(&shop, &[&from[..], &["--replace"]].concat());
    assert!(why.contains("another stoa serves"), "{why}");
    shop.stop();
    let why = refuses(&shop, &from);
    assert!(why.contains("there is a shop"), "{why}");
    let told = said(&shop, &[&from[..], &["--replace"]].concat());
    assert!(told.contains("1 people were erased after that"), "{told}");
    assert!(told.contains("what was here is in"), "{told}");
    assert_eq!(said(&shop, &["customer", "erasures"]), erasures);
    // A backup from before her, which cannot erase her, and after it the newer one.
    for from in [&before_her, &backup] {
        said(&shop, &["restore", "--replace", "--from", from.to_str().unwrap()]);
        assert_eq!(said(&shop, &["customer", "erasures"]), erasures);
    }
    shop.start(&[]);
    assert!(!is_known(&shop).await);
    shop.stop();
}

async fn who_cannot_be_erased_again_yet_is_not_forgotten(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let ada = Customer::guest(&shop).await;
    let her = ada.get("/v1/auth/me").await.body["id"].as_str().unwrap().to_owned();
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    let order = ada.order("hers", &ada.card(APPROVED).await).await;
    assert_eq!(order.body["status"], "CONFIRMED", "{order:?}");
    shop.settle();
    let backup = save(&shop);
    let cancel = format!("/v1/orders/{}/cancel", order.body["id"].as_str().unwrap());
    let cancelled = ada.command(&cancel, "not any more", &json!({})).await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    shop.settle();
    said(&shop, &["customer", "erase", &her, "--for-good"]);
    let list = backup.with_file_name("erasures.jsonl");
    let erasures = said(&shop, &["customer", "erasures"]);
    std::fs::write(&list, &erasures).unwrap();

    // Her order is under way again.
    let place = shop.elsewhere();
    let (from, list) = (backup.to_str().unwrap(), list.to_str().unwrap());
    let restore = ["restore", "--from", from, "--erasures", list];
    let done = tokio::task::block_in_place(|| place.run(&restore));
    let told = String::from_utf8(done.stdout.clone()).unwrap();
    assert!(told.contains(&her) && told.contains("has not ended"), "{done:?}");
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    assert_eq!(said(&place, &["customer", "erasures"]), erasures);
}
