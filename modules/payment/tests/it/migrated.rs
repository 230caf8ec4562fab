//! Payments that were made when an order had one.

use kernel::id::{EventId, OrderId, PaymentId};
use payment::SCHEMA;
use platform::module::Schema;
use platform::sql::{Db, Sql};

use crate::shop::{euros, open};

platform::on_both_engines!(crate::migrated::FIRST =>
    payments_of_old_survive_the_change_of_their_tables,
);

/// The tables of then.
pub const FIRST: Schema = Schema { migrations: SCHEMA.migrations.split_at(1).0, ..SCHEMA };

const PAYABLE: Sql =
    Sql::new("insert into payable (order_id, attempts, cancelled_at) values ($1, 2, $2)");
const PAYMENT: Sql = Sql::new(
    "insert into payment (id, order_id, purpose, attempt, amount_minor, currency, status,
            authorized_minor, captured_minor, refunded_minor, version, events, token, processor_ref,
            card_brand, card_last4, created_at, updated_at)
     values ($1, $2, 'order', $3, 500, 'EUR', $4, $5, $5, $6, 4, 3, 'tok', 'ch_1', 'visa', '4242',
             $7, $7)",
);
const OPERATION: Sql = Sql::new(
    "insert into payment_operation (id, payment_id, kind, key, amount_minor, state, started_at,
            updated_at, ended_at) values ($1, $2, $3, $4, $5, 'succeeded', $6, $6, $6)",
);
const KEPT: Sql = Sql::new(
    "select p.id, p.order_id, p.pays, p.attempt, p.captured_minor, p.refunded_minor, p.version,
            count(o.id) as operations
       from payment p left join payment_operation o on o.payment_id = p.id
      where p.purpose = 'order' group by p.id order by p.attempt",
);

#[derive(Debug, PartialEq, platform::sql::Record)]
struct Kept {
    id: uuid::Uuid,
    order_id: uuid::Uuid,
    pays: uuid::Uuid,
    attempt: i64,
    captured_minor: i64,
    refunded_minor: i64,
    version: i64,
    operations: i64,
}

async fn payments_of_old_survive_the_change_of_their_tables(db: Db) {
    let (order, declined, paid) = (OrderId::new().uuid(), PaymentId::new(), PaymentId::new());
    let mut tx = db.begin("of old").await.unwrap();
    let now = tx.now();
    tx.query(PAYABLE).bind(order).bind(None::<kernel::Timestamp>).execute().await.unwrap();
    for (id, attempt, status, captured, refunded) in
        [(declined, 1, "declined", 0, 0), (paid, 2, "partially_refunded", 500, 120)]
    {
        let query = tx.query(PAYMENT).bind(id.uuid()).bind(order).bind(i64::from(attempt));
        let query = query.bind(status).bind(i64::from(captured)).bind(i64::from(refunded));
        query.bind(now).execute().await.unwrap();
    }
    for (kind, amount) in [("authorize", 500), ("capture", 500), ("refund", 120)] {
        let query = tx.query(OPERATION).bind(EventId::new().uuid()).bind(paid.uuid()).bind(kind);
        query.bind(kind).bind(i64::from(amount)).bind(now).execute().await.unwrap();
    }
    tx.commit().await.unwrap();

    SCHEMA.migrate(&db).await.unwrap();
    let row = |id: PaymentId, attempt, captured_minor, refunded_minor, operations| Kept {
        id: id.uuid(),
        order_id: order,
        pays: order,
        attempt,
        captured_minor,
        refunded_minor,
        version: 4,
        operations,
    };
    let kept: Vec<Kept> = db.query(KEPT).all().await.unwrap();
    assert_eq!(kept, [row(declined, 1, 0, 0, 0), row(paid, 2, 500, 120, 3)]);
    // What bound them binds them still: the payment of a call, the one live payment, the amounts.
    for wrong in [
        Sql::new("delete from payment"),
        Sql::new("update payment set status = 'authorized'"),
        Sql::new("update payment set refunded_minor = captured_minor + 1"),
        Sql::new("update payment set purpose = 'edit'"),
        Sql::new("update payment_operation set ended_at = null"),
    ] {
        let mut tx = db.begin("wrong").await.unwrap();
        assert!(tx.query(wrong).execute().await.is_err(), "{wrong:?}");
    }
    let shop = open(db).await;
    let row = shop.row(order.into()).await;
    assert_eq!(
        (row.status, row.captured, row.refunded),
        ("partially_refunded", euros(500), euros(120))
    );
}
