//! Carts that are put aside: a unit is in one place, whoever asks at the same moment.

use serde_json::{Value, json};

use crate::support::{APPROVED, Customer, Engine, Shop, id_of, on_both_engines, product};

on_both_engines![
    a_cart_is_put_aside_and_comes_back,
    what_two_windows_do_happens_once,
    what_cannot_be_changes_nothing,
];

const SAVED: &str = "/v1/cart/saved";

/// A shop, and somebody with an account in it.
async fn shop_with_ada(engine: Engine) -> Option<(Shop, Customer, String)> {
    let shop = Shop::running(engine, &[product("LAMP-1", "20.00", 50)])?;
    let anyone = Customer::anyone(&shop);
    let ada =
        json!({"email": "ada@example.com", "password": "correct horse battery", "name": "Ada"});
    assert_eq!(anyone.post("/v1/auth/register", &ada).await.status, 201);
    let ada = json!({"email": "ada@example.com", "password": "correct horse battery"});
    let ada = anyone.log_in(&ada).await.unwrap();
    let lamp = id_of(&ada, "LAMP-1").await;
    Some((shop, ada, lamp))
}

/// How many units are in the cart, and in saved carts.
async fn units(ada: &Customer) -> (i64, i64) {
    let sum = |of: &Value| -> i64 {
        let lines = of["lines"].as_array().unwrap().iter();
        lines.map(|line| line["quantity"].as_i64().unwrap()).sum()
    };
    let saved = ada.get(SAVED).await.body;
    let saved = saved["items"].as_array().unwrap().iter().map(sum).sum();
    (sum(&ada.get("/v1/cart").await.body), saved)
}

async fn saved(ada: &Customer, name: &str) -> String {
    let answer = ada.post(SAVED, &json!({"name": name})).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["id"].as_str().unwrap().to_owned()
}

async fn a_cart_is_put_aside_and_comes_back(engine: Engine) {
    let Some((shop, ada, lamp)) = shop_with_ada(engine).await else { return };
    ada.fill_cart(&lamp, 3).await;
    let kitchen = saved(&ada, "Kitchen").await;
    assert_eq!(units(&ada).await, (0, 3));
    ada.fill_cart(&lamp, 2).await;
    let hall = saved(&ada, "Hall").await;
    let names: Vec<Value> = ada.get(SAVED).await.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|saved| saved["name"].clone())
        .collect();
    assert_eq!(names, ["Kitchen", "Hall"]);
    ada.fill_cart(&lamp, 1).await;
    let restore = |id: &str| format!("{SAVED}/{id}/restore");
    let back = ada.post(&restore(&kitchen), &json!({})).await;
    assert_eq!((back.status, &back.body["lines"][0]["quantity"]), (200, &json!(4)), "{back:?}");
    assert_eq!(units(&ada).await, (4, 2));
    let card = ada.card(APPROVED).await;
    assert_eq!(ada.order("order", &card).await.body["status"], "CONFIRMED");
    assert_eq!(ada.post(&restore(&hall), &json!({})).await.status, 200);
    assert_eq!(units(&ada).await, (2, 0));
    let attic = saved(&ada, "Attic").await;
    assert_eq!(ada.call("DELETE", &format!("{SAVED}/{attic}")).await.status, 204);
    assert_eq!(units(&ada).await, (0, 0));
    shop.settle();
}

async fn what_two_windows_do_happens_once(engine: Engine) {
    let Some((shop, ada, lamp)) = shop_with_ada(engine).await else { return };
    for round in 0..20 {
        ada.fill_cart(&lamp, 2).await;
        let (one, other) =
            (json!({"name": format!("a{round}")}), json!({"name": format!("b{round}")}));
        let (one, other) = tokio::join!(ada.post(SAVED, &one), ada.post(SAVED, &other));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "{one:?} {other:?}");
        assert_eq!(units(&ada).await, (0, 2));
        let id = if one.status == 201 { one } else { other }.body["id"].clone();
        let (path, nothing) = (format!("{SAVED}/{}/restore", id.as_str().unwrap()), json!({}));
        let delete = format!("{SAVED}/{}", id.as_str().unwrap());
        let (one, other, gone) = tokio::join!(
            ada.post(&path, &nothing),
            ada.post(&path, &nothing),
            ada.call("DELETE", &delete)
        );
        let done = [one.status, other.status, gone.status].iter().filter(|it| **it < 300).count();
        assert_eq!(done, 1, "{one:?} {other:?} {gone:?}");
        let left = if gone.status == 204 { 0 } else { 2 };
        assert_eq!(units(&ada).await, (left, 0));
        if left > 0 {
            let last = saved(&ada, "last").await;
            assert_eq!(ada.call("DELETE", &format!("{SAVED}/{last}")).await.status, 204);
        }
    }
    shop.settle();
}

async fn what_cannot_be_changes_nothing(engine: Engine) {
    let Some((shop, ada, lamp)) = shop_with_ada(engine).await else { return };
    let code = async |name: &Value| {
        let answer = ada.post(SAVED, &json!({"name": name})).await;
        (answer.status, answer.body["code"].as_str().unwrap().to_owned())
    };
    assert_eq!(code(&json!("Kitchen")).await, (409, "cart_empty".to_owned()));
    assert_eq!(units(&ada).await, (0, 0));
    ada.fill_cart(&lamp, 9_000).await;
    for wrong in ["", " a", "a ", "a\nb", &"a".repeat(101)] {
        assert_eq!(code(&json!(wrong)).await, (422, "invalid_value".to_owned()), "{wrong:?}");
    }
    let large = saved(&ada, "Kitchen").await;
    ada.fill_cart(&lamp, 1_001).await;
    assert_eq!(code(&json!("Kitchen")).await, (409, "conflict".to_owned()));
    let restore = format!("{SAVED}/{large}/restore");
    let refused = ada.post(&restore, &json!({})).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("conflict")));
    assert_eq!(units(&ada).await, (1_001, 9_000));
    let bob = Customer::guest(&shop).await;
    bob.fill_cart(&lamp, 1).await;
    assert_eq!(bob.post(SAVED, &json!({"name": "Kitchen"})).await.status, 403);
    for (method, path) in [("POST", &restore), ("DELETE", &format!("{SAVED}/{large}"))] {
        assert_eq!(bob.call(method, path).await.status, 404);
        assert_eq!(ada.call(method, &path.replace(&large, "none")).await.status, 404);
    }
    assert_eq!(units(&ada).await, (1_001, 9_000));
}
