//! What an order keeps about a person: sealed, and gone when they are erased.

use std::sync::Arc;

use kernel::id::{CustomerId, OrderId};
use kernel::ports::{PersonKey, Purpose};
use kernel::{Address, Timestamp};
use platform::personal::{self, ERASED, Ring};
use platform::sql::{Db, Json, Result, Sql, Tx};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::order::Order;

/// What is left in the clear of an address, in both engines' words.
macro_rules! left_of_address {
    (sqlite) => {
        "json_patch('{}', json_object('country', shipping_address->>'country', 'region', shipping_address->>'region'))"
    };
    (postgres) => {
        "jsonb_strip_nulls(jsonb_build_object('country', shipping_address->>'country', 'region', shipping_address->>'region'))"
    };
}

platform::statements! {
    SEAL =
        concat!("update orders
            set personal = l.personal, billing_address = null, email = null, shipping_address = ",
            left_of_address!(sqlite),
          " from (select unhex(value->>'id', '-') as k, value->>'personal' as personal
                   from json_each($1)) l
          where id = l.k and orders.personal is null"),
        concat!("update orders
            set personal = l.personal, billing_address = null, email = null, shipping_address = ",
            left_of_address!(postgres),
          " from jsonb_to_recordset($1) as l(id uuid, personal text)
          where orders.id = l.id and orders.personal is null");
    NOT_SEALED = "select id from orders where personal is null order by id limit $1";
    /// Also of a row that was never sealed nothing is left but the country and the region.
    ERASE =
        concat!("update orders set personal = 'erased', billing_address = null, email = null, shipping_address = ",
            left_of_address!(sqlite), " where customer_id = $1"),
        concat!("update orders set personal = 'erased', billing_address = null, email = null, shipping_address = ",
            left_of_address!(postgres), " where customer_id = $1");
    KNOWS = "select exists (select 1 from orders where customer_id = $1)
                 or exists (select 1 from cart where owner = $1)
                 or exists (select 1 from saved_cart where owner = $1)";
    UNDER_WAY = "select number from orders where customer_id = $1
                    and (status in ('PENDING', 'AWAITING_PAYMENT', 'CONFIRMED')
                         or status = 'SHIPPED' and updated_at > $3)
                  union
                 select o.number from orders o join order_change c on c.order_id = o.id
                  where o.customer_id = $1 and c.ended_at is null
                  order by number limit $2";
    ERASE_REASONS = "update order_change set reason = null where actor_kind = 'customer' and reason is not null
                        and order_id in (select id from orders where customer_id = $1)";
    DROP_CART_LINES = "delete from cart_line where cart_id in (select id from cart where owner = $1)";
    DROP_SAVED_LINES = "delete from saved_cart_line
                         where saved_cart_id in (select id from saved_cart where owner = $1)";
    DROP_SAVED = "delete from saved_cart where owner = $1";
    SEALED_ORDERS = platform::sealed_after!("orders", "id", "personal");
    SEALED_INVOICES =
        platform::sealed_after!("invoice", "order_id", "content->>'$'"),
        platform::sealed_after!("invoice", "order_id", "content #>> '{}'");
}

/// What is sealed and kept, page by page. What sagas and stored answers have is sealed under the keys of their
/// orders, and goes.
pub const SEALED: &[Sql] = &[SEALED_ORDERS, SEALED_INVOICES];

/// What is sealed of an order.
#[derive(Serialize, Deserialize)]
pub struct Personal {
    /// Where it goes.
    pub shipping_address: Address,
    /// Where its invoice goes, when that is elsewhere.
    pub billing_address: Option<Address>,
    /// Where letters about it go.
    pub email: Option<String>,
}

/// What is left of an address when the rest is sealed; a row of before has all of it.
#[derive(Serialize, Deserialize)]
pub struct AddressRow {
    country: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(default, skip_serializing)]
    name: String,
    #[serde(default, skip_serializing)]
    line1: String,
    #[serde(default, skip_serializing)]
    line2: Option<String>,
    #[serde(default, skip_serializing)]
    city: String,
    #[serde(default, skip_serializing)]
    postal_code: Option<String>,
}

impl AddressRow {
    /// What is not sealed of an address.
    pub fn of(address: &Address) -> Self {
        Self {
            country: address.country.clone(),
            region: address.region.clone(),
            name: String::new(),
            line1: String::new(),
            line2: None,
            city: String::new(),
            postal_code: None,
        }
    }
}

impl From<AddressRow> for Address {
    fn from(row: AddressRow) -> Self {
        let AddressRow { country, region, name, line1, line2, city, postal_code } = row;
        Self { name, line1, line2, city, region, postal_code, country }
    }
}

impl Personal {
    /// It, sealed for the row of an order.
    pub fn sealed(&self, key: &PersonKey, order: OrderId) -> Result<String> {
        personal::seal(key, &place(order), self)
    }

    /// What an order of somebody who was erased still says.
    pub fn erased(left: AddressRow) -> Self {
        let gone = || ERASED.to_owned();
        let shipping_address = Address {
            name: gone(),
            line1: gone(),
            line2: None,
            city: gone(),
            postal_code: None,
            ..Address::from(left)
        };
        Self { shipping_address, billing_address: None, email: None }
    }
}

/// Where what is sealed of an order stands.
fn place(order: OrderId) -> String {
    format!("order:{order}")
}

/// What is personal of an order, sealed for its row.
pub fn sealed(key: &PersonKey, order: &Order) -> Result<String> {
    let personal = Personal {
        shipping_address: order.shipping_address.clone(),
        billing_address: order.billing_address.clone(),
        email: order.email.clone(),
    };
    personal.sealed(key, order.id)
}

/// What was sealed of an order. None when it never was, or its customer was erased.
pub fn opened(order: OrderId, personal: Option<&str>, ring: &Ring) -> Result<Option<Personal>> {
    match personal {
        None | Some(ERASED) => Ok(None),
        Some(sealed) => ring.open(&place(order), sealed),
    }
}

/// The key of a customer, for what an order keeps about them.
pub async fn key(db: &Db, customer: CustomerId) -> Result<Arc<PersonKey>> {
    db.people()?.key(customer, Purpose::Service).await
}

/// Some orders of before the house sealed.
pub async fn not_sealed(db: &Db, limit: i64) -> Result<Vec<OrderId>> {
    let rows: Vec<(Uuid,)> = db.query(NOT_SEALED).bind(limit).all().await?;
    Ok(rows.into_iter().map(|(order,)| order.into()).collect())
}

/// Stores what was sealed of orders that were not sealed yet; nothing of those of somebody who was
/// erased.
pub async fn seal(tx: &mut Tx, sealed: &[(OrderId, Option<String>)]) -> Result<()> {
    let row = |(id, sealed): &(OrderId, Option<String>)| serde_json::json!({"id": id, "personal": sealed.as_deref().unwrap_or(ERASED)});
    let rows: Vec<_> = sealed.iter().map(row).collect();
    tx.query(SEAL).bind(Json(rows)).execute().await.map(drop)
}

/// Whether somebody has ordered or put anything aside.
pub async fn knows(db: &Db, customer: CustomerId) -> Result<bool> {
    let (knows,): (bool,) = db.query(KNOWS).bind(customer.uuid()).one().await?;
    Ok(knows)
}

/// The numbers of some orders that somebody still waits for, or that come back; of those that left the
/// house only if that was after a time.
pub async fn under_way(
    db: &Db,
    customer: CustomerId,
    left_after: Timestamp,
    limit: i64,
) -> Result<Vec<String>> {
    let query = db.query(UNDER_WAY).bind(customer.uuid()).bind(limit).bind(left_after);
    let numbers: Vec<(String,)> = query.all().await?;
    Ok(numbers.into_iter().map(|(number,)| number).collect())
}

/// Lets what is kept about somebody go: what their orders say of them, why they sent goods back, and
/// what they had put aside.
pub async fn erase(tx: &mut Tx, customer: CustomerId) -> Result<()> {
    for sql in [ERASE, ERASE_REASONS, DROP_CART_LINES, DROP_SAVED_LINES, DROP_SAVED] {
        tx.query(sql).bind(customer.uuid()).execute().await?;
    }
    Ok(())
}
