//! The keys of people, and the files that wrap them.

use std::path::PathBuf;

use platform::sql::Sql;
use serde_json::json;

use crate::support::{APPROVED, Customer, Engine, Shop, id_of, on_both_engines, product};

on_both_engines![
    the_old_file_is_not_needed_after_a_rotation,
    a_start_that_is_refused_makes_no_file,
    a_lost_key_is_not_taken_for_an_erasure,
];

const PASSWORD: &str = "correct horse battery";

fn file(shop: &Shop, number: u16) -> PathBuf {
    shop.folder.join(format!("keys/people-{number:04}.key"))
}

fn who(name: &str) -> serde_json::Value {
    json!({"email": format!("{name}@example.com"), "password": PASSWORD})
}

async fn registered(shop: &Shop, name: &str) -> Customer {
    let mut body = who(name);
    body["name"] = json!(name);
    assert_eq!(Customer::anyone(shop).post("/v1/auth/register", &body).await.status, 201);
    Customer::anyone(shop).log_in(&who(name)).await.unwrap()
}

async fn the_old_file_is_not_needed_after_a_rotation(engine: Engine) {
    let Some(mut shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    registered(&shop, "Ada").await;
    let rotated = shop.run(&["customer", "rotate-keys", "--wrapping-key"]);
    let told = String::from_utf8_lossy(&rotated.stdout);
    assert!(rotated.status.success() && told.contains("people-0002.key"), "{rotated:?}");
    std::fs::remove_file(file(&shop, 1)).unwrap();
    // A node that runs has heard of the new file, ...
    registered(&shop, "Bob").await;
    shop.stop();
    // ... and one that starts misses none.
    shop.start(&[]);
    for name in ["Ada", "Bob"] {
        let me = Customer::anyone(&shop).log_in(&who(name)).await.unwrap();
        assert_eq!(me.get("/v1/auth/me").await.body["name"], name);
    }
    assert!(!file(&shop, 1).exists());
    let again = shop.run(&["customer", "rotate-keys"]);
    assert!(String::from_utf8_lossy(&again.stdout).starts_with("0 keys"), "{again:?}");
    shop.settle();
}

async fn a_start_that_is_refused_makes_no_file(engine: Engine) {
    let Some(mut shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    registered(&shop, "Ada").await;
    shop.stop();
    let elsewhere = shop.folder.join("elsewhere.key");
    std::fs::rename(file(&shop, 1), &elsewhere).unwrap();
    for command in ["serve", "verify"] {
        let refused = shop.run(&[command]);
        let why = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && why.contains("people-*.key"), "{refused:?}");
        assert!(!file(&shop, 1).exists(), "one would stand in the place of the right one");
    }
    std::fs::rename(&elsewhere, file(&shop, 1)).unwrap();
    shop.start(&[]);
    assert!(Customer::anyone(&shop).log_in(&who("Ada")).await.is_ok());
}

async fn a_lost_key_is_not_taken_for_an_erasure(engine: Engine) {
    let Some(mut shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let (ada, admin) = (Customer::guest(&shop).await, shop.admin().await);
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    let order = ada.order("first", &ada.card(APPROVED).await).await;
    let order = format!("/v1/admin/orders/{}", order.body["id"].as_str().unwrap());
    assert_eq!(admin.get(&order).await.status, 200);
    shop.settle();
    shop.stop();
    let db = shop.database("privacy").await;
    let mut tx = db.begin("test").await.unwrap();
    let lose = "delete from person_key
                 where id = (select id from person_key order by id desc limit 1)";
    assert_eq!(tx.query(Sql::new(lose)).execute().await.unwrap(), 1);
    tx.commit().await.unwrap();
    db.close().await;

    shop.start(&[]);
    let answer = admin.at(&shop).get(&order).await;
    assert_eq!(answer.status, 500, "{answer:?}");
    let verified = shop.run(&["verify", "--grace-s", "0"]);
    let text = String::from_utf8_lossy(&verified.stdout);
    assert_eq!(verified.status.code(), Some(1), "{text}\n{verified:?}");
    let is_told = |line: &str| line.starts_with("BROKEN") && line.contains("is there or destroyed");
    assert!(text.lines().any(is_told), "{text}");
}
