//! The states of an order and every legal move between them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = OrderStatus)]
pub enum Status {
    /// Placed; the checkout saga is at work.
    Pending,
    /// The shopper has to authenticate the payment.
    AwaitingPayment,
    /// Stock is promised, payment authorized, the parcel booked.
    Confirmed,
    /// The parcel left the house.
    Shipped,
    /// The parcel arrived.
    Delivered,
    /// The goods came back.
    Returned,
    /// The checkout did not succeed.
    Failed,
    /// Called off before it was shipped.
    Cancelled,
}

/// What can happen to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// The payment needs the shopper.
    AwaitPayment,
    /// The checkout succeeded.
    Confirm,
    /// The checkout did not succeed.
    Fail,
    /// The customer or the staff call it off.
    Cancel,
    /// The parcel leaves.
    Ship,
    /// The parcel arrives.
    Deliver,
    /// The goods come back.
    Return,
}

impl Status {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::AwaitingPayment,
        Self::Confirmed,
        Self::Shipped,
        Self::Delivered,
        Self::Returned,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The state after a move, or nothing when the move is not legal from here.
    pub const fn after(self, change: Move) -> Option<Self> {
        match (self, change) {
            (Self::Pending | Self::AwaitingPayment, Move::AwaitPayment) => {
                Some(Self::AwaitingPayment)
            }
            (Self::Pending | Self::AwaitingPayment, Move::Confirm) => Some(Self::Confirmed),
            (Self::Pending | Self::AwaitingPayment, Move::Fail) => Some(Self::Failed),
            (Self::Pending | Self::AwaitingPayment | Self::Confirmed, Move::Cancel) => {
                Some(Self::Cancelled)
            }
            (Self::Confirmed, Move::Ship) => Some(Self::Shipped),
            (Self::Shipped, Move::Deliver) => Some(Self::Delivered),
            (Self::Delivered, Move::Return) => Some(Self::Returned),
            _ => None,
        }
    }

    /// Whether the checkout is at work: its saga alone moves the order, also when it is called off.
    pub const fn is_being_checked_out(self) -> bool {
        matches!(self, Self::Pending | Self::AwaitingPayment)
    }

    /// Whether it was sold, and something of it may have been paid.
    pub const fn is_sold(self) -> bool {
        matches!(self, Self::Confirmed | Self::Shipped | Self::Delivered | Self::Returned)
    }

    /// What can be asked for here, as the words of the API.
    pub fn allowed(self) -> Vec<&'static str> {
        let is_on = matches!(self, Self::Confirmed);
        // Parcels arrive while others have not left.
        let has_goods = matches!(self, Self::Confirmed | Self::Shipped | Self::Delivered);
        [
            (self.after(Move::Cancel).is_some(), "cancel"),
            (is_on, "cancel_lines"),
            (self.after(Move::Ship).is_some(), "ship"),
            (self.after(Move::Deliver).is_some(), "deliver"),
            (has_goods, "return"),
            (self.is_sold(), "refund"),
        ]
        .into_iter()
        .filter(|(is_possible, _)| *is_possible)
        .map(|(_, word)| word)
        .collect()
    }

    /// The word it is stored and answered as.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::AwaitingPayment => "AWAITING_PAYMENT",
            Self::Confirmed => "CONFIRMED",
            Self::Shipped => "SHIPPED",
            Self::Delivered => "DELIVERED",
            Self::Returned => "RETURNED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// The state of a stored word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOVES: [Move; 7] = [
        Move::AwaitPayment,
        Move::Confirm,
        Move::Fail,
        Move::Cancel,
        Move::Ship,
        Move::Deliver,
        Move::Return,
    ];

    #[test]
    fn ended_orders_stay_ended() {
        for ended in [Status::Failed, Status::Cancelled, Status::Returned] {
            assert!(MOVES.iter().all(|change| ended.after(*change).is_none()), "{ended:?}");
        }
    }

    #[test]
    fn a_shipped_order_cannot_be_cancelled() {
        assert_eq!(Status::Confirmed.after(Move::Cancel), Some(Status::Cancelled));
        assert_eq!(Status::Shipped.after(Move::Cancel), None);
        assert_eq!(Status::Shipped.allowed(), ["deliver", "return", "refund"]);
    }

    #[test]
    fn an_order_can_be_called_off_until_it_is_shipped() {
        for status in Status::ALL {
            let allowed = match status {
                Status::Pending | Status::AwaitingPayment => vec!["cancel"],
                Status::Confirmed => vec!["cancel", "cancel_lines", "ship", "return", "refund"],
                Status::Shipped => vec!["deliver", "return", "refund"],
                Status::Delivered => vec!["return", "refund"],
                Status::Returned => vec!["refund"],
                Status::Failed | Status::Cancelled => vec![],
            };
            assert_eq!(status.allowed(), allowed, "{status:?}");
        }
    }

    #[test]
    fn words_are_their_own_inverse() {
        for status in Status::ALL {
            assert_eq!(Status::from_word(status.word()), Some(status));
            let json = serde_json::to_value(status).unwrap();
            assert_eq!(json, status.word());
        }
    }
}
