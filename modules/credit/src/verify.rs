//! The books of stored value.

use platform::sql::{Db, Result};
use platform::verify::{Check, by_query};

use crate::store::CREDIT_SPENT;

platform::statements! {
    ACCOUNTS = "select count(*) from account";
    ORDER_PARTS = "select count(*) from order_part";
    NOT_THE_SUM =
        "select lower(hex(a.id)) from account a
           left join (select account_id, sum(amount_minor) as left_minor,
                             sum(case when kind in ('spend', 'give_back') then -amount_minor else 0 end) as spent
                        from movement group by account_id) m on m.account_id = a.id
          where a.value_minor - a.spent_minor <> coalesce(m.left_minor, 0)
             or a.spent_minor <> coalesce(m.spent, 0) limit 20",
        "select cast(a.id as text) from account a
           left join (select account_id, sum(amount_minor) as left_minor,
                             sum(case when kind in ('spend', 'give_back') then -amount_minor else 0 end) as spent
                        from movement group by account_id) m on m.account_id = a.id
          where a.value_minor - a.spent_minor <> coalesce(m.left_minor, 0)
             or a.spent_minor <> coalesce(m.spent, 0) limit 20";
    NOT_WHAT_MOVED =
        "select lower(hex(p.order_id)) from order_part p
           left join (select order_id, account_id,
                             sum(case when kind = 'spend' then -amount_minor else 0 end) as spent,
                             sum(case when kind = 'give_back' then amount_minor else 0 end) as given
                        from movement where order_id is not null group by order_id, account_id) m
             on m.order_id = p.order_id and m.account_id = p.account_id
          where p.spent_minor <> coalesce(m.spent, 0) or p.given_minor <> coalesce(m.given, 0) limit 20",
        "select cast(p.order_id as text) from order_part p
           left join (select order_id, account_id,
                             sum(case when kind = 'spend' then -amount_minor else 0 end) as spent,
                             sum(case when kind = 'give_back' then amount_minor else 0 end) as given
                        from movement where order_id is not null group by order_id, account_id) m
             on m.order_id = p.order_id and m.account_id = p.account_id
          where p.spent_minor <> coalesce(m.spent, 0) or p.given_minor <> coalesce(m.given, 0) limit 20";
    /// What was not given back yet of an order that nothing is taken for any more.
    KEPT_CREDIT =
        "select lower(hex(p.order_id)) from order_part p join order_credit o on o.order_id = p.order_id
          where o.released_at is not null and p.given_minor < p.spent_minor limit 20",
        "select cast(p.order_id as text) from order_part p join order_credit o on o.order_id = p.order_id
          where o.released_at is not null and p.given_minor < p.spent_minor limit 20";
}

/// Checks the books.
pub async fn verify(db: &Db) -> Result<Vec<Check>> {
    let within = "of no gift card or store credit more is spent than there is";
    let sum = "what is left of each gift card and store credit is the sum of its movements";
    let moved = "what pays each order is what the movements say";
    let kept = "of no order that came to nothing stored value is kept";
    Ok(vec![
        by_query(db, within, ACCOUNTS, CREDIT_SPENT.broken).await?,
        by_query(db, sum, ACCOUNTS, NOT_THE_SUM).await?,
        by_query(db, moved, ORDER_PARTS, NOT_WHAT_MOVED).await?,
        by_query(db, kept, ORDER_PARTS, KEPT_CREDIT).await?,
    ])
}
