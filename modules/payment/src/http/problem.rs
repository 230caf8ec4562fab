//! Refusals as problems.

use kernel::id::PaymentId;
use kernel::problem::{Problem, code};
use platform::http::Failure;

use crate::domain::status::Kind;
use crate::error::{Error, Refusal};

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound(id) => Self::not_found(format_args!("payment {id}")),
            Refusal::State { status, wanted } => {
                let detail = format!(
                    "The payment is {}; it cannot be asked to {} now.",
                    status.word(),
                    wanted.word()
                );
                Self::new(code::CONFLICT, detail).with("payment_status", status.word())
            }
            Refusal::OrderStands(order) => {
                let detail = format!(
                    "The payment is what order {order} is paid with. Cancel the order \
                     (POST /v1/admin/orders/{order}/cancel), which lets the payment go."
                );
                Self::new(code::CONFLICT, detail).with("order_id", order)
            }
            Refusal::Answered => {
                let detail = "The dispute was answered before; the bank reads one answer.";
                Self::new(code::CONFLICT, detail)
            }
            Refusal::TooMuch { wanted: Kind::Capture, left } => {
                let detail = format!("At most {left} is set aside and can be captured.");
                Self::new(code::CONFLICT, detail).with("capturable", left)
            }
            Refusal::TooMuch { left, .. } => {
                let detail = format!("At most {left} can be refunded.");
                Self::new(code::CONFLICT, detail).with("refundable", left)
            }
            Refusal::Amount => {
                Self::invalid("amount", "must be more than zero, in the payment's currency")
            }
            Refusal::Key(problem) => *problem,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => Problem::from(refusal).into(),
            Error::Storage(error) => error.into(),
            Error::Processor(error) => {
                tracing::warn!(%error, cause = %error.source, "a processor gave no answer");
                let detail = "The payment processor did not answer; the outcome is being asked \
                              for. Repeat the request with the same Idempotency-Key.";
                Problem::new(code::UNAVAILABLE, detail).into()
            }
        }
    }
}

/// The payment a path names; what is no id is no payment.
pub fn payment_id(text: &str) -> Result<PaymentId, Problem> {
    text.parse().map_err(|_| Problem::not_found("such payment"))
}
