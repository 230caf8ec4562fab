//! The refresh token's cookie. It is the only way that token leaves the house: no script reads it,
//! no other site makes a browser send it, and it goes to `/v1/auth` alone.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};

use crate::domain::RefreshToken;
use crate::usecase::Granted;

/// The cookie's name. `__Host-` would forbid the path.
const NAME: &str = "stoa_refresh";
const PATH: &str = "/v1/auth";

/// The refresh token of a request.
pub(super) fn read(request: &HttpRequest) -> Option<RefreshToken> {
    request.cookie(NAME).and_then(|cookie| RefreshToken::parse(cookie.value()))
}

/// Keeps the refresh token until the session ends.
pub(super) fn keep(request: &HttpRequest, granted: &Granted) -> Cookie<'static> {
    let left = (granted.expires_at - granted.now).num_seconds();
    build(request, granted.refresh_token.reveal(), Duration::seconds(left))
}

/// Makes the browser forget it.
pub(super) fn forget(request: &HttpRequest) -> Cookie<'static> {
    build(request, String::new(), Duration::ZERO)
}

fn build(request: &HttpRequest, value: String, age: Duration) -> Cookie<'static> {
    Cookie::build(NAME, value)
        .path(PATH)
        .max_age(age)
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(!is_plain_loopback(request))
        .finish()
}

/// Plain HTTP from this machine to a name of this machine. A proxy on the same machine asks for
/// the shop's own name, or says that its side is HTTPS.
fn is_plain_loopback(request: &HttpRequest) -> bool {
    let connection = request.connection_info();
    let host = connection.host();
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    connection.scheme() == "http"
        && matches!(name, "localhost" | "127.0.0.1" | "::1")
        && request.peer_addr().is_some_and(|peer| peer.ip().is_loopback())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HOST;
    use actix_web::test::TestRequest;

    use super::*;

    fn secure(host: &str, peer: &str, proto: Option<&str>) -> bool {
        let mut request = TestRequest::default()
            .insert_header((HOST, host))
            .peer_addr(format!("{peer}:4000").parse().unwrap());
        if let Some(proto) = proto {
            request = request.insert_header(("x-forwarded-proto", proto));
        }
        forget(&request.to_http_request()).secure().unwrap()
    }

    #[test]
    fn only_plain_http_on_loopback_goes_without_secure() {
        assert!(!secure("localhost:8080", "127.0.0.1", None));
        assert!(!secure("127.0.0.1:8080", "127.0.0.1", None));
        assert!(!secure("[::1]:8080", "[::1]", None));
        assert!(secure("localhost:8080", "127.0.0.1", Some("https")));
        assert!(secure("shop.example", "127.0.0.1", None));
        assert!(secure("localhost", "192.0.2.7", None));
        assert!(secure("localhost.evil.example", "127.0.0.1", None));
    }
}
