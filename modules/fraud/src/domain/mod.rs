//! What is known of fraud: features, a model, rules and how they are measured. Pure functions.

pub mod boosting;
pub mod features;
pub mod metrics;
pub mod model;
pub mod protocol;
pub mod replay;
pub mod rules;
pub mod simulator;
pub mod training;
pub mod transaction;

/// An integer as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "amounts and counts are far below 2^53")]
pub(crate) const fn real(whole: i64) -> f64 {
    whole as f64
}

/// The nearest integer; what is no number is 0.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
pub(crate) fn nearest(number: f64) -> i64 {
    libm::round(number) as i64
}
