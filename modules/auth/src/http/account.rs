use std::fmt;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use kernel::Problem;
use kernel::id::SessionId;
use platform::http::{Answer, Body, Caller, ClientAddress, created, ok};
use secrecy::SecretString;
use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::answer::CustomerAnswer;
use crate::Accounts;
use crate::domain::Account;
use crate::error::AccountError;
use crate::keys::PUBLISHED_CACHE_S;
use crate::{store, usecase};

/// What somebody tells to open an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Registration {
    /// The address they log in with; capital letters do not matter.
    #[schema(example = "ada@example.com", max_length = 254)]
    email: String,
    /// 8 to 256 characters, and none of the passwords that are guessed first.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 256,
             example = "correct horse battery")]
    password: SecretString,
    /// What they want to be called.
    #[schema(example = "Ada Lovelace", min_length = 1, max_length = 100)]
    name: String,
}

/// A text that no error message repeats, nor a number in its place.
pub(super) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
    from.deserialize_any(Secret)
}

struct Secret;

impl Secret {
    fn number<E: de::Error>() -> E {
        E::invalid_type(Unexpected::Other("number"), &Self)
    }
}

impl Visitor<'_> for Secret {
    type Value = SecretString;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretString, E> {
        Ok(text.into())
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<SecretString, E> {
        Ok(text.into())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<SecretString, E> {
        Err(Self::number())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<SecretString, E> {
        Err(Self::number())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<SecretString, E> {
        Err(Self::number())
    }
}

/// Open an account
#[utoipa::path(post, path = "/v1/auth/register", tag = "auth", request_body = Registration,
    responses(
        (status = 201, description = "The account is open; log in next", body = CustomerAnswer,
            headers(("Location"))),
        (status = 409, description = "`email_taken`", body = Problem),
        (status = 422, description = "`invalid_value`", body = Problem),
        (status = 429, description = "`too_many_attempts`: too many addresses that are taken", body = Problem),
        (status = 503, description = "`unavailable`: too many passwords at once", body = Problem),
    ))]
pub(super) async fn register(
    accounts: Data<Accounts>,
    client: ClientAddress,
    body: Body<Registration>,
) -> Answer {
    let Registration { email, password, name } = body.value;
    let account = usecase::register(&accounts, &email, password, &name, client.0).await?;
    created("/v1/auth/me", &CustomerAnswer::from(account))
}

/// The account of a person who has one here.
pub(super) async fn own_account(
    accounts: &Accounts,
    caller: &Caller,
) -> Result<Account, AccountError> {
    let account = store::accounts::find(accounts.db(), caller.id).await?;
    account.filter(|account| account.email.is_some()).ok_or(AccountError::NoAccount)
}

/// The session of a person who logged in here.
pub(super) fn own_session(caller: &Caller) -> Result<SessionId, AccountError> {
    caller.session().ok_or(AccountError::NoAccount)
}

/// Who am I
#[utoipa::path(get, path = "/v1/auth/me", tag = "auth",
    responses(
        (status = 200, description = "Whose access token this is", body = CustomerAnswer),
        (status = 401, description = "`unauthenticated`", body = Problem),
    ))]
pub(super) async fn me(accounts: Data<Accounts>, caller: Caller) -> Answer {
    match store::accounts::find(accounts.db(), caller.id).await? {
        Some(account) => ok(&CustomerAnswer::from(account)),
        None if caller.session().is_none() => ok(&CustomerAnswer::foreign(&caller)),
        None => Err(AccountError::NoSession.into()),
    }
}

/// The keys that access tokens are checked with (RFC 7517)
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "auth",
    responses((status = 200, description = "A JWK set", body = Object)))]
pub(super) async fn jwks(accounts: Data<Accounts>) -> HttpResponse {
    let keys = accounts.keys().published(accounts.db().clock().now());
    let control = format!("public, max-age={PUBLISHED_CACHE_S}");
    HttpResponse::Ok().insert_header((CACHE_CONTROL, control)).json(keys)
}
