use serde::{Deserialize, Serialize};

use super::{Breakdown, Refunded, publishes};
use crate::id::{ChangeId, CustomerId, OrderId, ProductId, ShipmentId};
use crate::money::Money;

/// What was bought, as others need to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoldLine {
    /// The product.
    pub product_id: ProductId,
    /// Its stock keeping unit when it was sold.
    pub sku: String,
    /// Its name when it was sold.
    pub name: String,
    /// How many units.
    pub quantity: i64,
    /// The price of all of them, before discount and tax.
    pub total: Money,
}

/// A customer ordered; nothing is promised yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPlaced {
    /// The order.
    pub order_id: OrderId,
    /// Its number, for people.
    pub number: String,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// What it costs.
    pub total: Money,
}

/// Stock is promised, payment is authorized, the parcel is booked: the order is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderConfirmed {
    /// The order.
    pub order_id: OrderId,
    /// Its number, for people.
    pub number: String,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// What was bought.
    pub lines: Vec<SoldLine>,
    /// What it costs.
    pub total: Money,
    /// What that is made of; events of old do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breakdown: Option<Breakdown>,
    /// The order whose payments hold its money, when that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<OrderId>,
}

/// The checkout did not succeed; stock and money were given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderFailed {
    /// The order.
    pub order_id: OrderId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// A stable word, e.g. `payment_declined`.
    pub code: String,
    /// What happened, for people.
    pub detail: String,
    /// `PAYMENT_FAILED`, `INVENTORY_UNAVAILABLE` or `SHIPPING_FAILED`, when it was one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensation: Option<String>,
    /// The exchange that it was made for; whoever asked for that hears of it by the return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<ChangeId>,
}

/// An order was called off before it was shipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCancelled {
    /// The order.
    pub order_id: OrderId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// What had been bought.
    pub lines: Vec<SoldLine>,
    /// What it had cost.
    pub total: Money,
    /// When it had been confirmed; when it was placed, if it had not.
    pub confirmed_at: crate::clock::Timestamp,
    /// Why.
    pub reason: String,
    /// Whether it had been confirmed. One that had not was never sold, and its stock and its money
    /// were given back before this is told.
    #[serde(default = "yes")]
    pub was_confirmed: bool,
    /// What had been given back of it before.
    #[serde(default)]
    pub refunded: Option<Refunded>,
    /// The exchange that came to nothing, of the order of what was wanted instead; whoever asked for that
    /// hears of it by the return. Its stock is given back after this is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<ChangeId>,
}

const fn yes() -> bool {
    true
}

/// A confirmed order of which nothing had left was changed: its lines, what it costs, or where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderEdited {
    /// The order.
    pub order_id: OrderId,
    /// The change.
    pub change_id: ChangeId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// What had been bought before.
    pub lines_before: Vec<SoldLine>,
    /// What is bought now.
    pub lines: Vec<SoldLine>,
    /// Units that are promised to it no longer. What it has more of was promised before this is told.
    pub released: Vec<ParcelLine>,
    /// What it cost before.
    pub total_before: Money,
    /// What it costs now.
    pub total: Money,
    /// What it cost before was made of; events of old do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breakdown_before: Option<Breakdown>,
    /// What it costs now is made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breakdown: Option<Breakdown>,
    /// When it had been confirmed.
    pub confirmed_at: crate::clock::Timestamp,
    /// Why.
    pub reason: String,
}

/// An edit of a confirmed order began; until it has ended nothing of the order leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderEditBegun {
    /// The order.
    pub order_id: OrderId,
    /// The change.
    pub change_id: ChangeId,
    /// Who ordered.
    pub customer_id: CustomerId,
}

/// An edit of an order came to nothing: the order is what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderEditFailed {
    /// The order.
    pub order_id: OrderId,
    /// The change.
    pub change_id: ChangeId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// A stable word, e.g. `payment_declined`.
    pub code: String,
    /// What happened, for people.
    pub detail: String,
}

/// Units of one product in a parcel; of a bundle its parts, and not the bundle itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParcelLine {
    /// The product.
    pub product_id: ProductId,
    /// How many units.
    pub quantity: i64,
}

/// A parcel of an order left the house.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipmentShipped {
    /// The parcel.
    pub shipment_id: ShipmentId,
    /// Its order.
    pub order_id: OrderId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// What is in it.
    pub lines: Vec<ParcelLine>,
    /// Who carries it, when that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// The carrier's number of it, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<String>,
}

/// A parcel of an order arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipmentDelivered {
    /// The parcel.
    pub shipment_id: ShipmentId,
    /// Its order.
    pub order_id: OrderId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// What is in it.
    pub lines: Vec<ParcelLine>,
}

/// A parcel of an order will not arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipmentLost {
    /// The parcel.
    pub shipment_id: ShipmentId,
    /// Its order.
    pub order_id: OrderId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// What was in it.
    pub lines: Vec<ParcelLine>,
    /// Why it counts as lost.
    pub reason: String,
}

/// Something is wrong with a parcel, and the staff has to look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipmentException {
    /// The parcel.
    pub shipment_id: ShipmentId,
    /// Its order.
    pub order_id: OrderId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// `recall_refused`: it goes although it was called off; `held_up`: the carrier cannot go on;
    /// `contradiction`: the carrier tells what cannot be.
    pub kind: String,
    /// What the carrier said, when it said something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// All goods of an order left the house: its last parcel did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderShipped {
    /// The order.
    pub order_id: OrderId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// The carrier's number of the last parcel, when there is one.
    pub tracking: Option<String>,
}

/// Every parcel of an order arrived or is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderDelivered {
    /// The order.
    pub order_id: OrderId,
    /// Who ordered.
    pub customer_id: CustomerId,
}

publishes! { "stoa.order":
    OrderPlaced = "order.placed" about order_id;
    OrderConfirmed = "order.confirmed" about order_id;
    OrderFailed = "order.failed" about order_id;
    OrderCancelled = "order.cancelled" about order_id;
    OrderEdited = "order.edited" about order_id;
    OrderEditBegun = "order.edit_begun" about order_id;
    OrderEditFailed = "order.edit_failed" about order_id;
    OrderShipped = "order.shipped" about order_id;
    OrderDelivered = "order.delivered" about order_id;
    ShipmentShipped = "shipment.shipped" about order_id;
    ShipmentDelivered = "shipment.delivered" about order_id;
    ShipmentLost = "shipment.lost" about order_id;
    ShipmentException = "shipment.exception" about order_id;
}
