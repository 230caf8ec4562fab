//! The keys of people, and the files that wrap them.

use platform::sql::Sql;

use crate::support::{APPROVED, Customer, Engine, Shop, id_of, on_both_engines, product};

on_both_engines![
    a_lost_key_is_not_taken_for_an_erasure,
];

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
