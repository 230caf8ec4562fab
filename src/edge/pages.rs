//! What the edge itself serves: the API's description, the problems, and the answer to everything
//! else.

use std::sync::LazyLock;

use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{self, Path, Redirect, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use kernel::Problem;
use kernel::problem::code;
use platform::http::{Answer, Failure, ok};
use utoipa::openapi::path::PathItem;
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_swagger_ui::{Config, SwaggerUi};

const DESCRIPTION: &str = "/v1/openapi.json";

/// Where the pages for people are.
pub(super) const PAGES: &str = "/docs";
/// What the edge serves besides the API.
const OWN: [&str; 4] = [DESCRIPTION, "/docs/", "/problems/x", "/health/live"];

const ABOUT: &str = "An online shop's whole back end.\n\nBeside what an endpoint lists, each may \
    answer what the gate says: 401 `unauthenticated`; 403 `forbidden`, `mfa_required` (with \
    `methods`, the ways to show a second factor), `csrf_refused` or `blocked` (the firewall); 404 \
    `not_found`; 413 `body_too_large`; 429 `too_many_requests` with `Retry-After`; 503 \
    `overloaded`; 504 `timeout`. `stoa routes` lists who may come in where.";

/// Every endpoint of the program: its method, and its path with a template's names in place.
pub(super) fn endpoints() -> Vec<(String, String)> {
    let split = |(path, methods): &(String, String)| -> Vec<(String, String)> {
        let methods = methods.split(", ").filter(|method| *method != "HEAD");
        methods.map(|method| (method.to_owned(), path.clone())).collect()
    };
    let own = OWN.iter().map(|path| ("GET".to_owned(), (*path).to_owned()));
    PATHS.iter().flat_map(split).chain(own).collect()
}

/// The paths of the API and the methods each knows.
static PATHS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    openapi().paths.paths.into_iter().map(|(path, item)| (path, methods(&item))).collect()
});

/// The description of the whole API, put together from the modules' parts.
pub fn openapi() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Stoa")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT));
    let mut api = OpenApiBuilder::new().info(info.build()).build();
    for module in [
        auth::Accounts::openapi(),
        catalog::Catalog::openapi(),
        order::Orders::openapi(),
        payment::Payments::openapi(),
        inventory::Inventory::openapi(),
        analytics::Analytics::openapi(),
        super::audit::openapi(),
    ] {
        api.merge(module);
    }
    api
}

/// The edge's own endpoints.
pub fn routes(config: &mut ServiceConfig) {
    config
        .route(DESCRIPTION, web::get().to(description))
        .service(Redirect::new("/docs", "/docs/"))
        .service(SwaggerUi::new("/docs/{_:.*}").config(Config::from(DESCRIPTION)))
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

/// What no route took: 405 with the methods that the path knows (RFC 9110, section 15.5.6), or 404.
async fn nothing(request: HttpRequest) -> HttpResponse {
    let Some(methods) = known(request.path()) else {
        return Failure::from(no_endpoint()).error_response();
    };
    let detail = format!("This path knows {methods}, not {}.", request.method());
    let problem = Problem::new(code::METHOD_NOT_ALLOWED, detail);
    let mut response = Failure::from(problem).error_response();
    if let Ok(methods) = HeaderValue::from_str(methods) {
        response.headers_mut().insert(ALLOW, methods);
    }
    response
}

pub(super) fn no_endpoint() -> Problem {
    Problem::not_found("such endpoint; /v1/openapi.json lists them")
}

/// The methods of a path, if it is one of the API's.
fn known(path: &str) -> Option<&'static str> {
    let matches = |template: &str| {
        path.split('/').count() == template.split('/').count()
            && path.split('/').zip(template.split('/')).all(|(given, wanted)| {
                given == wanted || (wanted.starts_with('{') && !given.is_empty())
            })
    };
    PATHS.iter().find(|(template, _)| matches(template)).map(|(_, methods)| methods.as_str())
}

fn methods(item: &PathItem) -> String {
    let known = [
        ("GET", item.get.is_some()),
        ("HEAD", item.get.is_some()),
        ("POST", item.post.is_some()),
        ("PUT", item.put.is_some()),
        ("PATCH", item.patch.is_some()),
        ("DELETE", item.delete.is_some()),
    ];
    let known: Vec<&str> =
        known.iter().filter(|(_, known)| *known).map(|(word, _)| *word).collect();
    known.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_known_by_its_template() {
        assert_eq!(known("/v1/orders"), Some("GET, HEAD, POST"));
        assert_eq!(known("/v1/admin/products/1"), Some("GET, HEAD, PUT, PATCH, DELETE"));
        for path in ["/v1/orders/", "/v1/orders/1/2/3", "/v1", "/", ""] {
            assert_eq!(known(path), None, "{path}");
        }
    }
}
