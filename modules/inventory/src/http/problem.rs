use kernel::problem::{Problem, code};
use platform::http::Failure;

use crate::domain::InvalidAdjustment;
use crate::error::AdjustError;

impl From<InvalidAdjustment> for Failure {
    fn from(error: InvalidAdjustment) -> Self {
        Problem::invalid(error.field, error.allowed).into()
    }
}

impl From<AdjustError> for Failure {
    fn from(error: AdjustError) -> Self {
        match error {
            AdjustError::UnknownProduct(product) => {
                Problem::not_found(format_args!("stock of product {product}")).into()
            }
            AdjustError::OutOfRange { lowest, highest } => {
                let detail = format!("The stock can be adjusted by {lowest} to {highest} now.");
                Problem::new(code::CONFLICT, detail)
                    .with("min_delta", lowest)
                    .with("max_delta", highest)
                    .into()
            }
            AdjustError::Changed => {
                Problem::new(code::CONFLICT, "The stock changes all the time. Try again.").into()
            }
            AdjustError::Claimed(problem) => Self::from(*problem),
            AdjustError::Storage(error) => error.into(),
        }
    }
}
