use actix_web::web;
use kernel::Problem;
use kernel::page::Page;
use platform::http::{Answer, Body, Editor, IfMatch, Staff, no_content, ok};
use utoipa::OpenApi;
use uuid::Uuid;

use super::defined::{made, shown};
use super::told::told;
use crate::{Catalog, Synonym, SynonymInput};

#[derive(OpenApi)]
#[openapi(paths(list, create, show, replace, delete), components(schemas(Synonym, SynonymInput)))]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/admin/synonyms", web::get().to(list))
        .route("/v1/admin/synonyms", web::post().to(create))
        .route("/v1/admin/synonyms/{id}", web::get().to(show))
        .route("/v1/admin/synonyms/{id}", web::put().to(replace))
        .route("/v1/admin/synonyms/{id}", web::delete().to(delete));
}

fn synonym_id(text: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(text).map_err(|_| Problem::not_found("such thing in the catalogue"))
}

/// All synonyms that searches know.
#[utoipa::path(
    get, path = "/v1/admin/synonyms", tag = "catalog admin",
    responses((status = 200, description = "The oldest first", body = Page<Synonym>))
)]
async fn list(_: Staff, catalog: web::Data<Catalog>) -> Answer {
    ok(&Page { items: catalog.synonyms().await?, next_cursor: None })
}

/// Makes terms synonyms.
#[utoipa::path(
    post, path = "/v1/admin/synonyms", tag = "catalog admin", request_body = SynonymInput,
    responses(
        (status = 201, description = "The synonyms", body = Synonym,
            headers(("ETag"), ("Location"), ("x-consistency-token"))),
        (status = 422, description = "A field is not allowed", body = Problem),
    )
)]
async fn create(editor: Editor, catalog: web::Data<Catalog>, body: Body<SynonymInput>) -> Answer {
    let synonym = catalog.create_synonym(body.value, &editor.actor()).await?;
    let location = format!("/v1/admin/synonyms/{}", synonym.id);
    told(&catalog, made(location, &synonym)).await
}

/// Some synonyms. Their ETag is what a change of them sends as If-Match.
#[utoipa::path(
    get, path = "/v1/admin/synonyms/{id}", tag = "catalog admin",
    params(("id" = Uuid, Path, description = "The id")),
    responses(
        (status = 200, description = "The synonyms", body = Synonym,
            headers(("ETag"))),
        (status = 404, description = "There are no such synonyms", body = Problem),
    )
)]
async fn show(_: Staff, catalog: web::Data<Catalog>, id: web::Path<String>) -> Answer {
    let found = catalog.synonym(synonym_id(&id)?).await?;
    Ok(shown(found.version, &found))
}

/// Replaces synonyms.
#[utoipa::path(
    put, path = "/v1/admin/synonyms/{id}", tag = "catalog admin", request_body = SynonymInput,
    params(
        ("id" = Uuid, Path, description = "The id"),
        ("If-Match" = String, Header, description = "The version that was read"),
    ),
    responses(
        (status = 200, description = "The synonyms as they are now", body = Synonym,
            headers(("ETag"), ("x-consistency-token"))),
        (status = 412, description = "They were changed meanwhile: `current_version`", body = Problem),
        (status = 422, description = "A field is not allowed", body = Problem),
    )
)]
async fn replace(
    editor: Editor,
    version: IfMatch,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
    body: Body<SynonymInput>,
) -> Answer {
    let id = synonym_id(&id)?;
    let changed = catalog.update_synonym(id, version.0, body.value, &editor.actor()).await?;
    told(&catalog, shown(changed.version, &changed)).await
}

/// Forgets synonyms.
#[utoipa::path(
    delete, path = "/v1/admin/synonyms/{id}", tag = "catalog admin",
    params(
        ("id" = Uuid, Path, description = "The id"),
        ("If-Match" = String, Header, description = "The version that was read"),
    ),
    responses(
        (status = 204, description = "They are no synonyms any more",
            headers(("x-consistency-token"))),
        (status = 412, description = "They were changed meanwhile: `current_version`", body = Problem),
    )
)]
async fn delete(
    editor: Editor,
    version: IfMatch,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
) -> Answer {
    catalog.delete_synonym(synonym_id(&id)?, version.0, &editor.actor()).await?;
    told(&catalog, no_content()?).await
}
