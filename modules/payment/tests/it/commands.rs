use platform::sql::Db;

use crate::http::{at_once, refund};
use crate::shop::{Shop, open};

platform::on_both_engines!(payment::SCHEMA =>
    fifty_refunds_at_once_never_exceed_what_was_captured,
    one_key_fifty_times_at_once_refunds_once,
);

/// Sends refunds of 10.00 at once, each from its own connection, and returns their statuses.
async fn refunds(shop: &Shop, keys: Vec<String>) -> Vec<u16> {
    let (_, id) = shop.captured(10_000).await;
    let mut done = at_once(shop, keys.iter().map(|key| refund(id, key, "10.00")).collect()).await;
    let refunded = shop.charges().await[&id].refunded;
    done.push(u16::try_from(refunded / 1_000).unwrap());
    done
}

async fn fifty_refunds_at_once_never_exceed_what_was_captured(db: Db) {
    let shop = open(db).await;
    let mut statuses = refunds(&shop, (0..50).map(|n| format!("refund {n}")).collect()).await;
    assert_eq!(statuses.pop(), Some(10), "the processor refunded ten times 10.00");
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 10, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 409)), "{statuses:?}");
    shop.books_hold().await;
}

async fn one_key_fifty_times_at_once_refunds_once(db: Db) {
    let shop = open(db).await;
    let mut statuses = refunds(&shop, vec!["one".to_owned(); 50]).await;
    assert_eq!(statuses.pop(), Some(1), "the processor refunded 10.00 once");
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    shop.books_hold().await;
}
