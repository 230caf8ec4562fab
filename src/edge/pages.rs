//! What the edge itself serves: the API's description, the problems, and the answer to everything
//! else.

use actix_web::HttpResponse;
use actix_web::web::{self, Path, ServiceConfig};
use kernel::Problem;
use kernel::problem::code;
use platform::http::{Answer, Failure, ok};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};

/// The description of the whole API, put together from the modules' parts.
pub fn openapi() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Stoa")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("An online shop's whole back end."));
    let mut api = OpenApiBuilder::new().info(info.build()).build();
    for module in [
        auth::Accounts::openapi(),
        catalog::Catalog::openapi(),
        order::Orders::openapi(),
        payment::Payments::openapi(),
        inventory::Inventory::openapi(),
        analytics::Analytics::openapi(),
    ] {
        api.merge(module);
    }
    api
}

/// The edge's own endpoints.
pub fn routes(config: &mut ServiceConfig) {
    config
        .route("/v1/openapi.json", web::get().to(description))
        .route("/problems/{code}", web::get().to(problem))
        .route("/health/live", web::get().to(HttpResponse::Ok))
        .default_service(web::to(nothing));
}

async fn description() -> HttpResponse {
    HttpResponse::Ok().json(openapi())
}

/// What a problem's `type` points to.
async fn problem(word: Path<String>) -> Answer {
    let known = code::ALL.iter().find(|code| code.word == *word);
    let known = known.ok_or_else(|| Problem::not_found("such problem"))?;
    ok(&serde_json::json!({"code": known.word, "status": known.status, "title": known.title}))
}

async fn nothing() -> Result<HttpResponse, Failure> {
    Err(Problem::not_found("such endpoint; /v1/openapi.json lists them").into())
}
