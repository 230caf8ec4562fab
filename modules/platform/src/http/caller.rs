use std::future::{Ready, ready};
use std::net::IpAddr;
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use kernel::ports::{Principal, Proof};
use kernel::problem::{Problem, code};
use kernel::{Permission, Timestamp};

use super::{ClientAddress, Failure};
use crate::audit::Actor;

/// A person who calls, with a valid access token. The edge has checked it.
#[derive(Debug, Clone)]
pub struct Caller(pub Principal);

/// A caller who works in the shop, or a key that does. What they may do is [`demand`]ed of each route.
#[derive(Debug, Clone)]
pub struct Staff(pub Principal);

/// A caller who works in the shop and changes something, for which they are named.
#[derive(Debug, Clone)]
pub struct Editor {
    caller: Principal,
    address: IpAddr,
}

impl Editor {
    /// Whom the audit log names.
    pub const fn actor(&self) -> Actor {
        Actor::calling(&self.caller, Some(self.address))
    }
}

fn principal(request: &HttpRequest) -> Result<Principal, Problem> {
    let missing =
        || Problem::new(code::UNAUTHENTICATED, "Send Authorization: Bearer and an access token.");
    request.extensions().get::<Principal>().cloned().ok_or_else(missing)
}

/// A key works for the shop and has no cart, orders or account.
fn person(request: &HttpRequest) -> Result<Principal, Problem> {
    let caller = principal(request)?;
    if matches!(caller.proof, Proof::Key { .. }) {
        let detail = "This is for people; an API key has nothing of its own.";
        return Err(Problem::new(code::FORBIDDEN, detail));
    }
    Ok(caller)
}

fn staff(request: &HttpRequest) -> Result<Principal, Problem> {
    let caller = principal(request)?;
    if caller.permissions.is_empty() {
        let detail = "Only the staff of the shop may do this.";
        return Err(Problem::new(code::FORBIDDEN, detail));
    }
    Ok(caller)
}

/// Refuses a caller without a permission: 403 `forbidden` with `permission`.
pub fn demand(caller: &Principal, permission: Permission) -> Result<(), Problem> {
    if caller.may(permission) {
        return Ok(());
    }
    let detail = format!("This needs the permission {}.", permission.word());
    Err(Problem::new(code::FORBIDDEN, detail).with("permission", permission))
}

/// Refuses a caller who has not lately shown a second factor: 403 `mfa_required` with `methods`, the
/// ways to show one.
pub fn demand_step_up(caller: &Principal, now: Timestamp) -> Result<(), Problem> {
    if caller.has_stepped_up(now) { Ok(()) } else { Err(mfa_required(STRONG_METHODS)) }
}

/// Refuses a caller who has shown nothing but a password: 403 `mfa_required` with `methods`.
pub fn demand_second_factor(caller: &Principal) -> Result<(), Problem> {
    if caller.is_second_factor() { Ok(()) } else { Err(mfa_required(METHODS)) }
}

/// The ways to show a second factor, and those among them that step up.
const METHODS: &[&str] = &["totp", "passkey", "email"];
const STRONG_METHODS: &[&str] = &["totp", "passkey"];

fn mfa_required(methods: &[&str]) -> Problem {
    let detail = "Show a second factor (again): POST /v1/auth/mfa/verify, or log in by passkey.";
    Problem::new(code::MFA_REQUIRED, detail).with("methods", methods)
}

impl FromRequest for Caller {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(person(request).map(Self).map_err(Failure::from))
    }
}

impl FromRequest for Staff {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(staff(request).map(Self).map_err(Failure::from))
    }
}

impl FromRequest for Editor {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let ClientAddress(address) = ClientAddress::of(request);
        ready(staff(request).map(|caller| Self { caller, address }).map_err(Failure::from))
    }
}

impl Deref for Caller {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl Deref for Staff {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl Deref for Editor {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.caller
    }
}
