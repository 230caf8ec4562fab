//! Who a request says it comes from: a token as bearer or in the cookie of a session.
//!
//! A browser sends the cookie whoever made it send the request. Whatever changes something by the
//! cookie must therefore come from the shop's own pages: by Fetch Metadata, else by its origin, and
//! with the token that login gave to the page and to no other site.

use actix_web::cookie::Cookie;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue, ORIGIN};
use actix_web::{HttpMessage, HttpRequest};
use kernel::ports::{Identity, IdentityError, Principal};
use kernel::problem::{Problem, code};

use super::Failure;

/// The cookie of an access token, which no script reads and no other host sets.
const SESSION_COOKIE: &str = "__Host-stoa_session";
/// The same over plain HTTP on this machine, where a browser keeps no `__Host-` cookie.
const SESSION_COOKIE_PLAIN: &str = "stoa_session";
/// The header that a page shows beside the cookie.
const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Put into a request whose origin the shop trusts like its own. The edge knows which.
#[derive(Debug, Clone, Copy)]
pub struct TrustedOrigin;

/// Who a request comes from; None is nobody. A bearer token that is not good is refused; a cookie
/// that is not good any more is nobody's, or a shopper who was logged out could not look around.
pub async fn identify(
    identity: &dyn Identity,
    request: &HttpRequest,
) -> Result<Option<Principal>, Failure> {
    if let Some(token) = bearer(request)? {
        return identity.authenticate(&token).await.map(Some).map_err(refused);
    }
    // Most readers have none, and which name it would have takes longer to tell.
    if !request.headers().contains_key(COOKIE) {
        return Ok(None);
    }
    let Some(cookie) = only_cookie(request, session_cookie(request)) else { return Ok(None) };
    let caller = match identity.authenticate(cookie.value()).await {
        Ok(caller) => caller,
        Err(IdentityError::Refused) => return Ok(None),
        Err(error) => return Err(refused(error)),
    };
    if changes(request.method()) {
        let Some(session) = caller.session() else { return Ok(None) };
        check_own_page(request)?;
        check_token(request, &identity.csrf_token(session))?;
    }
    Ok(Some(caller))
}

/// The name of the cookie that holds an access token.
pub fn session_cookie(request: &HttpRequest) -> &'static str {
    if is_plain_loopback(request) { SESSION_COOKIE_PLAIN } else { SESSION_COOKIE }
}

/// The cookie of a name. A browser sends one; of two, somebody else has set one, and none counts.
pub fn only_cookie(request: &HttpRequest, name: &str) -> Option<Cookie<'static>> {
    let all = request.cookies().ok()?;
    let mut all = all.iter().filter(|cookie| cookie.name() == name);
    let (only, None) = (all.next()?, all.next()) else { return None };
    Some(only.clone())
}

/// Plain HTTP from this machine to a name of this machine. A proxy on the same machine asks for
/// the shop's own name, or says that its side is HTTPS.
pub fn is_plain_loopback(request: &HttpRequest) -> bool {
    let connection = request.connection_info();
    let host = connection.host();
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    // What a header says of the scheme counts only where the connection itself is not encrypted.
    !request.app_config().secure()
        && connection.scheme() == "http"
        && matches!(name, "localhost" | "127.0.0.1" | "::1")
        && request.peer_addr().is_some_and(|peer| peer.ip().is_loopback())
}

/// Refuses what a browser says comes from another site. For requests by a cookie that no other site
/// can send (`SameSite=Strict`), of which programs that are no browsers say nothing.
pub fn refuse_foreign(request: &HttpRequest) -> Result<(), Problem> {
    match comes_from_own_page(request) {
        Some(false) => Err(foreign()),
        _ => Ok(()),
    }
}

fn check_own_page(request: &HttpRequest) -> Result<(), Problem> {
    match comes_from_own_page(request) {
        Some(true) => Ok(()),
        _ => Err(foreign()),
    }
}

/// Whether a request comes from a page of the shop's own; None when its headers do not tell.
fn comes_from_own_page(request: &HttpRequest) -> Option<bool> {
    if request.extensions().get::<TrustedOrigin>().is_some() {
        return Some(true);
    }
    let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(site) = header(SEC_FETCH_SITE) {
        return Some(site == "same-origin");
    }
    let connection = request.connection_info();
    header(ORIGIN)
        .map(|origin| origin == format!("{}://{}", connection.scheme(), connection.host()))
}

fn foreign() -> Problem {
    let detail = "A request by cookie that changes something must come from a page of this shop \
                  (Sec-Fetch-Site or Origin); programs send Authorization: Bearer.";
    Problem::new(code::CSRF_REFUSED, detail)
}

fn check_token(request: &HttpRequest, expected: &str) -> Result<(), Problem> {
    let given = request.headers().get(CSRF_TOKEN).map(HeaderValue::as_bytes).unwrap_or_default();
    if same(given, expected.as_bytes()) {
        return Ok(());
    }
    let detail = "Send the csrf_token of the login in the header X-CSRF-Token.";
    Err(Problem::new(code::CSRF_REFUSED, detail))
}

/// Compares secrets in a time that tells nothing of where they differ.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

/// RFC 9110, section 9.2.1: safe methods change nothing.
fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

fn bearer(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let mut all = request.headers().get_all(AUTHORIZATION);
    let Some(value) = all.next() else { return Ok(None) };
    // Of two, a proxy may have read the other one.
    let only = value.to_str().ok().filter(|_| all.next().is_none());
    let token = only.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    });
    let wrong = || {
        let detail = "The Authorization header must be \"Bearer\" and an access token.";
        Problem::new(code::UNAUTHENTICATED, detail)
    };
    token.map(Some).ok_or_else(wrong)
}

fn refused(error: IdentityError) -> Failure {
    match error {
        IdentityError::Refused => {
            let detail = "The access token is not valid (any more); log in or refresh it.";
            Problem::new(code::UNAUTHENTICATED, detail).into()
        }
        IdentityError::Unavailable(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HOST;
    use actix_web::test::TestRequest;

    use super::*;

    fn plain(host: &str, peer: &str, proto: Option<&str>) -> bool {
        let mut request = TestRequest::default()
            .insert_header((HOST, host))
            .peer_addr(format!("{peer}:4000").parse().unwrap());
        if let Some(proto) = proto {
            request = request.insert_header(("x-forwarded-proto", proto));
        }
        is_plain_loopback(&request.to_http_request())
    }

    #[test]
    fn only_plain_http_on_loopback_goes_without_secure() {
        assert!(plain("localhost:8080", "127.0.0.1", None));
        assert!(plain("127.0.0.1:8080", "127.0.0.1", None));
        assert!(plain("[::1]:8080", "[::1]", None));
        assert!(!plain("localhost:8080", "127.0.0.1", Some("https")));
        assert!(!plain("shop.example", "127.0.0.1", None));
        assert!(!plain("localhost", "192.0.2.7", None));
        assert!(!plain("localhost.evil.example", "127.0.0.1", None));
    }

    #[test]
    fn a_page_of_the_shop_is_told_from_others() {
        let own = |headers: &[(&'static str, &'static str)]| {
            let mut request = TestRequest::post().insert_header((HOST, "shop.example"));
            for header in headers {
                request = request.insert_header(*header);
            }
            comes_from_own_page(&request.to_http_request())
        };
        assert_eq!(own(&[]), None);
        assert_eq!(own(&[("sec-fetch-site", "same-origin")]), Some(true));
        for other in ["cross-site", "same-site", "none", ""] {
            assert_eq!(own(&[("sec-fetch-site", other)]), Some(false), "{other}");
        }
        assert_eq!(own(&[("origin", "http://shop.example")]), Some(true));
        for other in ["https://evil.example", "null", "http://shop.example.evil.example", ""] {
            assert_eq!(own(&[("origin", other)]), Some(false), "{other}");
        }
        let lies = [("origin", "http://shop.example"), ("sec-fetch-site", "cross-site")];
        assert_eq!(own(&lies), Some(false), "what only the browser sets counts first");
    }

    #[test]
    fn secrets_are_compared_as_a_whole() {
        assert!(same(b"abc", b"abc") && !same(b"abc", b"abd") && !same(b"ab", b"abc"));
        assert!(!same(b"", b"abc"));
    }
}
