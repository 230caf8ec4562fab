use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use kernel::id::PasskeyId;
use kernel::page::Page;
use kernel::{Problem, Timestamp};
use platform::http::{Answer, Body, Caller, ClientAddress, from_json, no_content, ok};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use super::account::own_account;
use super::answer::{self, SessionAnswer};
use super::factors::check_factor;
use super::session::visitor;
use crate::Accounts;
use crate::store;
use crate::store::passkeys::StoredPasskey;
use crate::usecase::passkeys::{self, Asked, PASSKEYS_MAX};

#[derive(OpenApi)]
#[openapi(paths(list, begin, finish, remove, begin_login, finish_login))]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/v1/auth/passkeys", web::get().to(list))
        .route("/v1/auth/passkeys/register/start", web::post().to(begin))
        .route("/v1/auth/passkeys/register/finish", web::post().to(finish))
        .route("/v1/auth/passkeys/login/start", web::post().to(begin_login))
        .route("/v1/auth/passkeys/login/finish", web::post().to(finish_login))
        .route("/v1/auth/passkeys/{id}", web::delete().to(remove));
}

/// What a browser is asked.
#[derive(Serialize, ToSchema)]
struct AskedAnswer {
    /// What the answer names. It is good once, for five minutes.
    ceremony_id: Uuid,
    /// What goes to `navigator.credentials.create` or `.get`, its bytes in base64url.
    #[schema(value_type = Object)]
    options: Value,
}

impl From<Asked> for AskedAnswer {
    fn from(asked: Asked) -> Self {
        Self { ceremony_id: asked.ceremony, options: asked.options }
    }
}

/// A passkey as its owner sees it.
#[derive(Serialize, ToSchema)]
struct PasskeyLine {
    /// The passkey.
    id: PasskeyId,
    /// What its owner calls it.
    #[schema(example = "phone")]
    name: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    made_at: Timestamp,
    /// When it last opened a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
}

impl From<StoredPasskey> for PasskeyLine {
    fn from(stored: StoredPasskey) -> Self {
        let StoredPasskey { id, name, made_at, last_used_at, .. } = stored;
        Self { id, name, made_at, last_used_at }
    }
}

/// A new passkey, as the browser has made it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPasskey {
    /// What the start answered.
    ceremony_id: Uuid,
    /// What its owner calls it.
    #[schema(example = "phone", min_length = 1, max_length = 100)]
    name: String,
    /// What the browser answered (`PublicKeyCredential.toJSON()`).
    #[schema(value_type = Object)]
    credential: Value,
}

/// What a passkey has signed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Signed {
    /// What the start answered.
    ceremony_id: Uuid,
    /// What the browser answered (`PublicKeyCredential.toJSON()`).
    #[schema(value_type = Object)]
    credential: Value,
}

/// What the browser answered, or a problem that names the member.
fn credential<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Problem> {
    from_json(value).map_err(|problem| {
        let member = problem.errors.first().map(|error| error.field.as_str());
        let member = member.filter(|member| !member.is_empty() && *member != ".");
        let field =
            member.map_or_else(|| "credential".to_owned(), |member| format!("credential.{member}"));
        Problem::invalid(field, "must be what the browser answered, as JSON")
    })
}

/// One's passkeys
#[utoipa::path(get, path = "/v1/auth/passkeys", tag = "auth",
    responses(
        (status = 200, description = "The oldest first", body = Page<PasskeyLine>),
        (status = 401, description = "`unauthenticated`", body = Problem),
    ))]
async fn list(accounts: Data<Accounts>, caller: Caller) -> Answer {
    let found = store::passkeys::of_owner(accounts.db(), caller.id, PASSKEYS_MAX).await?;
    ok(&Page { items: found.into_iter().map(PasskeyLine::from).collect(), next_cursor: None })
}

/// Begin to make a passkey
#[utoipa::path(post, path = "/v1/auth/passkeys/register/start", tag = "auth",
    responses(
        (status = 200, description = "What the browser is asked", body = AskedAnswer),
        (status = 401, description = "`unauthenticated`", body = Problem),
        (status = 403, description = "`mfa_required`, where there is another second factor", body = Problem),
    ))]
async fn begin(accounts: Data<Accounts>, caller: Caller) -> Answer {
    let account = own_account(&accounts, &caller).await?;
    check_factor(&accounts, &caller).await?;
    ok(&AskedAnswer::from(passkeys::begin_registration(&accounts, &account).await?))
}

/// Keep the passkey that the browser has made
#[utoipa::path(post, path = "/v1/auth/passkeys/register/finish", tag = "auth", request_body = NewPasskey,
    responses(
        (status = 201, description = "The passkey", body = PasskeyLine),
        (status = 401, description = "`unauthenticated`, `passkey_refused`", body = Problem),
        (status = 409, description = "`conflict`: it is known, or there are too many", body = Problem),
        (status = 422, description = "`invalid_value`", body = Problem),
    ))]
async fn finish(
    accounts: Data<Accounts>,
    caller: Caller,
    client: ClientAddress,
    body: Body<NewPasskey>,
) -> Answer {
    let account = own_account(&accounts, &caller).await?;
    let NewPasskey { ceremony_id, name, credential: answer } = body.value;
    let answer = credential(answer)?;
    let made =
        passkeys::finish_registration(&accounts, &account, ceremony_id, &name, &answer, client.0)
            .await?;
    Ok(HttpResponse::Created().json(PasskeyLine::from(made)))
}

/// Remove one of one's passkeys
#[utoipa::path(delete, path = "/v1/auth/passkeys/{id}", tag = "auth",
    params(("id" = Uuid, Path, description = "The passkey")),
    responses(
        (status = 204, description = "It opens nothing any more"),
        (status = 403, description = "`mfa_required`: show a second factor first", body = Problem),
        (status = 404, description = "`not_found`", body = Problem),
    ))]
async fn remove(
    accounts: Data<Accounts>,
    caller: Caller,
    client: ClientAddress,
    id: Path<String>,
) -> Answer {
    let account = own_account(&accounts, &caller).await?;
    check_factor(&accounts, &caller).await?;
    let id: PasskeyId = id.parse().map_err(|_| Problem::not_found("such passkey of yours"))?;
    passkeys::remove(&accounts, &account, id, client.0).await?;
    no_content()
}

/// Begin to log in by passkey, without a name
#[utoipa::path(post, path = "/v1/auth/passkeys/login/start", tag = "auth",
    responses(
        (status = 200, description = "What the browser is asked", body = AskedAnswer),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem),
    ))]
async fn begin_login(accounts: Data<Accounts>, request: HttpRequest) -> Answer {
    let asked = passkeys::begin_login(&accounts, &visitor(&request)).await?;
    ok(&AskedAnswer::from(asked))
}

/// Log in by passkey
#[utoipa::path(post, path = "/v1/auth/passkeys/login/finish", tag = "auth", request_body = Signed,
    responses(
        (status = 200, description = "A session with two factors; its refresh token is a cookie", body = SessionAnswer),
        (status = 401, description = "`passkey_refused`", body = Problem),
        (status = 422, description = "`invalid_value`", body = Problem),
    ))]
async fn finish_login(
    accounts: Data<Accounts>,
    request: HttpRequest,
    body: Body<Signed>,
) -> Answer {
    let Signed { ceremony_id, credential: answer } = body.value;
    let answer = credential(answer)?;
    let granted =
        passkeys::finish_login(&accounts, ceremony_id, &answer, &visitor(&request)).await?;
    Ok(answer::session(StatusCode::OK, &request, &accounts, granted))
}
