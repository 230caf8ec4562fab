use std::collections::HashMap;

use async_trait::async_trait;

use super::Unavailable;
use crate::clock::Timestamp;
use crate::events::SoldLine;
use crate::id::{CustomerId, OrderId};
use crate::money::Money;

/// An order as a letter tells of it. It has no `Debug`: an address is in no log.
#[derive(Clone, PartialEq, Eq)]
pub struct ToldOrder {
    /// The order.
    pub id: OrderId,
    /// Its number, for people.
    pub number: String,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// Where letters go, if it names an address of its own.
    pub email: Option<String>,
    /// The language of letters, e.g. `de-AT`, if it names one.
    pub locale: Option<String>,
    /// Who gets the goods.
    pub name: String,
    /// What was ordered.
    pub lines: Vec<SoldLine>,
    /// What the lines cost together.
    pub items: Money,
    /// What promotions take off that.
    pub discount: Money,
    /// What the shipping costs.
    pub shipping: Money,
    /// The tax that comes on top.
    pub tax: Money,
    /// The tax that the prices include.
    pub included_tax: Money,
    /// What it costs.
    pub total: Money,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// Whether it waits for the shopper to confirm the payment.
    pub awaits_payment: bool,
}

/// Knows the orders.
#[async_trait]
pub trait Orders: Send + Sync {
    /// Orders as letters tell of them; one that is not there is left out.
    async fn told(&self, orders: &[OrderId]) -> Result<HashMap<OrderId, ToldOrder>, Unavailable>;
}
