//! The cookies of a session. The refresh token leaves the house only so: no script reads it, no other
//! site makes a browser send it, no other host sets it, and only `/v1/auth` looks at it.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use platform::http::{is_plain_loopback, only_cookie, session_cookie};

use crate::domain::RefreshToken;
use crate::usecase::Granted;

/// The refresh token's cookie. Without `__Host-`, which allows the path `/` alone, another host of the
/// same domain could put its own session in the place of somebody's.
const REFRESH: &str = "__Host-stoa_refresh";
/// The same over plain HTTP on this machine, where a browser keeps no `__Host-` cookie.
const REFRESH_PLAIN: &str = "stoa_refresh";

fn refresh_cookie(request: &HttpRequest) -> &'static str {
    if is_plain_loopback(request) { REFRESH_PLAIN } else { REFRESH }
}

/// The refresh token of a request.
pub(super) fn read(request: &HttpRequest) -> Option<RefreshToken> {
    only_cookie(request, refresh_cookie(request))
        .and_then(|cookie| RefreshToken::parse(cookie.value()))
}

/// Keeps the refresh token until the session ends, and the access token for its seconds.
pub(super) fn keep(
    request: &HttpRequest,
    granted: &Granted,
    access_token_s: u32,
) -> Vec<Cookie<'static>> {
    let left = Duration::seconds((granted.expires_at - granted.now).num_seconds());
    let kept = granted.refresh_token.as_ref();
    let kept = kept.map(|token| refresh(request, token.reveal(), left));
    let age = Duration::seconds(access_token_s.into());
    kept.into_iter().chain([access(request, granted.access_token.clone(), age)]).collect()
}

/// Makes the browser forget them.
pub(super) fn forget(request: &HttpRequest) -> [Cookie<'static>; 2] {
    [
        refresh(request, String::new(), Duration::ZERO),
        access(request, String::new(), Duration::ZERO),
    ]
}

fn refresh(request: &HttpRequest, value: String, age: Duration) -> Cookie<'static> {
    Cookie::build(refresh_cookie(request), value)
        .path("/")
        .max_age(age)
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(!is_plain_loopback(request))
        .finish()
}

fn access(request: &HttpRequest, value: String, age: Duration) -> Cookie<'static> {
    Cookie::build(session_cookie(request), value)
        .path("/")
        .max_age(age)
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(!is_plain_loopback(request))
        .finish()
}
