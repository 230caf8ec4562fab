//! The messages about a person's orders.

use async_trait::async_trait;
use kernel::Timestamp;
use kernel::events::{CustomerErased, GuestMerged};
use kernel::id::{CustomerId, OrderId};
use platform::people::Keeps;
use platform::sql::{Db, Result, Tx};

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
    IS_ERASED = "select exists (select 1 from erased where customer_id = $1)
                     or exists (select 1 from message m join erased e on e.customer_id = m.customer_id
                                 where m.order_id = $2)";
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

/// Whether a customer was erased, or whoever placed an order.
pub(crate) async fn is_erased(
    tx: &mut Tx,
    order: Option<OrderId>,
    customer: Option<CustomerId>,
) -> Result<bool> {
    let query = tx.query(IS_ERASED).bind(customer.map(CustomerId::uuid));
    let (is_erased,): (bool,) = query.bind(order.map(OrderId::uuid)).one().await?;
    Ok(is_erased)
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
        if is_erased(tx, None, Some(customer_id)).await? {
            let now = tx.now();
            tx.query(ERASE).bind(customer_id.uuid()).bind(now).execute().await?;
        }
        Ok(())
    }
}
