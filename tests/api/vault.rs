//! Cards in a process of their own.

mod everywhere;

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::{Customer, Engine, Shop, id_of, on_both_engines, product};

on_both_engines![cards_go_to_a_process_of_their_own];

const ROLES: &str = "STOA__SERVER__ROLES";
/// A card that no test names anywhere else.
const NUMBER: &str = "5105105105105100";

async fn cards_go_to_a_process_of_their_own(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    shop.start(&[(ROLES, "web,worker")]);
    let mut vault = shop.beside();
    vault.start(&[(ROLES, "vault")]);
    let ada = Customer::guest(&shop).await;
    let at_the_vault = Customer::anyone(&vault).with(ada.token());
    let card =
        json!({"number": NUMBER, "exp_month": 12, "exp_year": 2030, "cvc": "123", "name": "Ada"});

    let elsewhere = ada.post("/v1/payment-tokens", &card).await;
    assert_eq!(elsewhere.status, 404, "{elsewhere:?}");
    assert_eq!(at_the_vault.get("/v1/cart").await.status, 404);
    assert_eq!(Customer::anyone(&vault).post("/v1/payment-tokens", &card).await.status, 401);
    let ready = Customer::anyone(&vault).on_ops(&vault).get("/health/ready").await;
    assert_eq!(ready.status, 200, "{ready:?}");
    let kept = at_the_vault.post("/v1/payment-tokens", &card).await;
    assert_eq!(kept.status, 201, "{kept:?}");

    let lamp = id_of(&ada, "LAMP-1").await;
    ada.fill_cart(&lamp, 1).await;
    let order = ada.order("first", kept.body["token"].as_str().unwrap()).await;
    assert_eq!(order.status, 201, "{order:?}");

    // A number in a place that is not for it is refused, and written down nowhere either.
    let note = json!({"number": NUMBER, "note": NUMBER});
    assert!((400..500).contains(&at_the_vault.post("/v1/payment-tokens", &note).await.status));
    assert!(shop.run(&["vault", "rotate", "--wrapping-key"]).status.success());
    assert_eq!(at_the_vault.post("/v1/payment-tokens", &card).await.status, 201, "it goes on");
    let staff = shop.admin().await;
    let endpoints = everywhere::send(&shop, &staff, &ada, &at_the_vault).await;
    assert!(endpoints > 200, "only {endpoints} endpoints");
    vault.stop();
    shop.settle();
    shop.stop();
    shop.assert_books();
    everywhere::are_nowhere(&shop).await;
    let files = files(&shop.folder);
    assert!(files.iter().any(|file| file.ends_with("server.log")), "{files:?}");
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let is_there = bytes.windows(NUMBER.len()).any(|window| window == NUMBER.as_bytes());
        assert!(!is_there, "{} has the number", file.display());
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
