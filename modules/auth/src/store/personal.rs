//! What is personal in the module's tables: sealed under a key of whoever it is about, and gone with it.

use kernel::id::{CustomerId, LetterId, PasskeyId, SessionId};
use platform::personal::{ERASED, Ring};
use platform::sql::{Result, Sql};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

platform::statements! {
    SEALED_ACCOUNTS = platform::sealed_after!("customer", "id", "personal");
    SEALED_LETTERS = platform::sealed_after!("letter", "id", "address");
    SEALED_PASSKEYS = platform::sealed_after!("passkey", "id", "name");
    SEALED_SESSIONS = platform::sealed_after!("session", "id", "device");
}

/// Everything that is sealed, page by page.
pub const SEALED: &[Sql] = &[SEALED_ACCOUNTS, SEALED_LETTERS, SEALED_PASSKEYS, SEALED_SESSIONS];

/// What is sealed of an account.
#[derive(Serialize, Deserialize)]
pub(crate) struct Personal {
    /// The address.
    pub email: String,
    /// What they want to be called.
    pub name: String,
}

/// Where what is sealed of an account stands.
pub(crate) fn of_account(id: CustomerId) -> String {
    format!("account:{id}")
}

/// Where the address of a letter stands.
pub(crate) fn of_letter(id: LetterId) -> String {
    format!("letter:{id}")
}

/// Where the device of a session stands.
pub(crate) fn of_session(id: SessionId) -> String {
    format!("session:{id}")
}

/// Where the name of a passkey stands.
pub(crate) fn of_passkey(id: PasskeyId) -> String {
    format!("passkey:{id}")
}

/// What was sealed for a place. None when there is nothing, or it was erased, or its key was.
pub(crate) fn opened<T: DeserializeOwned>(
    ring: &Ring,
    place: &str,
    sealed: Option<&str>,
) -> Result<Option<T>> {
    match sealed {
        None | Some(ERASED) => Ok(None),
        Some(sealed) => ring.open(place, sealed),
    }
}
