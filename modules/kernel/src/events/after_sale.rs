use serde::{Deserialize, Serialize};

use super::{ParcelLine, publishes};
use crate::clock::Timestamp;
use crate::id::{ChangeId, CustomerId, OrderId, ProductId};
use crate::money::Money;

/// Units of an order that had not left were called off; the rest of it goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLinesCancelled {
    /// The order.
    pub order_id: OrderId,
    /// What the order's change is known by.
    pub change_id: ChangeId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// The units that do not leave.
    pub lines: Vec<ParcelLine>,
    /// What is given back for them.
    pub refund: Money,
    /// Why.
    pub reason: String,
}

/// Money of an order was given back, by the way it was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRefunded {
    /// The order.
    pub order_id: OrderId,
    /// What it was given back for.
    pub change_id: ChangeId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// How much.
    pub amount: Money,
    /// What of it is tax; events of old do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Money>,
    /// The order whose payments gave it, when that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<OrderId>,
    /// When the order had been confirmed.
    pub confirmed_at: Timestamp,
    /// Whether the order still counts as sold: it was not called off meanwhile.
    pub is_sold: bool,
    /// Whether it is what an edit made the order cost less: what was sold is less by it already.
    #[serde(default)]
    pub is_difference: bool,
    /// The units it was given back for, where it is known.
    #[serde(default)]
    pub lines: Vec<RefundedLine>,
}

/// Units whose price was given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundedLine {
    /// The product.
    pub product_id: ProductId,
    /// How many units.
    pub quantity: i64,
    /// What was given back for them.
    pub amount: Money,
}

/// What was given back of an order, all `order.refunded` of it together but those of edits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refunded {
    /// How much.
    pub amount: Money,
    /// The units it was given back for, where it is known.
    pub lines: Vec<RefundedLine>,
}

/// Money of an order could not be given back, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRefundFailed {
    /// The order.
    pub order_id: OrderId,
    /// What it was to be given back for.
    pub change_id: ChangeId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// What was not given back.
    pub amount: Money,
    /// Why, for people.
    pub reason: String,
}

/// A customer wants to send goods back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderReturnRequested {
    /// The order.
    pub order_id: OrderId,
    /// The return.
    pub change_id: ChangeId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// What is to come back.
    pub lines: Vec<ParcelLine>,
    /// What they want instead of money, if they do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchange_for: Vec<ParcelLine>,
}

/// The shop agreed to a return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderReturnApproved {
    /// The order.
    pub order_id: OrderId,
    /// The return.
    pub change_id: ChangeId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// The order of what the goods are exchanged for, if they are; its units are set aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacement_id: Option<OrderId>,
    /// What that costs, whatever the goods turn out to be worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacement_total: Option<Money>,
}

/// The shop does not take goods back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderReturnRejected {
    /// The order.
    pub order_id: OrderId,
    /// The return.
    pub change_id: ChangeId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// Why.
    pub reason: String,
}

/// The customer keeps the goods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderReturnWithdrawn {
    /// The order.
    pub order_id: OrderId,
    /// The return.
    pub change_id: ChangeId,
    /// Who ordered.
    pub customer_id: CustomerId,
}

/// The goods of a return came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderReturnReceived {
    /// The order.
    pub order_id: OrderId,
    /// The return.
    pub change_id: ChangeId,
    /// Who ordered.
    pub customer_id: CustomerId,
}

/// Units that came back and are paid back; of a bundle its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnedLine {
    /// The product.
    pub product_id: ProductId,
    /// How many units.
    pub quantity: i64,
    /// Whether they can be sold again and lie in stock.
    pub restock: bool,
}

/// The goods of a return were looked at, and it is decided what is paid back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderReturnInspected {
    /// The order.
    pub order_id: OrderId,
    /// The return.
    pub change_id: ChangeId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// What was accepted.
    pub lines: Vec<ReturnedLine>,
    /// What is given back for it; of an exchange what it counts for.
    pub refund: Money,
}

/// What goods are exchanged for costs more than was accepted of them: the customer has to pay the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderExchangeDue {
    /// The order.
    pub order_id: OrderId,
    /// The return.
    pub change_id: ChangeId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// The order of what they want instead.
    pub replacement_id: OrderId,
    /// What is to be paid.
    pub due: Money,
    /// Until when; after that they get their money back instead.
    pub pay_until: Timestamp,
}

/// Goods that came back were exchanged: the order of what is sent instead is confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderExchanged {
    /// The order.
    pub order_id: OrderId,
    /// The return.
    pub change_id: ChangeId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// The order of what is sent instead.
    pub replacement_id: OrderId,
    /// The order whose payments hold the money of both.
    pub account_id: OrderId,
    /// What of the value of the goods paid what is sent instead.
    pub credit: Money,
    /// What of that is tax; events of old do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_tax: Option<Money>,
    /// What was charged beside that.
    pub charged: Money,
    /// What of the value is given back.
    pub refund: Money,
    /// When the order had been confirmed.
    pub confirmed_at: Timestamp,
}

/// Goods came back and nothing is sent instead: the customer gets their money back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderExchangeFailed {
    /// The order.
    pub order_id: OrderId,
    /// The return.
    pub change_id: ChangeId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// The order of what they wanted instead; it is called off.
    pub replacement_id: OrderId,
    /// What is given back.
    pub refund: Money,
    /// A stable word, e.g. `order_not_completed` when the rest was not paid in time.
    pub code: String,
    /// What happened, for people.
    pub detail: String,
}

/// Everything of an order that had arrived came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderReturned {
    /// The order.
    pub order_id: OrderId,
    /// Who ordered.
    pub customer_id: CustomerId,
}

publishes! { "stoa.order":
    OrderLinesCancelled = "order.lines_cancelled" about order_id;
    OrderRefunded = "order.refunded" about order_id;
    OrderRefundFailed = "order.refund_failed" about order_id;
    OrderReturnRequested = "order.return_requested" about order_id;
    OrderReturnApproved = "order.return_approved" about order_id;
    OrderReturnRejected = "order.return_rejected" about order_id;
    OrderReturnWithdrawn = "order.return_withdrawn" about order_id;
    OrderReturnReceived = "order.return_received" about order_id;
    OrderReturnInspected = "order.return_inspected" about order_id;
    OrderReturned = "order.returned" about order_id;
    OrderExchangeDue = "order.exchange_due" about order_id;
    OrderExchanged = "order.exchanged" about order_id;
    OrderExchangeFailed = "order.exchange_failed" about order_id;
}
