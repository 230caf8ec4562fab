use async_trait::async_trait;
use kernel::events::{OrderConfirmed, OrderEdited, OrderExchanged, OrderShipped, ShipmentShipped};
use kernel::{Envelope, Event};
use platform::bus::{Effect, HandlerError, Subscription, Topic};

use crate::settings::CaptureAt;
use crate::usecase::capture::{capture_order, confirm};
use crate::{Payments, subject_order};

/// Takes the authorized amount when the order is confirmed or became dearer, or all of it when its
/// first parcel leaves. What an exchange costs more is taken when it is settled: that order has left.
pub struct CapturePayment(Payments);

impl CapturePayment {
    /// The subscription.
    pub fn subscription(payments: &Payments) -> Subscription {
        let topics = match payments.settings.capture {
            CaptureAt::Confirmed => vec![
                Topic::of::<OrderConfirmed>(),
                Topic::of::<OrderEdited>(),
                Topic::of::<OrderExchanged>(),
            ],
            // The second is of orders that were shipped before there were parcels.
            CaptureAt::Shipped => vec![
                Topic::of::<OrderConfirmed>(),
                Topic::of::<OrderEdited>(),
                Topic::of::<ShipmentShipped>(),
                Topic::of::<OrderShipped>(),
                Topic::of::<OrderExchanged>(),
            ],
        };
        Subscription::effect("payment.capture", &payments.db, topics, Self(payments.clone()))
    }
}

#[async_trait]
impl Effect for CapturePayment {
    async fn perform(&self, event: &Envelope) -> Result<(), HandlerError> {
        if let Some(exchanged) = event.open::<OrderExchanged>() {
            return Ok(capture_order(&self.0, exchanged?.account_id).await?);
        }
        let kind = event.kind.as_str();
        let stands = [OrderConfirmed::TYPE, OrderEdited::TYPE].contains(&kind);
        let left = [ShipmentShipped::TYPE, OrderShipped::TYPE].contains(&kind);
        match self.0.settings.capture {
            CaptureAt::Confirmed if stands => capture_order(&self.0, subject_order(event)).await?,
            CaptureAt::Shipped if left => capture_order(&self.0, subject_order(event)).await?,
            CaptureAt::Shipped if stands => confirm(&self.0, subject_order(event)).await?,
            CaptureAt::Confirmed | CaptureAt::Shipped => {}
        }
        Ok(())
    }
}
