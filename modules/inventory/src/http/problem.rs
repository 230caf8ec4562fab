use kernel::problem::{Problem, code};
use platform::http::Failure;

use crate::domain::Invalid;
use crate::error::{AdjustError, LocationError, ShiftError};

impl From<Invalid> for Failure {
    fn from(error: Invalid) -> Self {
        Problem::invalid(error.field, error.allowed).into()
    }
}

impl From<AdjustError> for Failure {
    fn from(error: AdjustError) -> Self {
        match error {
            AdjustError::UnknownProduct(product) => {
                Problem::not_found(format_args!("stock of product {product}")).into()
            }
            AdjustError::NotInUse(location) => {
                let detail =
                    format!("The location {location} is not in use and takes in no units.");
                Problem::new(code::CONFLICT, detail).into()
            }
            AdjustError::OutOfRange { lowest, highest } => {
                let detail = format!("The stock can be adjusted by {lowest} to {highest} now.");
                Problem::new(code::CONFLICT, detail)
                    .with("min_delta", lowest)
                    .with("max_delta", highest)
                    .into()
            }
            AdjustError::CapTooLow { owed } => {
                let detail = format!(
                    "{owed} units are promised beyond what lies there, and stay so: the cap \
                     cannot be lower."
                );
                Problem::new(code::CONFLICT, detail).with("backordered", owed).into()
            }
            AdjustError::Changed => {
                Problem::new(code::CONFLICT, "The stock changes all the time. Try again.").into()
            }
            AdjustError::Claimed(problem) => Self::from(*problem),
            AdjustError::Storage(error) => error.into(),
        }
    }
}

impl From<LocationError> for Failure {
    fn from(error: LocationError) -> Self {
        match error {
            LocationError::Refused => {
                let detail = "There is a location of this code, or there are 100 already.";
                Problem::new(code::CONFLICT, detail).into()
            }
            LocationError::Unknown => Problem::not_found("location of this code").into(),
            LocationError::CodeStays => {
                Problem::invalid("code", "must be the code the location has").into()
            }
            LocationError::Stale { current } => {
                let detail = "Somebody changed the location after it was read; read it again.";
                Problem::new(code::VERSION_CONFLICT, detail).with("current_version", current).into()
            }
            LocationError::Invalid(error) => error.into(),
            LocationError::Storage(error) => error.into(),
        }
    }
}

impl From<ShiftError> for Failure {
    fn from(error: ShiftError) -> Self {
        match error {
            ShiftError::UnknownLocation(field) => {
                Problem::invalid(field, "must be the code of a location").into()
            }
            ShiftError::NotInUse(location) => AdjustError::NotInUse(location).into(),
            ShiftError::UnknownProduct(product) => AdjustError::UnknownProduct(product).into(),
            ShiftError::Impossible(lines) => {
                let detail = "Less than what is promised would be left of the products named, or \
                              more than a location holds.";
                Problem::new(code::CONFLICT, detail).with("lines", lines).into()
            }
            ShiftError::Moved => {
                let detail = "The stock moved while it was looked at; try again.";
                Problem::new(code::CONFLICT, detail).into()
            }
            ShiftError::Claimed(problem) => Self::from(*problem),
            ShiftError::Storage(error) => error.into(),
        }
    }
}
