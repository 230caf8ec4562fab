use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use serde::Serialize;

use super::Answer;
use super::failure::PROBLEM_JSON;
use crate::idempotency;

/// Cache-Control of an answer that is the same for everybody. For how long it may be kept is decided
/// by the edge's table of routes.
pub const PUBLIC: HeaderValue = HeaderValue::from_static("public");

/// 200 with a body.
pub fn ok(body: &impl Serialize) -> Answer {
    Ok(HttpResponse::Ok().json(body))
}

/// 201 with a body and where the new thing is.
pub fn created(location: &str, body: &impl Serialize) -> Answer {
    Ok(HttpResponse::Created().insert_header((LOCATION, location)).json(body))
}

/// 202 without a body: what was asked for will be done.
pub fn accepted() -> Answer {
    Ok(HttpResponse::Accepted().finish())
}

/// 204.
pub fn no_content() -> Answer {
    Ok(HttpResponse::NoContent().finish())
}

/// Any status with a body that is JSON already.
pub fn answer(status: u16, json: String) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = if status.is_success() { "application/json" } else { PROBLEM_JSON };
    HttpResponse::build(status).insert_header((CONTENT_TYPE, kind)).body(json)
}

/// An answer that was stored with its command; `replayed` when the command came again.
pub fn stored(stored: idempotency::Answer, replayed: bool) -> HttpResponse {
    let mut response = answer(stored.status, stored.body);
    if replayed {
        let name = actix_web::http::header::HeaderName::from_static("idempotency-replayed");
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    response
}
