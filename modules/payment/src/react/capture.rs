use async_trait::async_trait;
use kernel::events::{OrderConfirmed, OrderShipped};
use kernel::{Envelope, Event};
use platform::bus::{Effect, HandlerError, Subscription, Topic};

use crate::settings::CaptureAt;
use crate::usecase::capture::capture_order;
use crate::{Payments, subject_order};

/// Takes the authorized amount when the order is confirmed, or when it is shipped.
pub struct CapturePayment(Payments);

impl CapturePayment {
    /// The subscription.
    pub fn subscription(payments: &Payments) -> Subscription {
        let topic = match payments.settings.capture {
            CaptureAt::Confirmed => Topic::of::<OrderConfirmed>(),
            CaptureAt::Shipped => Topic::of::<OrderShipped>(),
        };
        Subscription::effect("payment.capture", &payments.db, [topic], Self(payments.clone()))
    }
}

#[async_trait]
impl Effect for CapturePayment {
    async fn perform(&self, event: &Envelope) -> Result<(), HandlerError> {
        let wanted = match self.0.settings.capture {
            CaptureAt::Confirmed => OrderConfirmed::TYPE,
            CaptureAt::Shipped => OrderShipped::TYPE,
        };
        if event.kind == wanted {
            capture_order(&self.0, subject_order(event)).await?;
        }
        Ok(())
    }
}
