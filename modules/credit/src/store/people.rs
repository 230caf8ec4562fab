//! What came to a person's store credit and what went.

use kernel::id::CustomerId;
use platform::sql::{Db, Result};

use super::MovementRow;
use crate::domain::movement::Movement;

platform::statements! {
    MOVEMENTS_OF = movement!("where account_id in (select id from account where customer_id = $1) order by id");
}

/// The movements of a person's store credit in all currencies, the first one first.
pub async fn movements(db: &Db, customer: CustomerId) -> Result<Vec<Movement>> {
    let rows: Vec<MovementRow> = db.query(MOVEMENTS_OF).bind(customer.uuid()).all().await?;
    rows.into_iter().map(MovementRow::movement).collect()
}
