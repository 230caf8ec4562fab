use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use kernel::ports::{Principal, Role};
use kernel::problem::{Problem, code};

use super::{ClientAddress, Failure};
use crate::audit::Actor;

/// Whoever calls, with a valid access token. The edge has checked it.
#[derive(Debug, Clone)]
pub struct Caller(pub Principal);

/// A caller who works in the shop.
#[derive(Debug, Clone)]
pub struct Staff(pub Principal);

/// Who is to be named for a change by the staff.
#[derive(Debug, Clone, Copy)]
pub struct Editor(pub Actor);

fn principal(request: &HttpRequest) -> Result<Principal, Problem> {
    let missing =
        || Problem::new(code::UNAUTHENTICATED, "Send Authorization: Bearer and an access token.");
    request.extensions().get::<Principal>().cloned().ok_or_else(missing)
}

fn staff(request: &HttpRequest) -> Result<Principal, Problem> {
    let caller = principal(request)?;
    if caller.role < Role::Staff {
        let detail = "Only the staff of the shop may do this.";
        return Err(Problem::new(code::FORBIDDEN, detail));
    }
    Ok(caller)
}

impl FromRequest for Caller {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(principal(request).map(Self).map_err(Failure::from))
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
        let address = Some(ClientAddress::of(request).0);
        let editor = staff(request).map(|caller| Self(Actor { id: Some(caller.id), address }));
        ready(editor.map_err(Failure::from))
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
