//! The messages about a person's orders.

use std::collections::HashSet;

use async_trait::async_trait;
use kernel::Timestamp;
use kernel::events::{CustomerErased, GuestMerged};
use kernel::id::{CustomerId, OrderId};
use platform::people::Keeps;
use platform::sql::{Db, Json, Result, Tx};
use uuid::Uuid;

/// The statement that erases; how the webhook `w` of a message is found is spelled by each engine.
macro_rules! erase {
    ($is_its_webhook:literal) => {
        concat!(
            "update message set erased = true, last_error = null,
                    data = case when channel = 'webhook' and state = 'waiting' and ",
            erase!(is_called $is_its_webhook),
            " then data else '{}' end,
                    state = case when state <> 'waiting' then state when channel = 'email' then 'nobody' when ",
            erase!(is_called $is_its_webhook),
            " then state else 'dead' end,
                    ended_at = case when channel = 'webhook' and state = 'waiting' and ",
            erase!(is_called $is_its_webhook),
            " then ended_at else coalesce(ended_at, $2) end
              where order_id in (select order_id from message where customer_id = $1)"
        )
    };
    (is_called $is_its_webhook:literal) => {
        concat!("exists (select 1 from webhook w where w.active and ", $is_its_webhook, ")")
    };
}

platform::statements! {
    OF_CUSTOMER = "select event_kind, channel, state, created_at from message
                    where order_id in (select order_id from message where customer_id = $1) order by id";
    ADOPT = "update message set customer_id = $2 where customer_id = $1";
    /// What is told right now is seen from here, or sees who is remembered. SQLite has one writer.
    HOLD = "select 1", "lock table erased in access exclusive mode";
    REMEMBER = "insert into erased (customer_id) values ($1) on conflict do nothing";
    ERASED =
        "select customer_id from erased where customer_id in (select unhex(value, '-') from json_each($1))
         union all
         select m.order_id from message m join erased e on e.customer_id = m.customer_id
          where m.order_id in (select unhex(value, '-') from json_each($2))",
        "select customer_id from erased
          where customer_id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))
         union all
         select m.order_id from message m join erased e on e.customer_id = m.customer_id
          where m.order_id = any(array(select cast(value as uuid) from jsonb_array_elements_text($2)))";
    /// A letter that waits is written to nobody. A call that waits is still made, unless its webhook is switched off:
    /// whoever is called keeps the books of the order.
    ERASE = erase!("unhex(recipient, '-') = w.id"), erase!("recipient = cast(w.id as text)");
}

/// What was told of a person's orders.
#[derive(platform::sql::Record)]
pub(crate) struct OfCustomer {
    pub event_kind: String,
    pub channel: String,
    pub state: String,
    pub created_at: Timestamp,
}

/// What was told of a person's orders, the first first.
pub(crate) async fn of_customer(db: &Db, customer: CustomerId) -> Result<Vec<OfCustomer>> {
    db.query(OF_CUSTOMER).bind(customer.uuid()).all().await
}

/// Customers who were erased, and orders that they placed.
pub(crate) struct Erased(HashSet<Uuid>);

impl Erased {
    /// Those among these customers, and among these orders.
    pub(crate) async fn among(
        tx: &mut Tx,
        customers: &[CustomerId],
        orders: &[OrderId],
    ) -> Result<Self> {
        let query = tx.query(ERASED).bind(Json(customers)).bind(Json(orders));
        let rows: Vec<(Uuid,)> = query.all().await?;
        Ok(Self(rows.into_iter().map(|(id,)| id).collect()))
    }

    /// Whether a customer was erased, or whoever placed an order. The order is known to be theirs from then on.
    pub(crate) fn has(&mut self, customer: Option<CustomerId>, order: Option<OrderId>) -> bool {
        let customer = customer.is_some_and(|id| self.0.contains(&id.uuid()));
        let is_erased = customer || order.is_some_and(|id| self.0.contains(&id.uuid()));
        if is_erased {
            self.0.extend(order.map(OrderId::uuid));
        }
        is_erased
    }
}

/// Writes to whoever is erased no more, and lets go what was told of their orders: that it was told stays.
pub(crate) struct People;

#[async_trait]
impl Keeps for People {
    async fn erase(&self, tx: &mut Tx, erased: CustomerErased) -> Result<()> {
        let (customer, now) = (erased.customer_id.uuid(), tx.now());
        tx.query(HOLD).optional::<(i64,)>().await?;
        tx.query(REMEMBER).bind(customer).execute().await?;
        tx.query(ERASE).bind(customer).bind(now).execute().await.map(drop)
    }

    async fn adopt(&self, tx: &mut Tx, merged: GuestMerged) -> Result<()> {
        let GuestMerged { guest_id, customer_id } = merged;
        tx.query(ADOPT).bind(guest_id.uuid()).bind(customer_id.uuid()).execute().await?;
        // The account may have been erased before this was heard of.
        if Erased::among(tx, &[customer_id], &[]).await?.has(Some(customer_id), None) {
            let now = tx.now();
            tx.query(ERASE).bind(customer_id.uuid()).bind(now).execute().await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_of_somebody_erased_is_known_from_the_first_event_on() {
        let (gone, other) = (CustomerId::new(), CustomerId::new());
        let (order, others) = (OrderId::new(), OrderId::new());
        let mut erased = Erased(HashSet::from([gone.uuid()]));
        assert!(!erased.has(None, Some(order)), "nobody has said whose it is");
        assert!(erased.has(Some(gone), Some(order)));
        assert!(erased.has(None, Some(order)), "a later event of a batch does not say so again");
        assert!(!erased.has(Some(other), Some(others)));
        assert!(!erased.has(None, Some(others)) && !erased.has(None, None));
    }
}
