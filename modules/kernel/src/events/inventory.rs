use serde::{Deserialize, Serialize};

use super::publishes;
use crate::clock::Timestamp;
use crate::id::{AlertId, LocationId, OrderId, ProductId, StockId};

/// Stock was counted, received, moved or written off; or another part of it is kept back, and
/// `delta` is 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockAdjusted {
    /// The stock.
    pub stock_id: StockId,
    /// Of which product.
    pub product_id: ProductId,
    /// Where.
    pub location: String,
    /// Whether orders are served from there; what lies elsewhere cannot be bought.
    #[serde(default = "yes")]
    pub is_for_sale: bool,
    /// By how many units.
    pub delta: i64,
    /// What lies there now.
    pub on_hand: i64,
    /// How much of it is promised.
    pub reserved: i64,
    /// How much of it is kept back: it is not promised to anybody new.
    #[serde(default)]
    pub safety: i64,
    /// How many units can be promised beyond what lies there.
    #[serde(default)]
    pub backorder_max: i64,
    /// Nothing of it leaves the house before, where that is set.
    #[serde(default)]
    pub available_from: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

/// Events of before this was told are of the one location that served orders.
const fn yes() -> bool {
    true
}

/// Stock was promised to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReserved {
    /// The stock.
    pub stock_id: StockId,
    /// Of which product.
    pub product_id: ProductId,
    /// To whom.
    pub order_id: OrderId,
    /// How many units.
    pub quantity: i64,
    /// How many of these do not lie there yet.
    #[serde(default)]
    pub backordered: i64,
    /// What lies there now.
    pub on_hand: i64,
    /// How much of it is promised.
    pub reserved: i64,
}

/// A promise of stock ended without a sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReleased {
    /// The stock.
    pub stock_id: StockId,
    /// Of which product.
    pub product_id: ProductId,
    /// Whose promise it was.
    pub order_id: OrderId,
    /// How many units.
    pub quantity: i64,
    /// What lies there now.
    pub on_hand: i64,
    /// How much of it is promised.
    pub reserved: i64,
    /// `released` or `expired`.
    pub reason: String,
}

/// Promised stock left the house.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockShipped {
    /// The stock.
    pub stock_id: StockId,
    /// Of which product.
    pub product_id: ProductId,
    /// With which order.
    pub order_id: OrderId,
    /// How many units.
    pub quantity: i64,
    /// What lies there now.
    pub on_hand: i64,
    /// How much of it is promised.
    pub reserved: i64,
}

/// Shipped stock came back and lies where it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReturned {
    /// The stock.
    pub stock_id: StockId,
    /// Of which product.
    pub product_id: ProductId,
    /// Of which order.
    pub order_id: OrderId,
    /// How many units.
    pub quantity: i64,
    /// What lies there now.
    pub on_hand: i64,
    /// How much of it is promised.
    pub reserved: i64,
}

/// Units that came in or came free are for orders that waited for them, the oldest ones first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockCovered {
    /// The stock.
    pub stock_id: StockId,
    /// Of which product.
    pub product_id: ProductId,
    /// Whose units they are now.
    pub orders: Vec<OrderCovered>,
    /// What lies there now.
    pub on_hand: i64,
    /// How much is promised.
    pub reserved: i64,
}

/// Units that an order waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCovered {
    /// The order.
    pub order_id: OrderId,
    /// How many units.
    pub quantity: i64,
}

/// Few units are left: what can be promised fell to the mark that was set. Told once, until there is
/// more again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockLow {
    /// The warnings of this stock.
    pub alert_id: AlertId,
    /// The stock.
    pub stock_id: StockId,
    /// Of which product.
    pub product_id: ProductId,
    /// Where.
    pub location: String,
    /// How many units could be promised when it was seen.
    pub available: i64,
    /// The mark.
    pub low_at: i64,
}

/// A location was opened or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationChanged {
    /// The location.
    pub location_id: LocationId,
    /// What the API calls it.
    pub code: String,
    /// Whether orders are served from there; what lies elsewhere cannot be bought.
    pub is_for_sale: bool,
}

publishes! { "stoa.inventory":
    StockAdjusted = "stock.adjusted" about stock_id;
    StockReserved = "stock.reserved" about stock_id;
    StockReleased = "stock.released" about stock_id;
    StockShipped = "stock.shipped" about stock_id;
    StockReturned = "stock.returned" about stock_id;
    StockCovered = "stock.covered" about stock_id;
    StockLow = "stock.low" about alert_id;
    LocationChanged = "location.changed" about location_id;
}
