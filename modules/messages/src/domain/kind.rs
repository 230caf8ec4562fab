//! Which events customers get letters about.

use chrono::TimeDelta;

/// What a letter tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    OrderConfirmed,
    OrderFailed,
    OrderCancelled,
    OrderShipped,
    OrderDelivered,
    OrderEdited,
    OrderLinesCancelled,
    OrderRefunded,
    OrderReturnApproved,
    OrderReturnRejected,
    OrderExchangeDue,
    OrderExchangeFailed,
    PaymentActionRequired,
}

impl Kind {
    pub(crate) const ALL: [Self; 13] = [
        Self::OrderConfirmed,
        Self::OrderFailed,
        Self::OrderCancelled,
        Self::OrderShipped,
        Self::OrderDelivered,
        Self::OrderEdited,
        Self::OrderLinesCancelled,
        Self::OrderRefunded,
        Self::OrderReturnApproved,
        Self::OrderReturnRejected,
        Self::OrderExchangeDue,
        Self::OrderExchangeFailed,
        Self::PaymentActionRequired,
    ];

    /// The event it tells of.
    pub(crate) const fn event(self) -> &'static str {
        match self {
            Self::OrderConfirmed => "order.confirmed",
            Self::OrderFailed => "order.failed",
            Self::OrderCancelled => "order.cancelled",
            Self::OrderShipped => "order.shipped",
            Self::OrderDelivered => "order.delivered",
            Self::OrderEdited => "order.edited",
            Self::OrderLinesCancelled => "order.lines_cancelled",
            Self::OrderRefunded => "order.refunded",
            Self::OrderReturnApproved => "order.return_approved",
            Self::OrderReturnRejected => "order.return_rejected",
            Self::OrderExchangeDue => "order.exchange_due",
            Self::OrderExchangeFailed => "order.exchange_failed",
            Self::PaymentActionRequired => "payment.action_required",
        }
    }

    /// What an event is told as, if it is.
    pub(crate) fn of_event(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.event() == kind)
    }

    /// The files of its templates, before the ending.
    pub(crate) fn file(self) -> String {
        self.event().replace('.', "_")
    }

    /// How long after the event it is sent. A shopper at the screen confirms a payment within a
    /// minute, and needs no letter.
    pub(crate) fn delay(self) -> TimeDelta {
        match self {
            Self::PaymentActionRequired => TimeDelta::seconds(60),
            _ => TimeDelta::zero(),
        }
    }
}
