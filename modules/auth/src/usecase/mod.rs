//! One file per use case.

mod api_keys;
pub(crate) mod code;
mod create;
pub(crate) mod email;
mod groups;
mod guess;
mod guest;
mod letters;
mod login;
mod logout;
mod noted;
pub(crate) mod passkeys;
pub(crate) mod password;
mod refresh;
mod register;
mod roles;
mod rotate;
mod session;
pub(crate) mod sessions;
pub(crate) mod totp;

pub(crate) use api_keys::{create_key, revoke_key};
pub(crate) use create::create;
pub(crate) use groups::give_group;
pub(crate) use guest::guest;
pub(crate) use login::login;
pub(crate) use logout::{logout, logout_by_refresh};
pub(crate) use refresh::refresh;
pub(crate) use register::register;
pub(crate) use roles::{change_role, create_role, delete_role, give_role, role};
pub(crate) use rotate::rotate_keys;
pub(crate) use session::{Granted, Guest, Visitor};
