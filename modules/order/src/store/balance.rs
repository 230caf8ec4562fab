//! What of an order's money was given back, or is on its way.

use platform::sql::{Result, Tx};

use crate::domain::order::Order;

platform::guard! {
    /// What an order gives back never exceeds what was charged for it, refunds on their way included.
    ORDER_REFUNDED: "order_balance.refunded", table "order_balance", key uuid "order_id",
    used "refunded_minor", limit "charged_minor"
}

platform::statements! {
    OPEN_BALANCE = "insert into order_balance (order_id, charged_minor) values ($1, $2)
                    on conflict (order_id) do nothing";
    LEFT = "select charged_minor - refunded_minor from order_balance where order_id = $1";
    BALANCES = "select count(*) from order_balance";
    /// Orders that gave something else back than their changes say, by payments or by what was sent
    /// instead.
    UNBALANCED = "select o.number from order_balance b join orders o on o.id = b.order_id
                    left join (select order_id, sum(credit_minor + case when due_minor < 0
                                      then -due_minor else 0 end) as given from order_change
                                where state in ('settling', 'done', 'failed')
                                group by order_id) c on c.order_id = b.order_id
                   where b.refunded_minor <> coalesce(c.given, 0) limit 20";
}

/// What of an order's money can still be given back, in minor units.
pub async fn left(tx: &mut Tx, order: &Order) -> Result<i64> {
    let (id, charged) = (order.id.uuid(), order.totals.total.minor());
    tx.query(OPEN_BALANCE).bind(id).bind(charged).execute().await?;
    let (left,): (i64,) = tx.query(LEFT).bind(id).one().await?;
    Ok(left)
}
