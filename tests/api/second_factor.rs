//! What wants more than a password: orders, refunds, keys and roles.

use serde_json::{Value, json};

use crate::support::{APPROVED, Answer, Customer, Engine, Shop, id_of, on_both_engines, product};

on_both_engines![an_order_wants_a_second_factor, what_cannot_be_undone_wants_a_fresh_one];

const PASSWORD: &str = "correct horse battery";

fn required(answer: &Answer) -> &Value {
    assert_eq!((answer.status, &answer.body["code"]), (403, &json!("mfa_required")), "{answer:?}");
    &answer.body["methods"]
}

async fn registered(shop: &Shop) -> Customer {
    let ada = json!({"email": "ada@example.com", "password": PASSWORD, "name": "Ada"});
    let anyone = Customer::anyone(shop);
    assert_eq!(anyone.post("/v1/auth/register", &ada).await.status, 201);
    let ada = json!({"email": "ada@example.com", "password": PASSWORD});
    anyone.log_in(&ada).await.unwrap()
}

async fn an_order_wants_a_second_factor(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    shop.start(&[("STOA__EDGE__GUEST_CHECKOUT", "false")]);
    let (guest, ada) = (Customer::guest(&shop).await, registered(&shop).await);
    let lamp = id_of(&ada, "LAMP-1").await;
    for who in [&guest, &ada] {
        who.fill_cart(&lamp, 1).await;
        let card = who.card(APPROVED).await;
        assert_eq!(
            required(&who.order("first", &card).await),
            &json!(["totp", "passkey", "email"])
        );
        required(&who.get("/v1/orders").await);
    }
    assert_eq!(ada.post("/v1/auth/mfa/email", &json!({})).await.status, 202);
    let letter = shop.letter("Your code");
    let code = letter.split_whitespace().last().unwrap();
    let proved = ada.post("/v1/auth/mfa/verify", &json!({"code": code})).await;
    assert_eq!(proved.status, 200, "{proved:?} {letter}");
    let ada = ada.with(proved.body["access_token"].as_str().unwrap());
    let card = ada.card(APPROVED).await;
    let order = ada.order("second", &card).await;
    assert_eq!(order.status, 201, "{order:?}");
    shop.settle();
}

async fn what_cannot_be_undone_wants_a_fresh_one(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let admin = shop.admin().await;
    let key = json!({"name": "scanner", "permissions": ["stock.read"]});
    let role = json!({"name": "packer", "permissions": ["stock.read"]});
    let nothing = "/v1/admin/payments/019abf3e-5f0e-7c0c-8a44-9f6a3d1c2b10/refund";
    let all = [("/v1/admin/api-keys", &key), ("/v1/admin/roles", &role), (nothing, &json!({}))];

    let login = json!({"email": "admin@test.example", "password": "another horse battery"});
    let password_only = Customer::anyone(&shop).log_in(&login).await.unwrap();
    for (path, body) in all {
        let refused = password_only.command(path, "once", body).await;
        assert_eq!(required(&refused), &json!(["totp", "passkey"]), "{path}: no letter steps up");
    }
    assert_eq!(password_only.get("/v1/admin/api-keys").await.status, 200, "who looks needs none");
    for (path, body) in all {
        let passed = admin.command(path, "once", body).await;
        assert_ne!(passed.status, 403, "{path}: {passed:?}");
    }
}

#[tokio::test]
async fn a_shop_may_want_one_for_everything_of_the_staff() {
    let mut shop = Shop::new(Engine::Sqlite, &[]).unwrap();
    shop.start(&[("STOA__EDGE__STAFF_SECOND_FACTOR", "true")]);
    let admin = shop.admin().await;
    assert_eq!(admin.get("/v1/admin/products").await.status, 200);
    let login = json!({"email": "admin@test.example", "password": "another horse battery"});
    let password_only = Customer::anyone(&shop).log_in(&login).await.unwrap();
    required(&password_only.get("/v1/admin/products").await);
}
