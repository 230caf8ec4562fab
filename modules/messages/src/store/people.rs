//! The messages about a person's orders.

use kernel::Timestamp;
use kernel::id::CustomerId;
use platform::sql::{Db, Result, Tx};

platform::statements! {
    OF_CUSTOMER = "select event_kind, channel, state, created_at from message
                    where order_id in (select order_id from message where customer_id = $1) order by id";
    ADOPT = "update message set customer_id = $2 where customer_id = $1";
    /// A letter that waits is written to nobody. A call that waits is still made: whoever is called keeps the books of
    /// the order.
    ERASE = "update message set data = '{}', last_error = null, ended_at = coalesce(ended_at, $2),
                    state = case when state = 'waiting' then 'nobody' else state end
              where order_id in (select order_id from message where customer_id = $1)
                and not (channel = 'webhook' and state = 'waiting')";
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

/// What was told of a guest's orders is of the account that they logged in to.
pub(crate) async fn adopt(tx: &mut Tx, guest: CustomerId, customer: CustomerId) -> Result<()> {
    tx.query(ADOPT).bind(guest.uuid()).bind(customer.uuid()).execute().await.map(drop)
}

/// Writes to somebody no more, and lets go what was told of their orders: that it was told stays.
pub(crate) async fn erase(tx: &mut Tx, customer: CustomerId) -> Result<()> {
    let now = tx.now();
    tx.query(ERASE).bind(customer.uuid()).bind(now).execute().await.map(drop)
}
