use actix_web::{HttpResponse, web};
use kernel::Problem;
use platform::http::{Answer, Body, Editor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{OpenApi, ToSchema};

use super::told::told;
use crate::Catalog;
use crate::usecase::{BulkItem, BulkStatus};

#[derive(OpenApi)]
#[openapi(paths(bulk), components(schemas(BulkInput, BulkReport, BulkItem, BulkStatus)))]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/v1/admin/products/bulk", web::post().to(bulk));
}

/// Products to be created or changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"items": [
    {"sku": "LAMP-1", "price": "39.90", "version": 3}, {"sku": "LAMP-2", "status": "archived"}
]}))]
struct BulkInput {
    /// At most 500, each with the fields of a line of an import: what is left out stays. With a
    /// `version` it is changed only if it still is in that.
    #[schema(value_type = Vec<serde_json::Value>, max_items = 500)]
    items: Vec<Box<RawValue>>,
    /// Whether nothing is written if one of them is not allowed.
    #[serde(default)]
    atomic: bool,
}

/// What became of a bulk.
#[derive(Debug, Serialize, ToSchema)]
struct BulkReport {
    /// In the order they were sent in.
    items: Vec<BulkItem>,
}

/// Creates and changes many products in one commit. What is not allowed is left out and named.
#[utoipa::path(
    post, path = "/v1/admin/products/bulk", tag = "catalog admin", request_body = BulkInput,
    responses(
        (status = 200, description = "What became of each", body = BulkReport,
            headers(("x-consistency-token"))),
        (status = 409, description = "Somebody else changes the same products; try again", body = Problem),
        (status = 422, description = "`atomic` and one is not allowed: nothing was written",
            body = Problem),
    )
)]
async fn bulk(editor: Editor, catalog: web::Data<Catalog>, body: Body<BulkInput>) -> Answer {
    let items: Vec<&RawValue> = body.value.items.iter().map(AsRef::as_ref).collect();
    let items = catalog.bulk(&items, body.value.atomic, &editor.actor()).await?;
    told(&catalog, HttpResponse::Ok().json(BulkReport { items })).await
}
