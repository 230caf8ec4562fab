//! Why a key of somebody cannot be had.

use kernel::ports::{PersonKeysError, Unavailable};
use platform::sql;
use uuid::Uuid;

/// Why a key was not made, found or destroyed. No variant holds anything of a key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Storage said so.
    #[error(transparent)]
    Storage(#[from] sql::Error),
    /// What wraps keys now is not what wrapped those that are here.
    #[error(
        "the keys of people do not unwrap: put the files people-*.key back that wrapped them, since \
         what is sealed opens with no others"
    )]
    OtherKeys(#[source] Box<Error>),
    /// No such key was ever made here.
    #[error("there is no key {id} of anybody")]
    Unknown {
        /// The key.
        id: Uuid,
    },
    /// What wraps keys did not wrap or unwrap one.
    #[error("the key {id} of somebody")]
    Wrapping {
        /// The key.
        id: Uuid,
        /// Why.
        #[source]
        source: Unavailable,
    },
}

impl From<Error> for PersonKeysError {
    fn from(error: Error) -> Self {
        match error {
            Error::Unknown { id } => Self::Unknown { id },
            error => Self::Unavailable(error.into()),
        }
    }
}

impl From<Error> for Unavailable {
    fn from(error: Error) -> Self {
        Self::new("privacy", error)
    }
}
