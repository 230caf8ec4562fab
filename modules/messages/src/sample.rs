//! Made-up orders and events, on which templates are tried.

use kernel::events::SoldLine;
use kernel::id::{CustomerId, OrderId, ProductId};
use kernel::ports::ToldOrder;
use kernel::{Currency, Money, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::kind::Kind;

/// Orders and events of a kind that together take every way through a good template.
pub(crate) fn sample(kind: Kind) -> Vec<(ToldOrder, Value)> {
    let events = match kind {
        Kind::OrderConfirmed | Kind::OrderDelivered | Kind::PaymentActionRequired => {
            vec![json!({}), json!({})]
        }
        Kind::OrderReturnApproved => {
            vec![json!({}), json!({"replacement_total": euros(123_450)})]
        }
        Kind::OrderExchangeDue => {
            vec![json!({"due": euros(450), "pay_until": "2026-12-06T10:00:00.000000Z"})]
        }
        Kind::OrderExchangeFailed => vec![json!({"refund": euros(450)})],
        Kind::OrderEdited => vec![json!({"total": euros(147_078), "total_before": euros(123_000)})],
        Kind::OrderLinesCancelled => vec![json!({"reason": "It broke.", "refund": euros(450)})],
        Kind::OrderRefunded => vec![json!({"amount": euros(450)})],
        Kind::OrderReturnRejected => vec![json!({"reason": "It was worn."})],
        Kind::OrderFailed => ["payment_declined", "out_of_stock", "shipping_failed"]
            .map(|code| json!({"code": code, "detail": "It did not work."}))
            .into(),
        Kind::OrderCancelled => vec![
            json!({"reason": "cancelled by the customer", "was_confirmed": true}),
            json!({"reason": "The lamp broke.", "was_confirmed": false}),
        ],
        Kind::OrderShipped => vec![json!({"tracking": "JD014600003SE"}), json!({"tracking": null})],
    };
    events.into_iter().enumerate().map(|(n, event)| (order(n == 0), event)).collect()
}

fn euros(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR)
}

/// An order: one with everything there is, or one with as little as there can be.
fn order(is_full: bool) -> ToldOrder {
    let line = |sku: &str, name: &str, quantity, minor| SoldLine {
        product_id: ProductId::from(Uuid::nil()),
        sku: sku.to_owned(),
        name: name.to_owned(),
        quantity,
        total: euros(minor),
    };
    let mut lines = vec![line("LAMP-1", "Lamp \"Luna\" <large>", 2, 123_000)];
    if is_full {
        lines.push(line("BULB-1", "Bulb", 1, 450));
    }
    let if_full = |minor| euros(if is_full { minor } else { 0 });
    ToldOrder {
        id: OrderId::from(Uuid::nil()),
        number: "ORD-7K2M-9QXF".to_owned(),
        customer_id: CustomerId::from(Uuid::nil()),
        email: None,
        locale: None,
        name: "Tom & <b>Ada</b>".to_owned(),
        lines,
        items: euros(if is_full { 123_450 } else { 123_000 }),
        discount: if_full(345),
        shipping: if_full(490),
        tax: if_full(23_483),
        included_tax: euros(if is_full { 0 } else { 19_639 }),
        total: euros(if is_full { 147_078 } else { 123_000 }),
        placed_at: Timestamp::UNIX_EPOCH,
        awaits_payment: true,
    }
}
