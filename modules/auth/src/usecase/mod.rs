//! One file per use case.

mod create;
mod guest;
mod login;
mod logout;
mod refresh;
mod session;

pub(crate) use create::create;
pub(crate) use guest::guest;
pub(crate) use login::login;
pub(crate) use logout::{logout, logout_by_refresh};
pub(crate) use refresh::refresh;
pub(crate) use session::Granted;
