use std::time::Duration;

use kernel::id::OrderId;
use kernel::ports::{PaymentError, Payments as _};
use platform::sql::{Db, Sql};

use crate::shop::{APPROVED, CHALLENGE, Failing, Shop, declined, open, open_with, settings};

platform::on_both_engines!(payment::SCHEMA =>
    a_killed_authorization_is_finished_by_its_repetition,
    a_killed_authorization_is_finished_by_the_resolver,
    a_killed_authorization_is_finished_by_a_cancel,
    a_killed_capture_is_finished_by_the_resolver,
    a_killed_refund_is_finished_by_the_resolver,
    a_processor_that_cannot_be_reached_leaves_an_unknown_outcome,
    a_processor_that_hangs_is_given_up,
    a_challenge_nobody_answers_is_given_up,
);

const STARTED: Sql =
    Sql::new("select count(*) from payment_operation where state in ('started', 'unknown')");

impl Shop {
    async fn open_calls(&self) -> i64 {
        self.db.query(STARTED).one::<(i64,)>().await.unwrap().0
    }

    /// Runs work until its call to the processor is written down and under way, then ends it.
    async fn kill_in_call(&self, work: impl Future<Output = ()> + Send + 'static) {
        let work = tokio::spawn(work);
        while self.open_calls().await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        work.abort();
        let _ = work.await;
        assert_eq!(self.open_calls().await, 1);
    }

    /// The same for work of one task: it is let go in its call.
    pub async fn dies_in_call<T>(&self, work: impl Future<Output = T>) {
        let under_way = async {
            while self.open_calls().await == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        tokio::select! {
            _ = work => panic!("its call was answered"),
            () = under_way => {}
        }
    }

    async fn killed_authorization(&self, how: Failing) -> kernel::ports::Authorize {
        let request = self.ask(OrderId::new(), 3_000, APPROVED).await;
        let (payments, asked) = (self.failing(how), request.clone());
        self.kill_in_call(async move { drop(payments.authorize(asked).await) }).await;
        assert_eq!(self.status(request.order_id).await, "authorizing");
        request
    }
}

const KILLS: [Failing; 2] = [Failing::HangsBefore, Failing::HangsAfter];

async fn a_killed_authorization_is_finished_by_its_repetition(db: Db) {
    let shop = open(db).await;
    for how in KILLS {
        let request = shop.killed_authorization(how).await;
        shop.payments.authorize(request.clone()).await.unwrap();
        assert_eq!(shop.status(request.order_id).await, "authorized");
    }
    assert_eq!(shop.charges().await.len(), KILLS.len());
    shop.books_hold().await;
}

async fn a_killed_authorization_is_finished_by_the_resolver(db: Db) {
    let shop = open(db).await;
    for how in KILLS {
        let request = shop.killed_authorization(how).await;
        let tasks = platform::tasks::Tasks::default();
        shop.payments.start(&tasks);
        while shop.open_calls().await > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tasks.stop(Duration::from_secs(5)).await;
        assert_eq!(shop.status(request.order_id).await, "authorized");
    }
    assert_eq!(shop.charges().await.len(), KILLS.len());
    shop.books_hold().await;
}

async fn a_killed_authorization_is_finished_by_a_cancel(db: Db) {
    let shop = open(db).await;
    for how in KILLS {
        let request = shop.killed_authorization(how).await;
        shop.payments.cancel(request.order_id).await.unwrap();
        assert_eq!(shop.status(request.order_id).await, "voided");
        assert_eq!(declined(shop.payments.authorize(request).await), "cancelled");
    }
    shop.books_hold().await;
}

async fn a_killed_capture_is_finished_by_the_resolver(db: Db) {
    let shop = open(db).await;
    for how in KILLS {
        let (order, id) = shop.authorized(3_000).await;
        let dying = shop.with(how);
        let work = async move {
            let _ = dying.deliver("payment.capture", "order.confirmed", order).await;
        };
        shop.kill_in_call(work).await;
        assert_eq!(shop.status(order).await, "capturing");
        shop.payments.resolve().await.unwrap();
        assert_eq!(shop.status(order).await, "captured");
        assert_eq!(shop.charges().await[&id].captured, 3_000);
        assert_eq!(shop.told(id).await, ["payment.authorized", "payment.captured"]);
    }
    shop.books_hold().await;
}

async fn a_killed_refund_is_finished_by_the_resolver(db: Db) {
    let shop = open(db).await;
    for how in KILLS {
        let (order, id) = shop.captured(3_000).await;
        let payments = shop.failing(how);
        shop.kill_in_call(async move { drop(payments.cancel(order).await) }).await;
        shop.payments.resolve().await.unwrap();
        assert_eq!(shop.status(order).await, "refunded");
        assert_eq!(shop.charges().await[&id].refunded, 3_000);
    }
    shop.books_hold().await;
}

async fn a_processor_that_cannot_be_reached_leaves_an_unknown_outcome(db: Db) {
    let shop = open(db).await;
    for how in [Failing::Unreachable, Failing::AnswerLost] {
        let request = shop.ask(OrderId::new(), 3_000, APPROVED).await;
        let answer = shop.failing(how).authorize(request.clone()).await;
        assert!(matches!(answer, Err(PaymentError::Unavailable(_))), "{answer:?}");
        assert_eq!(shop.status(request.order_id).await, "unknown");
        assert!(shop.failing(Failing::Unreachable).cancel(OrderId::new()).await.is_ok());
        shop.payments.authorize(request).await.unwrap();
    }
    assert_eq!(shop.charges().await.len(), 2);
    // What cannot be resolved cannot be cancelled yet, and is not forgotten.
    let request = shop.ask(OrderId::new(), 3_000, APPROVED).await;
    let unreachable = shop.failing(Failing::Unreachable);
    let _ = unreachable.authorize(request.clone()).await;
    assert!(unreachable.cancel(request.order_id).await.is_err());
    shop.payments.cancel(request.order_id).await.unwrap();
    assert_eq!(shop.status(request.order_id).await, "voided");
    shop.books_hold().await;
}

async fn a_processor_that_hangs_is_given_up(db: Db) {
    let mut short = settings();
    short.processor_wait_ms = 50;
    let shop = open_with(db, short).await;
    let request = shop.ask(OrderId::new(), 3_000, APPROVED).await;
    let answer = shop.failing(Failing::HangsAfter).authorize(request.clone()).await;
    assert!(matches!(answer, Err(PaymentError::Unavailable(_))), "{answer:?}");
    assert_eq!(shop.status(request.order_id).await, "unknown");
}

async fn a_challenge_nobody_answers_is_given_up(db: Db) {
    let mut short = settings();
    short.challenge_wait_s = 0;
    let shop = open_with(db, short).await;
    let request = shop.ask(OrderId::new(), 3_000, CHALLENGE).await;
    shop.payments.authorize(request.clone()).await.unwrap();
    shop.payments.resolve().await.unwrap();
    assert_eq!(shop.status(request.order_id).await, "expired");
    assert_eq!(declined(shop.payments.authorize(request).await), "abandoned");
    shop.books_hold().await;
}
