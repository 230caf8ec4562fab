use actix_web::web;
use kernel::Problem;
use platform::http::{Answer, Body, Editor, IfMatch};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::admin::{product_id, versioned};
use super::told::told;
use super::view::ProductView;
use crate::Catalog;
use crate::domain::PartInput;

#[derive(OpenApi)]
#[openapi(paths(replace), components(schemas(PartInput, PartsInput)))]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/v1/admin/products/{id}/parts", web::put().to(replace));
}

/// What a product is made of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BundlePartsInput, example = json!({
    "parts": [{"product_id": "01932c07-0000-7000-8000-000000000002", "quantity": 2}]
}))]
struct PartsInput {
    /// At most 50; none makes it a plain product again.
    #[schema(max_items = 50)]
    parts: Vec<PartInput>,
}

/// Makes a product that still is in the version of If-Match a bundle of others.
///
/// A bundle has a price of its own and no stock: as many can be had as there are parts for, and what lies in
/// stock of itself is not sold. Orders keep what the bundle was made of when it was bought.
#[utoipa::path(
    put, path = "/v1/admin/products/{id}/parts", tag = "catalog admin",
    request_body = PartsInput,
    params(
        ("id" = Uuid, Path, description = "The id"),
        ("If-Match" = String, Header, description = "The version of the product that was read"),
    ),
    responses(
        (status = 200, description = "The product in its new version", body = ProductView,
            headers(("ETag"), ("x-consistency-token"))),
        (status = 404, description = "There is no such product", body = Problem),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
        (status = 422, description = "A part does not exist, is there twice, is a bundle itself or has variants; \
            or the product has variants or is a part of a bundle", body = Problem),
    )
)]
async fn replace(
    editor: Editor,
    version: IfMatch,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
    body: Body<PartsInput>,
) -> Answer {
    let id = product_id(&id)?;
    let changed = catalog.set_parts(id, version.0, body.value.parts, &editor.actor()).await?;
    told(&catalog, versioned(&catalog, changed).await?).await
}
