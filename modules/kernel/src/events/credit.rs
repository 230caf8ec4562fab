use serde::{Deserialize, Serialize};

use super::publishes;
use crate::id::{ChangeId, CreditAccountId, OrderId};
use crate::money::Money;
use crate::ports::CreditKind;

macro_rules! credit_events {
    ($($(#[$doc:meta])+ $name:ident = $kind:literal;)+) => {
        $(
            $(#[$doc])+
            #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
            pub struct $name {
                /// The gift card or the store credit.
                pub account_id: CreditAccountId,
                /// Which of the two it is.
                pub kind: CreditKind,
                /// How much; of an adjustment it may be below zero.
                pub amount: Money,
                /// The order that it pays, or whose money it was.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub order_id: Option<OrderId>,
                /// The change of the order that it was given back for.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub change_id: Option<ChangeId>,
            }
        )+
        publishes! { "stoa.credit": $($name = $kind about account_id;)+ }
    };
}

credit_events! {
    /// The shop gave a gift card or store credit away.
    CreditIssued = "credit.issued";
    /// It pays a part of an order.
    CreditSpent = "credit.spent";
    /// What paid an order went back to where it was taken from.
    CreditGivenBack = "credit.given_back";
    /// Money of an order became store credit.
    CreditRefunded = "credit.refunded";
    /// What was left of a gift card when its time was over is the shop's.
    CreditExpired = "credit.expired";
    /// The staff corrected what is left.
    CreditAdjusted = "credit.adjusted";
}
