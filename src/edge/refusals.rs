//! What the log is told of those who are refused (OWASP ASVS 5.0, chapter 16.3).

use actix_web::HttpMessage;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use kernel::ports::Principal;
use kernel::problem::code;
use platform::http::{ClientAddress, Failure};

/// Tells who was refused where and why, without anything they sent. The firewall tells of its own
/// refusals, that somebody who sends no `Authorization` has to log in first is no news, and who comes
/// too often stands in the figures.
pub(super) fn tell(response: &ServiceResponse<BoxBody>, request_id: &str) {
    if !matches!(
        response.status(),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
    ) {
        return;
    }
    let error = response.response().error().and_then(|error| error.as_error::<Failure>());
    let Some(why) = error.map(|failure| failure.problem().code.as_str()) else { return };
    let request = response.request();
    let claims = request.headers().contains_key(AUTHORIZATION);
    let is_told_elsewhere = why == code::BLOCKED.word || why == code::TOO_MANY_REQUESTS.word;
    if is_told_elsewhere || (why == code::UNAUTHENTICATED.word && !claims) {
        return;
    }
    let account = request.extensions().get::<Principal>().map(|caller| caller.id.to_string());
    let ClientAddress(client) = ClientAddress::of(request);
    let (method, route) = (request.method(), request.match_pattern());
    tracing::info!(why, %method, route, account, %client, request_id, "refused");
}
