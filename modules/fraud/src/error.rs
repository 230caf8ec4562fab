//! Why the module does not do what it is asked.

use kernel::id::DecisionId;
use platform::sql;

use crate::countries::CountriesError;
use crate::domain::features::PAST_MAX;
use crate::domain::model::ModelError;

/// Why a use case did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such decision.
    #[error("there is no decision {0}")]
    NotFound(DecisionId),
    /// Storage said so.
    #[error(transparent)]
    Storage(#[from] sql::Error),
}

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

/// Why payments cannot be scored with these settings.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file of the model cannot be read.
    #[error("fraud.model: {file}: {source}")]
    Unread {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is no model.
    #[error("fraud.model: {0}")]
    Model(#[from] ModelError),
    /// The file of countries cannot be read.
    #[error(transparent)]
    Countries(#[from] CountriesError),
    /// Thresholds that do not rise.
    #[error("fraud.thresholds must rise from challenge to review to deny and be above 0")]
    Thresholds,
    /// Limits that no count reaches.
    #[error(
        "no more than {PAST_MAX} attempts are counted: fraud.velocity may not be above, and fraud.rules.declines_max must be below"
    )]
    Limits,
}
