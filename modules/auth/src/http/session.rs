use actix_web::http::StatusCode;
use actix_web::http::header::USER_AGENT;
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, ResponseError};
use kernel::Problem;
use kernel::ports::{Principal, Role};
use platform::http::{Answer, Body, ClientAddress, Failure, refuse_foreign, refuse_other_types};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::account::secret;
use super::answer::{self, SessionAnswer};
use super::cookie;
use crate::Accounts;
use crate::domain::Device;
use crate::error::AccountError;
use crate::usecase::{self, Guest, Visitor};

/// What somebody tells to log in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    /// The address of the account.
    #[schema(example = "ada@example.com", max_length = 254)]
    email: String,
    /// Its password.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 256,
             example = "correct horse battery")]
    password: SecretString,
}

/// Log in
#[utoipa::path(post, path = "/v1/auth/login", tag = "auth", request_body = Credentials,
    responses(
        (status = 200, description = "A session; its refresh token is a cookie", body = SessionAnswer),
        (status = 401, description = "`invalid_credentials`", body = Problem),
        (status = 422, description = "`invalid_value`", body = Problem),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem),
        (status = 503, description = "`unavailable`: too many passwords at once", body = Problem),
    ))]
pub(super) async fn login(
    accounts: Data<Accounts>,
    request: HttpRequest,
    body: Body<Credentials>,
) -> Answer {
    let Credentials { email, password } = body.value;
    let granted = usecase::login(&accounts, &email, password, &visitor(&request)).await?;
    Ok(answer::session(StatusCode::OK, &request, &accounts, granted))
}

/// Shop without an account
#[utoipa::path(post, path = "/v1/auth/guest", tag = "auth",
    responses(
        (status = 201, description = "A guest's session", body = SessionAnswer),
        (status = 415, description = "`unsupported_media_type`: a form, as other sites send it", body = Problem),
    ))]
pub(super) async fn guest(accounts: Data<Accounts>, request: HttpRequest) -> Answer {
    // Else a form of another site could put a guest in the place of whoever is logged in.
    refuse_other_types(&request)?;
    let granted = usecase::guest(&accounts, &newcomer(&request)).await?;
    Ok(answer::session(StatusCode::CREATED, &request, &accounts, granted))
}

/// Get a new access token
///
/// Needs the cookie `__Host-stoa_refresh` and replaces it. Over plain HTTP on one's own machine it is
/// `stoa_refresh`.
#[utoipa::path(post, path = "/v1/auth/refresh", tag = "auth",
    params(("__Host-stoa_refresh" = String, Cookie, description = "As the answer to the login set it")),
    responses(
        (status = 200, description = "The session goes on", body = SessionAnswer),
        (status = 401, description = "`unauthenticated`: log in again", body = Problem),
    ))]
pub(super) async fn refresh(accounts: Data<Accounts>, request: HttpRequest) -> Answer {
    refuse_foreign(&request)?;
    let Some(presented) = cookie::read(&request) else {
        return Ok(signed_out(&request));
    };
    match usecase::refresh(&accounts, &presented).await {
        Ok(granted) => Ok(answer::session(StatusCode::OK, &request, &accounts, granted)),
        Err(AccountError::NoSession) => Ok(signed_out(&request)),
        Err(error) => Err(error.into()),
    }
}

/// End the session
///
/// Of the access token; where none is sent, or its cookie is no good any more, of the cookie
/// `__Host-stoa_refresh`.
#[utoipa::path(post, path = "/v1/auth/logout", tag = "auth",
    responses(
        (status = 204, description = "The session has ended, and its tokens with it"),
        (status = 401, description = "`unauthenticated`: there is no session", body = Problem),
    ))]
pub(super) async fn logout(accounts: Data<Accounts>, request: HttpRequest) -> Answer {
    refuse_foreign(&request)?;
    let session = request.extensions().get::<Principal>().and_then(Principal::session);
    let ended = match (session, cookie::read(&request)) {
        (Some(session), _) => usecase::logout(&accounts, session).await,
        (None, Some(token)) => usecase::logout_by_refresh(&accounts, &token).await,
        (None, None) => Err(AccountError::NoSession),
    };
    match ended {
        Ok(()) => {
            let mut response = HttpResponse::NoContent();
            for cookie in cookie::forget(&request) {
                response.cookie(cookie);
            }
            Ok(response.finish())
        }
        Err(AccountError::NoSession) => Ok(signed_out(&request)),
        Err(error) => Err(error.into()),
    }
}

/// Who logs in, and which guest they were until now.
pub(super) fn visitor(request: &HttpRequest) -> Visitor {
    let caller = request.extensions().get::<Principal>().cloned();
    let guest = caller.filter(|caller| caller.role == Role::Guest.word());
    let guest = guest.and_then(|guest| Some(Guest { id: guest.id, session: guest.session()? }));
    Visitor { guest, ..newcomer(request) }
}

fn newcomer(request: &HttpRequest) -> Visitor {
    let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
    let device = Device::new(user_agent.unwrap_or_default(), ClientAddress::of(request).0);
    Visitor { device, guest: None }
}

/// 401, and the browser forgets the cookie that is of no use any more.
fn signed_out(request: &HttpRequest) -> HttpResponse {
    let mut response = Failure::from(AccountError::NoSession).error_response();
    // A cookie made of constants is always a valid header.
    for cookie in cookie::forget(request) {
        let _ = response.add_cookie(&cookie);
    }
    response
}
