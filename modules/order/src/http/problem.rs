//! What callers are told when the module does not do what they asked.

use kernel::problem::{Problem, code};
use platform::http::Failure;

use crate::error::OrderError;

impl From<OrderError> for Failure {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Refused(problem) => problem.into(),
            OrderError::NotFound => Problem::not_found("such order").into(),
            OrderError::State(status, allowed) => {
                let detail = match allowed.as_slice() {
                    [] => format!(
                        "The order is {}; it can be neither cancelled, shipped nor delivered.",
                        status.word()
                    ),
                    moves => {
                        format!("The order is {}; possible: {}.", status.word(), moves.join(", "))
                    }
                };
                Problem::new(code::ORDER_STATE, detail)
                    .with("order_status", status)
                    .with("allowed", allowed)
                    .into()
            }
            OrderError::Stale => {
                let detail = "It has just been changed by someone else; look at it and try again.";
                Problem::new(code::CONFLICT, detail).into()
            }
            OrderError::CartHeld => {
                let detail = "An order of this cart is being processed; wait for its outcome.";
                Problem::new(code::CART_IN_CHECKOUT, detail).into()
            }
            OrderError::Money(error) => error.into(),
            OrderError::Unavailable(error) => error.into(),
            OrderError::Storage(error) => error.into(),
        }
    }
}
