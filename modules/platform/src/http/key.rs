use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use kernel::problem::{Problem, code};

use super::Failure;
use crate::idempotency::KEY_MAX;

/// The `Idempotency-Key` of a command that must have one.
#[derive(Debug, Clone)]
pub struct RequiredKey(pub String);

/// The `Idempotency-Key` of a command that may have one.
#[derive(Debug, Clone)]
pub struct OptionalKey(pub Option<String>);

fn key(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let mut all = request.headers().get_all("idempotency-key");
    let Some(value) = all.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text.is_empty() || text.len() > KEY_MAX || all.next().is_some() {
        let message = format!("must be one, of 1 to {KEY_MAX} printable ASCII characters");
        return Err(Problem::new(code::INVALID_REQUEST, "The Idempotency-Key is not usable.")
            .field("Idempotency-Key", message));
    }
    Ok(Some(text.to_owned()))
}

impl FromRequest for RequiredKey {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let missing = || {
            let detail = "Send a new Idempotency-Key, and the same one again when you retry.";
            Problem::new(code::IDEMPOTENCY_KEY_REQUIRED, detail)
        };
        let required = key(request).and_then(|key| key.ok_or_else(missing));
        ready(required.map(Self).map_err(Failure::from))
    }
}

impl FromRequest for OptionalKey {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(key(request).map(Self).map_err(Failure::from))
    }
}
