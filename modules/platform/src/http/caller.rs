use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use kernel::ports::{Principal, Role};
use kernel::problem::{Problem, code};

use super::Failure;

/// Whoever calls, with a valid access token. The edge has checked it.
#[derive(Debug, Clone)]
pub struct Caller(pub Principal);

/// A caller who works in the shop.
#[derive(Debug, Clone)]
pub struct Staff(pub Principal);

fn principal(request: &HttpRequest) -> Result<Principal, Problem> {
    let missing =
        || Problem::new(code::UNAUTHENTICATED, "Send Authorization: Bearer and an access token.");
    request.extensions().get::<Principal>().cloned().ok_or_else(missing)
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
        ready(principal(request).map_err(Failure::from).and_then(|caller| {
            if caller.role >= Role::Staff {
                return Ok(Self(caller));
            }
            let detail = "Only the staff of the shop may do this.";
            Err(Problem::new(code::FORBIDDEN, detail).into())
        }))
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
