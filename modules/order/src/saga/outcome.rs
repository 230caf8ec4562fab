//! What the answers of payments and carriers are to a step.

use kernel::id::{OrderId, PaymentId};
use kernel::ports::{
    Authorization, Booking, ChargeMore, Logistics, LogisticsError, PaymentError, Payments,
};
use kernel::problem::{Problem, code};
use platform::saga::Outcome;

/// A payment that was not authorized.
pub fn unpaid(error: PaymentError) -> Outcome {
    match error {
        PaymentError::Declined { code: reason, detail } => {
            let problem = Problem::new(code::PAYMENT_DECLINED, detail);
            Outcome::Reject(problem.with("decline_code", reason))
        }
        PaymentError::Unavailable(error) => Outcome::Retry(error.to_string()),
    }
}

/// Sets aside what an order costs more: the payment, and where the shopper has to confirm it, if so.
pub async fn charge(
    payments: &dyn Payments,
    request: ChargeMore,
    (payment, challenge): (&mut Option<PaymentId>, &mut Option<String>),
) -> Outcome {
    match payments.charge(request).await {
        Ok(Authorization::Authorized(id)) => {
            *payment = Some(id);
            Outcome::Done
        }
        Ok(Authorization::ActionRequired { payment_id, url, until }) => {
            (*payment, *challenge) = (Some(payment_id), Some(url));
            Outcome::Wait(until)
        }
        Err(error) => unpaid(error),
    }
}

/// Books a parcel; `detail` says what it is to people that the carrier does not take it, and why.
pub async fn book(
    logistics: &dyn Logistics,
    booking: Booking,
    detail: impl FnOnce(String) -> String + Send,
) -> Outcome {
    match logistics.book(booking).await {
        Ok(_) => Outcome::Done,
        Err(LogisticsError::Refused(why)) => {
            Outcome::Reject(Problem::new(code::SHIPPING_FAILED, detail(why)))
        }
        Err(LogisticsError::Unavailable(error)) => Outcome::Retry(error.to_string()),
    }
}

/// Calls a parcel back. One that is gone is shown to the staff, and the saga goes on all the same.
pub async fn recall(logistics: &dyn Logistics, order: OrderId) -> Result<(), String> {
    logistics.cancel(order).await.map(drop).map_err(|error| error.to_string())
}
