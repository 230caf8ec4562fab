use chrono::TimeDelta;
use futures_util::future::join_all;
use kernel::events::OrderCancelled;
use kernel::id::{ChangeId, OrderId};
use kernel::ports::{Credit as _, CreditError, CreditReason, CreditWish};
use platform::audit::Actor;
use platform::sql::{Db, Sql};

use crate::shop::{Shop, ada, euros};

const ENDED: Sql = Sql::new("update account set expires_at = $1");

fn reason<T>(result: Result<T, CreditError>) -> Option<CreditReason> {
    match result {
        Ok(_) => None,
        Err(CreditError::Refused(reason, _)) => Some(reason),
        Err(error) => panic!("{error}"),
    }
}

pub async fn many_who_spend_one_card_spend_what_is_on_it(db: Db) {
    let shop = Shop::new(&db);
    let code = shop.card(1_000, None).await;
    // All of them were promised the same.
    let parts = shop.cover(&code, 300).await;
    let orders: Vec<OrderId> = (0..20).map(|_| OrderId::new()).collect();
    let tries = orders.iter().map(|order| shop.credits.spend(*order, ada(), &parts));
    let told: Vec<_> = join_all(tries).await.into_iter().map(reason).collect();
    let paid = told.iter().filter(|told| told.is_none()).count();
    assert_eq!((paid, shop.left(&code).await), (3, 100), "{told:?}");
    assert!(told.iter().flatten().all(|reason| *reason == CreditReason::Spent));
    shop.books_are_right().await;

    let back = join_all(orders.iter().flat_map(|order| [*order, *order]).map(|order| {
        let shop = shop.clone();
        async move { shop.credits.release(order).await }
    }));
    assert!(back.await.iter().all(Result::is_ok));
    assert_eq!(shop.left(&code).await, 1_000, "it comes back once");
    shop.books_are_right().await;
}

pub async fn an_order_takes_once_and_never_after_its_end(db: Db) {
    let shop = Shop::new(&db);
    let code = shop.card(1_000, None).await;
    let (order, parts) = (OrderId::new(), shop.cover(&code, 400).await);
    let tries = (0..8).map(|_| shop.credits.spend(order, ada(), &parts));
    assert!(join_all(tries).await.into_iter().all(|told| reason(told).is_none()));
    assert_eq!(shop.left(&code).await, 600);
    shop.credits.release(order).await.unwrap();
    assert_eq!(shop.left(&code).await, 1_000);
    let late = shop.credits.spend(order, ada(), &parts).await;
    assert_eq!(reason(late), Some(CreditReason::OrderEnded));

    let never = OrderId::new();
    shop.credits.release(never).await.unwrap();
    let late = shop.credits.spend(never, ada(), &parts).await;
    assert_eq!(reason(late), Some(CreditReason::OrderEnded), "its end came first");
    assert_eq!(shop.left(&code).await, 1_000);
    shop.books_are_right().await;
}

pub async fn changes_give_back_no_more_than_was_taken(db: Db) {
    let shop = Shop::new(&db);
    let code = shop.card(1_000, None).await;
    let credited = shop.credits.grant(ada(), euros(500), "sorry", "grant", &Actor::SYSTEM);
    credited.await.unwrap();
    let wish = CreditWish { codes: vec![code.clone()], store_credit: true };
    let (order, total) = (OrderId::new(), euros(1_400));
    let parts = shop.credits.cover(ada(), &wish, total).await.unwrap();
    assert_eq!(parts.iter().map(|part| part.amount.minor()).collect::<Vec<_>>(), [1_000, 400]);
    shop.credits.spend(order, ada(), &parts).await.unwrap();

    let first = ChangeId::new();
    let same = join_all((0..6).map(|_| shop.credits.give_back(order, first, euros(300)))).await;
    assert!(same.into_iter().all(|given| given.unwrap() == euros(300)));
    assert_eq!(shop.left(&code).await, 0, "what was taken last goes back first");
    let changes: Vec<ChangeId> = (0..6).map(|_| ChangeId::new()).collect();
    let given = changes.iter().map(|change| shop.credits.give_back(order, *change, euros(300)));
    let given = join_all(given).await.into_iter().map(|given| given.unwrap().minor());
    assert_eq!(given.sum::<i64>(), 1_100, "of many changes the rest, and no more");
    assert_eq!(shop.left(&code).await, 1_000);
    let nothing = shop.credits.give_back(OrderId::new(), first, euros(300)).await.unwrap();
    assert_eq!(nothing, euros(0), "it was paid by card alone");
    let paid = shop.credits.paid(None, 10).await.unwrap();
    assert_eq!((paid[0].spent, paid[0].given, paid[0].asked), (1_400, 1_400, 1_400));
    shop.books_are_right().await;
}

pub async fn what_was_called_off_goes_back_once(db: Db) {
    let shop = Shop::new(&db);
    let code = shop.card(1_000, None).await;
    let order = shop.spend(&code, 700).await;
    let change = ChangeId::new();
    shop.credits.give_back(order, change, euros(200)).await.unwrap();
    let cancelled = |order_id| OrderCancelled {
        order_id,
        customer_id: ada(),
        lines: vec![],
        total: euros(2_000),
        confirmed_at: kernel::Timestamp::UNIX_EPOCH,
        reason: "other".to_owned(),
        was_confirmed: true,
        refunded: None,
        replaces: None,
    };
    for _ in 0..2 {
        shop.hear(&cancelled(order)).await;
        assert_eq!(shop.left(&code).await, 1_000);
    }
    let late = shop.credits.give_back(order, ChangeId::new(), euros(100)).await.unwrap();
    assert_eq!(late, euros(0));
    // An order that was paid by card leaves nothing behind.
    shop.hear(&cancelled(OrderId::new())).await;
    assert_eq!(shop.credits.paid(None, 10).await.unwrap().len(), 1);
    shop.books_are_right().await;
}

pub async fn money_of_an_order_becomes_credit_once(db: Db) {
    let shop = Shop::new(&db);
    let (order, change) = (OrderId::new(), ChangeId::new());
    let tries = (0..8).map(|_| shop.credits.refund(order, ada(), change, euros(900)));
    assert!(join_all(tries).await.iter().all(Result::is_ok));
    let wish = CreditWish { codes: vec![], store_credit: true };
    let parts = shop.credits.cover(ada(), &wish, euros(5_000)).await.unwrap();
    assert_eq!(parts[0].amount, euros(900));
    let other = kernel::id::CustomerId::new();
    let stolen = shop.credits.spend(OrderId::new(), other, &parts).await;
    assert_eq!(reason(stolen), Some(CreditReason::Unknown), "it is hers alone");
    let dollars = kernel::Money::from_minor(5_000, kernel::Currency::USD);
    assert!(shop.credits.cover(ada(), &wish, dollars).await.unwrap().is_empty());
    shop.books_are_right().await;
}

pub async fn a_card_whose_time_is_over_pays_nothing(db: Db) {
    let shop = Shop::new(&db);
    let now = db.clock().now();
    let code = shop.card(1_000, Some(now + TimeDelta::days(1))).await;
    let over = shop.card(500, Some(now - TimeDelta::days(1))).await;
    let wish = CreditWish { codes: vec![code.clone(), over.clone()], store_credit: false };
    let refused = shop.credits.cover(ada(), &wish, euros(100)).await;
    assert!(matches!(refused, Err(CreditError::Refused(CreditReason::Expired, Some(1)))));
    let mut parts = shop.cover(&code, 100).await;
    parts[0].account_id = shop.credits.card(&over).await.unwrap().id;
    let late = shop.credits.spend(OrderId::new(), ada(), &parts).await;
    assert_eq!(reason(late), Some(CreditReason::Expired), "it ended after the quote");

    let sweeps = join_all((0..4).map(|_| shop.credits.expire())).await;
    assert!(sweeps.iter().all(|more| matches!(more, Ok(false))), "{sweeps:?}");
    assert_eq!((shop.left(&over).await, shop.left(&code).await), (0, 1_000));
    shop.books_are_right().await;
}

pub async fn what_comes_back_to_a_card_that_ended_can_be_spent_for_a_while(db: Db) {
    let shop = Shop::new(&db);
    let now = db.clock().now();
    let code = shop.card(1_000, Some(now + TimeDelta::days(1))).await;
    let order = shop.spend(&code, 400).await;
    let mut tx = db.begin("ended").await.unwrap();
    tx.query(ENDED).bind(now - TimeDelta::days(1)).execute().await.unwrap();
    tx.commit().await.unwrap();
    shop.credits.expire().await.unwrap();
    assert_eq!(shop.left(&code).await, 0, "what was left is the shop's");
    shop.credits.release(order).await.unwrap();
    let until = shop.credits.card(&code).await.unwrap().expires_at.unwrap();
    assert!(until > now + TimeDelta::days(29), "{until}");
    assert_eq!(shop.cover(&code, 1_000).await[0].amount, euros(400));
    shop.books_are_right().await;
}
