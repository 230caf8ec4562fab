use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{self, Data, Path, ServiceConfig};
use kernel::id::ApiKeyId;
use kernel::page::{Page, PageQuery};
use kernel::{Permission, Problem};
use platform::http::{Answer, Body, Editor, Params, Staff, demand, no_content, ok};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use crate::Accounts;
use crate::domain::api_key::{ApiKey, NewApiKey};
use crate::store;
use crate::usecase;

#[derive(OpenApi)]
#[openapi(paths(list, create, revoke))]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/v1/admin/api-keys", web::get().to(list))
        .route("/v1/admin/api-keys", web::post().to(create))
        .route("/v1/admin/api-keys/{id}", web::delete().to(revoke));
}

/// A new key. This is the only answer that has its text.
#[derive(Serialize, ToSchema)]
struct NewKeyAnswer {
    /// What programs send as `Authorization: Bearer`.
    #[schema(example = "stoa_9f86d081c4_VGhlIHNlY3JldCBvZiBhIGtleSBoYXMgMzIgYnl0")]
    key: String,
    #[serde(flatten)]
    described: ApiKey,
}

/// The API keys
#[utoipa::path(get, path = "/v1/admin/api-keys", tag = "auth admin", params(PageQuery),
    responses(
        (status = 200, description = "The oldest first, revoked ones too", body = Page<ApiKey>),
        (status = 403, description = "`forbidden`: needs `keys.write`", body = Problem),
    ))]
async fn list(staff: Staff, accounts: Data<Accounts>, query: Params<PageQuery>) -> Answer {
    demand(&staff, Permission::KeysWrite)?;
    let (limit, after) = (query.0.limit()?, query.0.position()?);
    let found = store::api_keys::page(accounts.db(), after, i64::from(limit) + 1).await?;
    ok(&Page::cut(found, limit, |key| key.id))
}

/// Make an API key
#[utoipa::path(post, path = "/v1/admin/api-keys", tag = "auth admin", request_body = NewApiKey,
    responses(
        (status = 201, description = "The key; its text is never shown again", body = NewKeyAnswer),
        (status = 403, description = "`forbidden`: more than the caller may, in `permissions`", body = Problem),
        (status = 409, description = "`conflict`: there are too many", body = Problem),
        (status = 422, description = "`invalid_value`", body = Problem),
    ))]
async fn create(editor: Editor, accounts: Data<Accounts>, body: Body<NewApiKey>) -> Answer {
    demand(&editor, Permission::KeysWrite)?;
    let maker = (editor.id, editor.permissions);
    let (described, fresh) =
        usecase::create_key(&accounts, body.value, maker, &editor.actor()).await?;
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(NewKeyAnswer { key: fresh.text, described }))
}

/// Revoke an API key
///
/// It is refused within seconds on every node.
#[utoipa::path(delete, path = "/v1/admin/api-keys/{id}", tag = "auth admin",
    params(("id" = Uuid, Path, description = "The key's id")),
    responses(
        (status = 204, description = "It is revoked"),
        (status = 404, description = "`not_found`", body = Problem),
    ))]
async fn revoke(editor: Editor, accounts: Data<Accounts>, id: Path<String>) -> Answer {
    demand(&editor, Permission::KeysWrite)?;
    let id: ApiKeyId = id.parse().map_err(|_| Problem::not_found("such API key"))?;
    usecase::revoke_key(&accounts, id, &editor.actor()).await?;
    no_content()
}
