use serde::{Deserialize, Serialize};

use super::publishes;
use crate::id::{ChangeId, OrderId, PaymentId};
use crate::money::Money;

macro_rules! payment_events {
    ($($(#[$doc:meta])+ $name:ident = $kind:literal;)+) => {
        $(
            $(#[$doc])+
            #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
            pub struct $name {
                /// The payment.
                pub payment_id: PaymentId,
                /// The order it pays.
                pub order_id: OrderId,
                /// The change of the order that it pays, when it does not pay what was placed.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub change_id: Option<ChangeId>,
                /// The amount this event is about.
                pub amount: Money,
                /// Why, where there is a reason: a decline code, a dispute's reason.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub reason: Option<String>,
                /// The processor's id of the charge; events of old do not tell.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub charge: Option<String>,
                /// Whether the staff asked for it at the payment itself: no order knows of it.
                #[serde(default, skip_serializing_if = "std::ops::Not::not")]
                pub by_staff: bool,
            }
        )+
        publishes! { "stoa.payment": $($name = $kind about payment_id;)+ }
    };
}

payment_events! {
    /// The shopper has to do something first (3-D Secure).
    PaymentActionRequired = "payment.action_required";
    /// The amount is set aside on the shopper's card.
    PaymentAuthorized = "payment.authorized";
    /// The amount was taken.
    PaymentCaptured = "payment.captured";
    /// The payment was declined or given up.
    PaymentFailed = "payment.failed";
    /// An authorization was let go before it was captured.
    PaymentVoided = "payment.voided";
    /// A captured amount was given back, in whole or in part.
    PaymentRefunded = "payment.refunded";
    /// The card's holder disputes what was taken; the reason is the processor's.
    PaymentDisputed = "payment.disputed";
    /// A dispute ended: the reason is `won`, and the shop keeps the amount, or `lost`, and it is gone.
    PaymentDisputeClosed = "payment.dispute_closed";
}
