//! One file per use case.

mod api_keys;
mod create;
mod guest;
mod login;
mod logout;
mod refresh;
mod roles;
mod session;

pub(crate) use api_keys::{create_key, revoke_key};
pub(crate) use create::create;
pub(crate) use guest::guest;
pub(crate) use login::login;
pub(crate) use logout::{logout, logout_by_refresh};
pub(crate) use refresh::refresh;
pub(crate) use roles::{change_role, create_role, delete_role, give_role, role};
pub(crate) use session::Granted;
