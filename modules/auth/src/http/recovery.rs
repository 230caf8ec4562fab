//! What letters open: an address that is verified or exchanged, a password that was forgotten.

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpMessage, HttpRequest};
use kernel::Problem;
use kernel::ports::Principal;
use platform::http::{Answer, Body, Caller, ClientAddress, accepted, no_content};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::account::{own_account, own_session, secret};
use super::factors::check_factor;
use crate::Accounts;
use crate::usecase::{email, password};

#[derive(OpenApi)]
#[openapi(paths(
    ask_verification,
    verify,
    ask_reset,
    reset,
    change_password,
    ask_change,
    change_email
))]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/v1/auth/email/verification", web::post().to(ask_verification))
        .route("/v1/auth/email/verify", web::post().to(verify))
        .route("/v1/auth/email/change", web::post().to(ask_change))
        .route("/v1/auth/email/change/confirm", web::post().to(change_email))
        .route("/v1/auth/password/reset", web::post().to(ask_reset))
        .route("/v1/auth/password/reset/confirm", web::post().to(reset))
        .route("/v1/auth/password/change", web::post().to(change_password));
}

/// What a link of a letter holds.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Opens {
    /// What stands behind `#token=` in the link.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String)]
    token: SecretString,
}

impl Opens {
    fn token(&self) -> &str {
        secrecy::ExposeSecret::expose_secret(&self.token)
    }
}

/// Ask for the letter that verifies an address
#[utoipa::path(post, path = "/v1/auth/email/verification", tag = "auth",
    responses(
        (status = 202, description = "The letter is on its way, unless the address is verified"),
        (status = 401, description = "`unauthenticated`", body = Problem),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem),
    ))]
async fn ask_verification(accounts: Data<Accounts>, caller: Caller) -> Answer {
    let account = own_account(&accounts, &caller).await?;
    email::ask_verification(&accounts, account).await?;
    accepted()
}

/// Verify an address by the token of a letter
#[utoipa::path(post, path = "/v1/auth/email/verify", tag = "auth", request_body = Opens,
    responses(
        (status = 204, description = "The address is verified"),
        (status = 410, description = "`link_invalid`", body = Problem),
    ))]
async fn verify(accounts: Data<Accounts>, client: ClientAddress, body: Body<Opens>) -> Answer {
    email::verify(&accounts, body.value.token(), client.0).await?;
    no_content()
}

/// Whose password was forgotten.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Forgotten {
    /// The address of the account.
    #[schema(example = "ada@example.com", max_length = 254)]
    email: String,
}

/// Ask for the letter that lets choose a new password
///
/// It is answered alike whether there is such an account or not.
#[utoipa::path(post, path = "/v1/auth/password/reset", tag = "auth", request_body = Forgotten,
    responses(
        (status = 202, description = "If there is such an account, a letter is on its way"),
        (status = 422, description = "`invalid_value`", body = Problem),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem),
    ))]
async fn ask_reset(
    accounts: Data<Accounts>,
    client: ClientAddress,
    body: Body<Forgotten>,
) -> Answer {
    password::ask_reset(&accounts, &body.value.email, client.0).await?;
    accepted()
}

/// A new password, by the token of a letter.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reset {
    /// What stands behind `#token=` in the link.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String)]
    token: SecretString,
    /// 8 to 256 characters, and none of the passwords that are guessed first.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 256)]
    password: SecretString,
}

/// Choose a new password by the token of a letter
///
/// All sessions of the account end; log in next.
#[utoipa::path(post, path = "/v1/auth/password/reset/confirm", tag = "auth", request_body = Reset,
    responses(
        (status = 204, description = "The password is the new one"),
        (status = 410, description = "`link_invalid`", body = Problem),
        (status = 422, description = "`invalid_value`", body = Problem),
        (status = 503, description = "`unavailable`: too many passwords at once", body = Problem),
    ))]
async fn reset(accounts: Data<Accounts>, client: ClientAddress, body: Body<Reset>) -> Answer {
    let Reset { token, password } = body.value;
    let token = secrecy::ExposeSecret::expose_secret(&token);
    password::reset(&accounts, token, password, client.0).await?;
    no_content()
}

/// A new password, by the old one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The password until now.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 256)]
    password: SecretString,
    /// 8 to 256 characters, and none of the passwords that are guessed first.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 256)]
    new_password: SecretString,
}

/// Change one's password
///
/// The other sessions of the account end.
#[utoipa::path(post, path = "/v1/auth/password/change", tag = "auth", request_body = NewPassword,
    responses(
        (status = 204, description = "The password is the new one"),
        (status = 401, description = "`unauthenticated`; `invalid_credentials`: it is another one", body = Problem),
        (status = 403, description = "`mfa_required`, where there is a second factor", body = Problem),
        (status = 422, description = "`invalid_value`", body = Problem),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem),
        (status = 503, description = "`unavailable`: too many passwords at once", body = Problem),
    ))]
async fn change_password(
    accounts: Data<Accounts>,
    caller: Caller,
    client: ClientAddress,
    body: Body<NewPassword>,
) -> Answer {
    let (account, session) = (own_account(&accounts, &caller).await?, own_session(&caller)?);
    check_factor(&accounts, &caller).await?;
    let NewPassword { password, new_password } = body.value;
    password::change(&accounts, session, account, password, new_password, client.0).await?;
    no_content()
}

/// Another address for an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewEmail {
    /// The new address.
    #[schema(example = "ada@example.org", max_length = 254)]
    email: String,
    /// The password of the account.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 256)]
    password: SecretString,
}

/// Ask to move one's account to another address
///
/// A letter goes to the new address to confirm it, and one to the old address to warn.
#[utoipa::path(post, path = "/v1/auth/email/change", tag = "auth", request_body = NewEmail,
    responses(
        (status = 202, description = "The letters are on their way"),
        (status = 401, description = "`unauthenticated`, `invalid_credentials`", body = Problem),
        (status = 403, description = "`mfa_required`, where there is a second factor", body = Problem),
        (status = 422, description = "`invalid_value`", body = Problem),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem),
    ))]
async fn ask_change(
    accounts: Data<Accounts>,
    caller: Caller,
    client: ClientAddress,
    body: Body<NewEmail>,
) -> Answer {
    let account = own_account(&accounts, &caller).await?;
    check_factor(&accounts, &caller).await?;
    let NewEmail { email, password } = body.value;
    email::ask_change(&accounts, account, &email, password, client.0).await?;
    accepted()
}

/// Move an account to another address by the token of the letter to that address
///
/// Its other sessions end.
#[utoipa::path(post, path = "/v1/auth/email/change/confirm", tag = "auth", request_body = Opens,
    responses(
        (status = 204, description = "The address is the new one"),
        (status = 409, description = "`email_taken`: another account was faster", body = Problem),
        (status = 410, description = "`link_invalid`", body = Problem),
    ))]
async fn change_email(accounts: Data<Accounts>, request: HttpRequest, body: Body<Opens>) -> Answer {
    let session = request.extensions().get::<Principal>().and_then(Principal::session);
    email::change(&accounts, body.value.token(), session, ClientAddress::of(&request).0).await?;
    no_content()
}
