//! What others may tell customers of their orders.

use std::collections::HashMap;

use async_trait::async_trait;
use kernel::id::OrderId;
use kernel::ports::{ToldOrder, Unavailable};

use crate::Orders;
use crate::domain::order::Order;
use crate::domain::status::Status;
use crate::store::orders;

#[async_trait]
impl kernel::ports::Orders for Orders {
    async fn told(&self, ids: &[OrderId]) -> Result<HashMap<OrderId, ToldOrder>, Unavailable> {
        let found = orders::of_ids(&self.inner.db, ids).await;
        let found = found.map_err(|error| Unavailable::new("orders", error))?;
        Ok(found.into_iter().map(|order| (order.id, told(order))).collect())
    }
}

fn told(order: Order) -> ToldOrder {
    ToldOrder {
        lines: order.sold(),
        id: order.id,
        number: order.number,
        customer_id: order.customer_id,
        email: order.email,
        locale: order.locale,
        name: order.shipping_address.name,
        items: order.totals.items,
        discount: order.totals.discount,
        shipping: order.totals.shipping,
        tax: order.totals.tax,
        included_tax: order.totals.included_tax,
        total: order.totals.total,
        placed_at: order.created_at,
        awaits_payment: order.status == Status::AwaitingPayment,
    }
}
