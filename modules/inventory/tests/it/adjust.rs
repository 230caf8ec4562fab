use inventory::{AdjustError, Adjusted, Adjustment, SCHEMA, UNITS_MAX};
use kernel::id::{CustomerId, ProductId};
use kernel::ports::Stock;
use platform::audit::Actor;
use platform::idempotency::Key;
use platform::sql::Db;
use tokio::task::JoinSet;

use crate::shop;

platform::on_both_engines!(super::SCHEMA =>
    one_key_adjusts_once,
    concurrent_adjustments_lose_none,
    what_is_promised_cannot_be_written_off,
    stock_can_lie_elsewhere,
    stock_that_is_just_opened_is_adjusted_or_unknown,
);

fn by(delta: i64) -> Adjustment {
    Adjustment::new(delta, "count", None).unwrap()
}

fn key(key: &str, request: &str) -> Key {
    Key::new("staff", "adjust", key, request.as_bytes())
}

async fn one_key_adjusts_once(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 10).await;
    let mut storm = JoinSet::new();
    for _ in 0..50 {
        let inventory = inventory.clone();
        storm.spawn(async move {
            let actor = Actor::person(CustomerId::new(), None);
            match inventory.adjust(&key("k", "+7"), product, &by(7), &actor).await {
                Ok(adjusted) => Some(adjusted),
                Err(AdjustError::Claimed(running)) if running.status == 409 => None,
                Err(other) => panic!("{other:?}"),
            }
        });
    }
    let all: Vec<Adjusted> = storm.join_all().await.into_iter().flatten().collect();
    assert_eq!(all.iter().filter(|adjusted| !adjusted.replayed).count(), 1);
    assert!(all.iter().all(|adjusted| adjusted.answer == all[0].answer));
    assert!(all[0].answer.body.contains("\"on_hand\":17"));
    let again = inventory.adjust(&key("k", "+7"), product, &by(7), &Actor::SYSTEM).await;
    assert_eq!(again.unwrap(), Adjusted { answer: all[0].answer.clone(), replayed: true });
    let other = inventory.adjust(&key("k", "+8"), product, &by(8), &Actor::SYSTEM).await;
    assert!(matches!(other, Err(AdjustError::Claimed(problem)) if problem.status == 422));
    assert_eq!(shop::available(&inventory, product).await, 17);
    shop::books_are_right(&inventory).await;
}

async fn concurrent_adjustments_lose_none(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 0).await;
    let mut storm = JoinSet::new();
    for n in 0..60 {
        let inventory = inventory.clone();
        storm.spawn(async move {
            let key = key(&n.to_string(), "+1");
            inventory.adjust(&key, product, &by(1), &Actor::SYSTEM).await.unwrap();
        });
    }
    storm.join_all().await;
    assert_eq!(shop::available(&inventory, product).await, 60);
    shop::books_are_right(&inventory).await;
}

async fn what_is_promised_cannot_be_written_off(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 10).await;
    let order = shop::order(&inventory, product, 4, shop::soon()).await.unwrap();
    let actor = Actor::person(CustomerId::new(), None);
    let refused = inventory.adjust(&key("k", "-7"), product, &by(-7), &actor).await;
    let Err(AdjustError::OutOfRange { lowest, highest }) = refused else { panic!("{refused:?}") };
    assert_eq!((lowest, highest), (-6, UNITS_MAX - 10));
    let refused = inventory.adjust(&key("big", ""), product, &by(UNITS_MAX), &actor).await;
    assert!(matches!(refused, Err(AdjustError::OutOfRange { .. })), "{refused:?}");
    // A refusal is no answer for ever: the same key works once the units are free.
    inventory.release(order).await.unwrap();
    inventory.adjust(&key("k", "-7"), product, &by(-7), &actor).await.unwrap();
    assert_eq!(shop::available(&inventory, product).await, 3);
    let nowhere = inventory.adjust(&key("n", ""), ProductId::new(), &by(1), &actor).await;
    assert!(matches!(nowhere, Err(AdjustError::UnknownProduct(_))), "{nowhere:?}");
    shop::books_are_right(&inventory).await;
}

/// Orders are served from one location only.
async fn stock_can_lie_elsewhere(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 1).await;
    let elsewhere = Adjustment::new(5, "delivery", Some("attic".to_owned())).unwrap();
    inventory.adjust(&key("k", ""), product, &elsewhere, &Actor::SYSTEM).await.unwrap();
    assert_eq!(shop::available(&inventory, product).await, 1);
    let refused = shop::order(&inventory, product, 2, shop::soon()).await.map(drop);
    assert_eq!(shop::outcome(&refused), "out of stock");
    shop::books_are_right(&inventory).await;
    assert_eq!(inventory.available(&[]).await.unwrap(), []);
}

/// It is not there when it is adjusted, and is when the refusal is to be explained.
async fn stock_that_is_just_opened_is_adjusted_or_unknown(db: Db) {
    let inventory = shop::inventory(&db).await;
    for round in 0..60 {
        let product = ProductId::new();
        let opened = shop::created(product, Some(1));
        let adjusting = async {
            let key = key(&round.to_string(), "+5");
            loop {
                match inventory.adjust(&key, product, &by(5), &Actor::SYSTEM).await {
                    Err(AdjustError::UnknownProduct(_)) => {}
                    adjusted => break adjusted,
                }
            }
        };
        let (opened, adjusted) = tokio::join!(shop::hear(&inventory, &opened), adjusting);
        opened.unwrap();
        assert!(adjusted.unwrap().answer.body.contains("\"on_hand\":6"));
    }
    shop::books_are_right(&inventory).await;
}
