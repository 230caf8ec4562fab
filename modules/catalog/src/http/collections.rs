use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use kernel::Problem;
use kernel::id::ProductId;
use kernel::page::Page;
use platform::http::{Answer, Body, Editor, IfMatch, PUBLIC, Staff, no_content, ok};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use super::defined::{made, shown};
use super::told::told;
use crate::domain::{Collection, CollectionInput, Rule};
use crate::{Catalog, Error};

#[derive(OpenApi)]
#[openapi(
    paths(all, one, create, show, replace, chosen, choose, delete),
    components(schemas(Collection, CollectionInput, Rule, ChoiceInput))
)]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/collections", web::get().to(all))
        .route("/v1/collections/{slug}", web::get().to(one))
        .route("/v1/admin/collections", web::post().to(create))
        .route("/v1/admin/collections/{id}", web::get().to(show))
        .route("/v1/admin/collections/{id}", web::put().to(replace))
        .route("/v1/admin/collections/{id}", web::delete().to(delete))
        .route("/v1/admin/collections/{id}/products", web::get().to(chosen))
        .route("/v1/admin/collections/{id}/products", web::put().to(choose));
}

/// The products of a collection, in the order they are shown in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChoiceInput {
    /// At most 1,000 ids.
    #[schema(max_items = 1_000)]
    items: Vec<ProductId>,
}

fn collection_id(text: &str) -> Result<Uuid, Error> {
    Uuid::try_parse(text).map_err(|_| Error::NotFound)
}

/// The shop's collections. Their products are listed by `/v1/products?collection=`.
#[utoipa::path(
    get, path = "/v1/collections", tag = "catalog",
    responses((status = 200, description = "By name", body = Page<Collection>))
)]
async fn all(catalog: web::Data<Catalog>) -> Answer {
    let page = Page { items: catalog.collections().await?, next_cursor: None };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, PUBLIC)).json(page))
}

/// One collection, by its slug.
#[utoipa::path(
    get, path = "/v1/collections/{slug}", tag = "catalog",
    params(("slug" = String, Path, description = "The slug or the id")),
    responses(
        (status = 200, description = "The collection", body = Collection),
        (status = 404, description = "There is no such collection", body = Problem),
    )
)]
async fn one(catalog: web::Data<Catalog>, slug: web::Path<String>) -> Answer {
    let collection = catalog.collection(&slug).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, PUBLIC)).json(collection))
}

/// Creates a collection: by a rule, or empty for products to be chosen.
#[utoipa::path(
    post, path = "/v1/admin/collections", tag = "catalog admin", request_body = CollectionInput,
    responses(
        (status = 201, description = "The collection", body = Collection,
            headers(("ETag"), ("Location"), ("x-consistency-token"))),
        (status = 409, description = "The slug belongs to another one", body = Problem),
        (status = 422, description = "A field is not allowed", body = Problem),
    )
)]
async fn create(
    editor: Editor,
    catalog: web::Data<Catalog>,
    body: Body<CollectionInput>,
) -> Answer {
    let collection = catalog.create_collection(body.value, &editor.actor()).await?;
    let location = format!("/v1/admin/collections/{}", collection.id);
    told(&catalog, made(location, &collection)).await
}

/// One collection. Its ETag is what a change of it sends as If-Match.
#[utoipa::path(
    get, path = "/v1/admin/collections/{id}", tag = "catalog admin",
    params(("id" = Uuid, Path, description = "The id")),
    responses(
        (status = 200, description = "The collection", body = Collection,
            headers(("ETag"))),
        (status = 404, description = "There is no such collection", body = Problem),
    )
)]
async fn show(_: Staff, catalog: web::Data<Catalog>, id: web::Path<String>) -> Answer {
    let collection = catalog.collection(&collection_id(&id)?.to_string()).await?;
    Ok(shown(collection.version, &collection))
}

/// Replaces what a collection is called and its rule.
#[utoipa::path(
    put, path = "/v1/admin/collections/{id}", tag = "catalog admin",
    request_body = CollectionInput,
    params(
        ("id" = Uuid, Path, description = "The id"),
        ("If-Match" = String, Header, description = "The version that was read"),
    ),
    responses(
        (status = 200, description = "The collection as it is now", body = Collection,
            headers(("ETag"), ("x-consistency-token"))),
        (status = 409, description = "The slug belongs to another one", body = Problem),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
        (status = 422, description = "A field is not allowed", body = Problem),
    )
)]
async fn replace(
    editor: Editor,
    version: IfMatch,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
    body: Body<CollectionInput>,
) -> Answer {
    let id = collection_id(&id)?;
    let changed = catalog.update_collection(id, version.0, body.value, &editor.actor()).await?;
    told(&catalog, shown(changed.version, &changed)).await
}

/// The products that were chosen for a collection, those that are not in the shop too.
#[utoipa::path(
    get, path = "/v1/admin/collections/{id}/products", tag = "catalog admin",
    params(("id" = Uuid, Path, description = "The id")),
    responses((status = 200, description = "Their ids, in their order", body = Page<String>))
)]
async fn chosen(_: Staff, catalog: web::Data<Catalog>, id: web::Path<String>) -> Answer {
    ok(&Page { items: catalog.chosen(collection_id(&id)?).await?, next_cursor: None })
}

/// Chooses the products of a collection without a rule.
#[utoipa::path(
    put, path = "/v1/admin/collections/{id}/products", tag = "catalog admin",
    request_body = ChoiceInput,
    params(
        ("id" = Uuid, Path, description = "The id"),
        ("If-Match" = String, Header, description = "The version of the collection that was read"),
    ),
    responses(
        (status = 200, description = "The collection in its new version", body = Collection,
            headers(("ETag"), ("x-consistency-token"))),
        (status = 409, description = "It has a rule", body = Problem),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
        (status = 422, description = "A product does not exist or is there twice", body = Problem),
    )
)]
async fn choose(
    editor: Editor,
    version: IfMatch,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
    body: Body<ChoiceInput>,
) -> Answer {
    let id = collection_id(&id)?;
    let changed = catalog.choose(id, version.0, body.value.items, &editor.actor()).await?;
    told(&catalog, shown(changed.version, &changed)).await
}

/// Deletes a collection; its products stay.
#[utoipa::path(
    delete, path = "/v1/admin/collections/{id}", tag = "catalog admin",
    params(
        ("id" = Uuid, Path, description = "The id"),
        ("If-Match" = String, Header, description = "The version that was read"),
    ),
    responses(
        (status = 204, description = "It is gone",
            headers(("x-consistency-token"))),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
    )
)]
async fn delete(
    editor: Editor,
    version: IfMatch,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
) -> Answer {
    catalog.delete_collection(collection_id(&id)?, version.0, &editor.actor()).await?;
    told(&catalog, no_content()?).await
}
