use actix_web::web;
use kernel::Problem;
use kernel::page::Page;
use platform::http::{Answer, Body, Editor, IfMatch, Staff, ok};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::admin::{product_id, versioned};
use super::told::told;
use super::view::ProductView;
use crate::{Catalog, Relation};

#[derive(OpenApi)]
#[openapi(paths(show, replace), components(schemas(Relation, RelationsInput)))]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/admin/products/{id}/related", web::get().to(show))
        .route("/v1/admin/products/{id}/related", web::put().to(replace));
}

/// The products that belong to one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RelationsInput {
    /// At most 100, in the order they are shown in.
    #[schema(max_items = 100)]
    items: Vec<Relation>,
}

/// The products that belong to one, those that are not in the shop too.
#[utoipa::path(
    get, path = "/v1/admin/products/{id}/related", tag = "catalog admin",
    params(("id" = Uuid, Path, description = "The id")),
    responses((status = 200, description = "In their order", body = Page<Relation>))
)]
async fn show(_: Staff, catalog: web::Data<Catalog>, id: web::Path<String>) -> Answer {
    let items = catalog.relations(product_id(&id)?).await?;
    ok(&Page { items, next_cursor: None })
}

/// Replaces the products that belong to one that still is in the version of If-Match.
#[utoipa::path(
    put, path = "/v1/admin/products/{id}/related", tag = "catalog admin",
    request_body = RelationsInput,
    params(
        ("id" = Uuid, Path, description = "The id"),
        ("If-Match" = String, Header, description = "The version of the product that was read"),
    ),
    responses(
        (status = 200, description = "The product in its new version", body = ProductView,
            headers(("ETag"), ("x-consistency-token"))),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
        (status = 422, description = "A product does not exist or is there twice", body = Problem),
    )
)]
async fn replace(
    editor: Editor,
    version: IfMatch,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
    body: Body<RelationsInput>,
) -> Answer {
    let id = product_id(&id)?;
    let changed = catalog.relate(id, version.0, body.value.items, &editor.actor()).await?;
    told(&catalog, versioned(&catalog, changed).await?).await
}
