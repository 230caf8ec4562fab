use kernel::id::PaymentId;
use payment::{NewCharge, Processor as _};
use platform::sql::{Db, Sql};

use crate::shop::{APPROVED, Shop, euros, open};

platform::on_both_engines!(payment::SCHEMA =>
    a_charge_nobody_knows_is_found,
    an_amount_that_differs_is_found,
    more_payments_than_a_page_are_compared,
);

async fn broken(shop: &Shop) -> Vec<String> {
    let checks = shop.payments.verify().await.unwrap();
    checks.into_iter().flat_map(|check| check.broken).collect()
}

fn orphan(token: String) -> NewCharge {
    let (reference, amount) = (PaymentId::new(), euros(100));
    NewCharge { reference, amount, token, challenge: false, exemption: None }
}

async fn a_charge_nobody_knows_is_found(db: Db) {
    let shop = open(db).await;
    shop.captured(1_000).await;
    shop.books_hold().await;
    let token = shop.token(APPROVED).await;
    let orphan = orphan(token);
    shop.sandbox.authorize("nobody's", orphan).await.unwrap();
    let broken = broken(&shop).await;
    assert!(broken.len() == 1 && broken[0].starts_with("charge"), "{broken:?}");
}

async fn an_amount_that_differs_is_found(db: Db) {
    let shop = open(db).await;
    let (_, id) = shop.captured(1_000).await;
    let charge = shop.charges().await[&id].id.clone();
    shop.sandbox.refund("behind our back", &charge, euros(1)).await.unwrap();
    assert_eq!(broken(&shop).await, [format!("payment {id}: the amounts differ")]);
    let mut tx = shop.db.begin("tamper").await.unwrap();
    tx.query(Sql::new("update payment set refunded_minor = 1")).execute().await.unwrap();
    tx.commit().await.unwrap();
    // Now both books agree, and the sum of the calls tells that ours was changed by hand.
    assert_eq!(broken(&shop).await.len(), 1);
    let mut tx = shop.db.begin("tamper").await.unwrap();
    let beyond = Sql::new("update payment set refunded_minor = captured_minor + 1");
    assert!(tx.query(beyond).execute().await.is_err());
}

async fn more_payments_than_a_page_are_compared(db: Db) {
    let shop = open(db).await;
    let token = shop.token(APPROVED).await;
    for n in 0..501 {
        shop.sandbox.authorize(&format!("orphan {n}"), orphan(token.clone())).await.unwrap();
    }
    shop.authorized(700).await;
    let checks = shop.payments.verify().await.unwrap();
    let books = checks.last().unwrap();
    assert_eq!((books.rows, books.broken.len()), (1, platform::verify::NAMED_MAX));
}
