//! Pure types and rules.

pub(crate) mod account;
pub(crate) mod api_key;
pub(crate) mod attempt;
pub(crate) mod device;
pub(crate) mod email;
pub(crate) mod foreign;
pub(crate) mod letter;
pub(crate) mod password;
pub(crate) mod refresh;
pub(crate) mod role;
pub(crate) mod totp;

pub(crate) use account::{Account, Name};
pub(crate) use device::Device;
pub(crate) use email::{Email, EmailIndex};
pub(crate) use letter::{LetterKind, LetterToken};
pub(crate) use password::Password;
pub(crate) use refresh::RefreshToken;
