//! What orders say of people: old ones are sealed, and people may read it.

use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use kernel::id::{CustomerId, OrderId};
use kernel::ports::{PersonalRecords, Purpose, Unavailable};
use platform::sql::{Error, Result};
use platform::tasks::Tasks;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Orders;
use crate::domain::cart::CartLine;
use crate::domain::invoice::Issued;
use crate::error::OrderError;
use crate::store::invoice::{self, Plain};
use crate::store::{cart, change, orders, personal, saved};

/// How many old orders are sealed at once.
const BATCH: i64 = 200;
/// How often it is looked for some.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// How many orders are read at once.
const PAGE: i64 = 200;
/// After so many days a parcel has arrived, whether anybody said so or not.
const ARRIVED_DAYS: i64 = 30;
/// How many orders are named that keep somebody from being erased.
const NAMED_MAX: i64 = 20;

impl Orders {
    /// Seals orders of before the house sealed, for as long as the house is open.
    pub fn seal(&self, tasks: &Tasks) {
        let orders = self.clone();
        tasks.every("order.seal", LOOK_EVERY, None, move || {
            let orders = orders.clone();
            async move { orders.seal_some().await }
        });
    }

    /// Seals some of them, and some invoices. True when there may be more.
    pub async fn seal_some(&self) -> Result<bool> {
        let orders = self.seal_some_orders().await?;
        Ok(self.seal_some_invoices().await? || orders)
    }

    async fn seal_some_invoices(&self) -> Result<bool> {
        let db = &self.inner.db;
        let plain = invoice::not_sealed(db, BATCH).await?;
        if plain.is_empty() {
            return Ok(false);
        }
        let mut sealed = Vec::with_capacity(plain.len());
        for Plain { order, customer, invoice } in plain {
            let key = match db.people()?.key(customer, Purpose::Records).await {
                Ok(key) => Some(key),
                Err(Error::Erased) => None,
                Err(error) => return Err(error),
            };
            sealed.push((order, invoice::sealed(order, &invoice, key.as_deref())?));
        }
        let mut tx = db.begin("order.seal_invoices").await?;
        invoice::seal(&mut tx, &sealed).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn seal_some_orders(&self) -> Result<bool> {
        let db = &self.inner.db;
        let ids = personal::not_sealed(db, BATCH).await?;
        if ids.is_empty() {
            return Ok(false);
        }
        let mut sealed = Vec::with_capacity(ids.len());
        for order in orders::of_ids(db, &ids).await? {
            sealed.push(match personal::key(db, order.customer_id).await {
                Ok(key) => (order.id, Some(personal::sealed(&key, &order)?)),
                Err(Error::Erased) => (order.id, None),
                Err(error) => return Err(error),
            });
        }
        let mut tx = db.begin("order.seal").await?;
        personal::seal(&mut tx, &sealed).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Whether somebody has ordered or has a cart.
    pub async fn knows(&self, customer: CustomerId) -> Result<bool> {
        personal::knows(&self.inner.db, customer).await
    }

    /// The numbers of orders that somebody still waits for, or of which something comes back: until they
    /// have ended, who placed them cannot be erased.
    pub async fn under_way(&self, customer: CustomerId) -> Result<Vec<String>> {
        let db = &self.inner.db;
        let left_after = db.clock().now() - TimeDelta::days(ARRIVED_DAYS);
        personal::under_way(db, customer, left_after, NAMED_MAX).await
    }

    /// Issues the invoices of somebody's orders for which nobody asked: after an erasure there would be nobody to
    /// name on them.
    pub async fn issue_invoices(
        &self,
        customer: CustomerId,
    ) -> std::result::Result<(), OrderError> {
        let db = &self.inner.db;
        loop {
            let ids = invoice::missing(db, customer, PAGE).await?;
            if ids.is_empty() {
                return Ok(());
            }
            for order in orders::of_ids(db, &ids).await? {
                self.invoice(&order).await?;
            }
        }
    }

    async fn kept_about(&self, person: CustomerId) -> Result<Value> {
        let db = &self.inner.db;
        let (mut all, mut changes, mut invoices) = (Vec::new(), Vec::new(), Vec::new());
        let mut before = OrderId::from(Uuid::max());
        loop {
            let page = orders::of_customer(db, person, before, PAGE).await?;
            let Some(last) = page.last() else { break };
            before = last.id;
            let ids: Vec<OrderId> = page.iter().map(|order| order.id).collect();
            let found = change::of_orders(db, &ids).await?;
            changes.extend(found.into_iter().map(|change| json!(change.for_the_customer())));
            invoices.extend(invoice::of_orders(db, &ids).await?.into_iter().map(papers));
            all.extend(page.into_iter().map(|order| order.view(None)));
        }
        let lines = cart::find(db, person).await?.map(|cart| cart.lines).unwrap_or_default();
        let line =
            |line: &CartLine| json!({"product_id": line.product_id, "quantity": line.quantity});
        let cart: Vec<_> = lines.iter().map(line).collect();
        let aside = saved::list(db, person).await?;
        let aside: Vec<_> =
            aside.iter().map(|cart| json!({"name": cart.name, "lines": cart.lines})).collect();
        Ok(json!({
            "orders": all, "changes": changes, "invoices": invoices, "cart": cart, "saved_carts": aside,
        }))
    }
}

/// An invoice, as whoever it is for reads it.
fn papers((order, issued): (OrderId, Issued)) -> Value {
    json!({"order_id": order, "number": issued.name(), "issued_at": issued.at, "says": issued.invoice})
}

#[async_trait]
impl PersonalRecords for Orders {
    async fn records(&self, person: CustomerId) -> std::result::Result<Value, Unavailable> {
        self.kept_about(person).await.map_err(|error| Unavailable::new("order", error))
    }
}
