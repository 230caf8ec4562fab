use kernel::Problem;
use kernel::problem::code;
use platform::http::Failure;

use crate::error::{Error, LogError};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Sql(error) => error.into(),
            Error::Log(LogError::Beyond { size }) => {
                let detail = format!("The log has {size} entries; ask for a smaller size.");
                Problem::new(code::INVALID_VALUE, detail).with("size", size).into()
            }
            Error::Stopped | Error::Log(LogError::Overtaken) => Self::unavailable(error),
            error => Self::internal(error),
        }
    }
}

/// Nothing is sealed under this name (yet).
pub(super) fn not_sealed() -> Problem {
    Problem::not_found(
        "sealed entry of that id (an entry is sealed about a second after it was written)",
    )
}
