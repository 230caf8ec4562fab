use actix_web::web;
use kernel::Problem;
use kernel::id::ProductId;
use platform::http::{Answer, Body, no_content};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use crate::Catalog;
use crate::domain::QUERY_MAX;

/// The last position that counts.
const POSITION_MAX: i64 = 10_000;

#[derive(OpenApi)]
#[openapi(paths(click), components(schemas(ClickInput)))]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/v1/search/clicks", web::post().to(click));
}

/// A look at a product that a search had found.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "query": "desk lamp", "product_id": "0198f2a4-6f0e-7c3a-9d61-0a4f3c1b2d11", "position": 2
}))]
struct ClickInput {
    /// What was searched for; at most 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    query: String,
    /// The product that was looked at.
    product_id: ProductId,
    /// Where it stood among the products found, 1 to 10,000.
    #[schema(minimum = 1, maximum = 10_000)]
    position: i64,
}

/// Counts that a product was looked at which a search had found. Who did it is not noted.
#[utoipa::path(
    post, path = "/v1/search/clicks", tag = "catalog", request_body = ClickInput,
    responses(
        (status = 204, description = "It is counted, and told within some seconds"),
        (status = 422, description = "A field is not allowed", body = Problem),
    )
)]
async fn click(catalog: web::Data<Catalog>, body: Body<ClickInput>) -> Answer {
    let ClickInput { query, product_id, position } = body.value;
    if query.trim().is_empty() || query.chars().count() > QUERY_MAX {
        let message = format!("must have 1 to {QUERY_MAX} characters");
        return Err(Problem::invalid("query", message).into());
    }
    if !(1..=POSITION_MAX).contains(&position) {
        return Err(Problem::invalid("position", format!("must be 1 to {POSITION_MAX}")).into());
    }
    catalog.clicked(&query, product_id, position);
    no_content()
}
