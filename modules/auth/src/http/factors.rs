//! Second factors that are entered as a code.

use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use kernel::Problem;
use platform::http::{
    Answer, Body, Caller, ClientAddress, Failure, accepted, demand_step_up, no_content, ok,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::account::{own_account, own_session, secret};
use super::answer::{self, SessionAnswer};
use crate::Accounts;
use crate::store::factors;
use crate::usecase::{code, totp};

#[derive(OpenApi)]
#[openapi(paths(show, set_up, confirm, remove, verify, ask_by_letter))]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/v1/auth/mfa", web::get().to(show))
        .route("/v1/auth/mfa/totp", web::post().to(set_up))
        .route("/v1/auth/mfa/totp", web::delete().to(remove))
        .route("/v1/auth/mfa/totp/confirm", web::post().to(confirm))
        .route("/v1/auth/mfa/verify", web::post().to(verify))
        .route("/v1/auth/mfa/email", web::post().to(ask_by_letter));
}

/// Whoever has a second factor must have shown it lately to change what guards the account.
pub(super) async fn check_factor(accounts: &Accounts, caller: &Caller) -> Result<(), Failure> {
    if factors::enrolled(accounts.db(), caller.id).await?.any() {
        demand_step_up(caller, accounts.db().clock().now())?;
    }
    Ok(())
}

/// The second factors of an account.
#[derive(Serialize, ToSchema)]
struct FactorsAnswer {
    /// Whether a device shows codes.
    totp: bool,
    /// How many recovery codes are left.
    recovery_codes: i64,
    /// How many passkeys there are.
    passkeys: i64,
    /// Whether a code can be asked for by e-mail: where there is nothing better.
    email: bool,
}

/// Which second factors one has
#[utoipa::path(get, path = "/v1/auth/mfa", tag = "auth",
    responses(
        (status = 200, description = "The second factors", body = FactorsAnswer),
        (status = 401, description = "`unauthenticated`", body = Problem),
    ))]
async fn show(accounts: Data<Accounts>, caller: Caller) -> Answer {
    let enrolled = factors::enrolled(accounts.db(), caller.id).await?;
    let factors::Enrolled { totp, recovery_codes, passkeys } = enrolled;
    ok(&FactorsAnswer { totp, recovery_codes, passkeys, email: !enrolled.any() })
}

/// What a device is set up with. It is shown once and counts when a code of it is confirmed.
#[derive(Serialize, ToSchema)]
struct SetupAnswer {
    /// What people type who cannot scan, in base32.
    #[schema(example = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")]
    secret: String,
    /// What a device opens.
    #[schema(example = "otpauth://totp/stoa:ada%40example.com?secret=...&issuer=stoa")]
    otpauth_uri: String,
    /// The same as a picture: an SVG.
    qr_svg: String,
}

/// Set up a device that shows codes (RFC 6238)
#[utoipa::path(post, path = "/v1/auth/mfa/totp", tag = "auth",
    responses(
        (status = 201, description = "What the device needs; confirm it by a code", body = SetupAnswer),
        (status = 401, description = "`unauthenticated`", body = Problem),
        (status = 403, description = "`mfa_required`, where there is another second factor", body = Problem),
        (status = 409, description = "`conflict`: there is a device", body = Problem),
    ))]
async fn set_up(accounts: Data<Accounts>, caller: Caller) -> Answer {
    let account = own_account(&accounts, &caller).await?;
    check_factor(&accounts, &caller).await?;
    let setup = totp::set_up(&accounts, &account).await?;
    Ok(HttpResponse::Created().insert_header((CACHE_CONTROL, "no-store")).json(SetupAnswer {
        secret: setup.secret.to_string(),
        otpauth_uri: setup.link,
        qr_svg: setup.picture,
    }))
}

/// A code as somebody enters it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Code {
    /// Six digits, or a recovery code.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, example = "123456")]
    code: SecretString,
}

/// Codes for the day the device is lost. They are shown once, and each works once.
#[derive(Serialize, ToSchema)]
struct RecoveryAnswer {
    /// The codes.
    recovery_codes: Vec<String>,
}

/// Confirm a device by its first code
#[utoipa::path(post, path = "/v1/auth/mfa/totp/confirm", tag = "auth", request_body = Code,
    responses(
        (status = 200, description = "The device counts from now on", body = RecoveryAnswer),
        (status = 401, description = "`unauthenticated`, `invalid_code`", body = Problem),
        (status = 404, description = "`not_found`: none is set up", body = Problem),
        (status = 409, description = "`conflict`: it is confirmed", body = Problem),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem),
    ))]
async fn confirm(
    accounts: Data<Accounts>,
    caller: Caller,
    client: ClientAddress,
    body: Body<Code>,
) -> Answer {
    let account = own_account(&accounts, &caller).await?;
    let codes =
        totp::confirm(&accounts, &account, body.value.code.expose_secret(), client.0).await?;
    let recovery_codes = codes.iter().map(|code| code.to_string()).collect();
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(RecoveryAnswer { recovery_codes }))
}

/// Remove one's device and its recovery codes
#[utoipa::path(delete, path = "/v1/auth/mfa/totp", tag = "auth",
    responses(
        (status = 204, description = "It is removed"),
        (status = 403, description = "`mfa_required`: show a second factor first", body = Problem),
        (status = 404, description = "`not_found`", body = Problem),
    ))]
async fn remove(accounts: Data<Accounts>, caller: Caller, client: ClientAddress) -> Answer {
    let account = own_account(&accounts, &caller).await?;
    check_factor(&accounts, &caller).await?;
    totp::remove(&accounts, &account, client.0).await?;
    no_content()
}

/// Show a second factor
///
/// A code of the device, a recovery code, or the code of a letter. Each works once. The answer has an
/// access token that says so (`amr`, `auth_time`); the refresh token stays the one it is.
#[utoipa::path(post, path = "/v1/auth/mfa/verify", tag = "auth", request_body = Code,
    responses(
        (status = 200, description = "The session, proved once more", body = SessionAnswer),
        (status = 401, description = "`unauthenticated`, `invalid_code`", body = Problem),
        (status = 429, description = "`too_many_attempts` for this account, with `Retry-After`", body = Problem),
    ))]
async fn verify(
    accounts: Data<Accounts>,
    request: HttpRequest,
    caller: Caller,
    body: Body<Code>,
) -> Answer {
    let (account, session) = (own_account(&accounts, &caller).await?, own_session(&caller)?);
    let entered = body.value.code.expose_secret();
    let granted = code::verify(&accounts, account, session, entered).await?;
    Ok(answer::session(StatusCode::OK, &request, &accounts, granted))
}

/// Ask for a code by e-mail
///
/// The weakest second factor, for accounts without another; refunds, keys and roles want a better one.
#[utoipa::path(post, path = "/v1/auth/mfa/email", tag = "auth",
    responses(
        (status = 202, description = "The letter is on its way"),
        (status = 401, description = "`unauthenticated`", body = Problem),
        (status = 409, description = "`conflict`: there is a better one", body = Problem),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem),
    ))]
async fn ask_by_letter(accounts: Data<Accounts>, caller: Caller) -> Answer {
    let account = own_account(&accounts, &caller).await?;
    code::ask_by_letter(&accounts, account).await?;
    accepted()
}
