//! What the edge itself serves: the API's description, the problems, and the answer to everything
//! else.

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{self, Data, Path, Redirect, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use kernel::Problem;
use kernel::problem::code;
use platform::http::{Answer, Failure, ok};
use utoipa::openapi::info::{InfoBuilder, LicenseBuilder};
use utoipa::openapi::path::PathItem;
use utoipa::openapi::{OpenApi, OpenApiBuilder};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::Gate;
use super::description::complete;
use super::route::Table;

const DESCRIPTION: &str = "/v1/openapi.json";

/// Where the pages for people are.
pub(super) const PAGES: &str = "/docs";
/// What the edge serves besides the API.
const OWN: [&str; 4] = [DESCRIPTION, "/docs/", "/problems/{code}", "/health/live"];

const ABOUT: &str = "An online shop's whole back end.\n\nEvery refusal is a problem (RFC 9457) with \
    a stable `code`, which `GET /problems/{code}` describes. A path that is not listed answers 404 \
    `not_found`, a method that is not listed 405 `method_not_allowed` with `Allow`.";

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

/// What each module says of its endpoints.
fn parts() -> [OpenApi; 14] {
    [
        auth::Accounts::openapi(),
        catalog::Catalog::openapi(),
        order::Orders::openapi(),
        payment::Payments::openapi(),
        vault::Vault::openapi(),
        inventory::Inventory::openapi(),
        analytics::Analytics::openapi(),
        ledger::Ledger::openapi(),
        fraud::Fraud::openapi(),
        credit::Credits::openapi(),
        messages::Messages::openapi(),
        carrier::Carrier::openapi(),
        notary::Notary::openapi(),
        super::audit::openapi(),
    ]
}

/// The modules' parts of the description, put together.
fn openapi() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Stoa")
        .version(env!("CARGO_PKG_VERSION"))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").build()))
        .description(Some(ABOUT));
    let mut api = OpenApiBuilder::new().info(info.build()).build();
    for part in parts() {
        api.merge(part);
    }
    api
}

/// The description of the whole API, with what the gate does at these routes.
pub(super) fn description(table: &Table, staff_second_factor: bool) -> OpenApi {
    let mut api = openapi();
    complete(&mut api, table, staff_second_factor);
    api
}

/// The edge's own endpoints.
pub fn routes(config: &mut ServiceConfig) {
    config
        .route(DESCRIPTION, web::get().to(described))
        .service(Redirect::new("/docs", "/docs/"))
        .service(SwaggerUi::new("/docs/{_:.*}").config(Config::from(DESCRIPTION)))
        .route("/problems/{code}", web::get().to(problem))
        .route("/health/live", web::get().to(HttpResponse::Ok))
        .default_service(web::to(nothing));
}

async fn described(gate: Data<Gate>) -> HttpResponse {
    HttpResponse::Ok().json(description(gate.table(), gate.staff_second_factor))
}

/// What a problem's `type` points to.
async fn problem(word: Path<String>) -> Answer {
    let known = code::ALL.iter().find(|code| code.word == *word);
    let known = known.ok_or_else(|| Problem::not_found("such problem"))?;
    ok(&serde_json::json!({"code": known.word, "status": known.status, "title": known.title}))
}

/// What no route took.
async fn nothing(request: HttpRequest) -> HttpResponse {
    let method = request.method();
    match known(request.path()) {
        Some(methods) if !methods.split(", ").any(|known| known == method.as_str()) => {
            not_allowed(method, methods)
        }
        // Another process has the role for it.
        Some(_) => {
            Failure::from(Problem::not_found("such endpoint in this process")).error_response()
        }
        None => Failure::from(no_endpoint()).error_response(),
    }
}

/// The paths without names in them, and the methods each knows.
static EXACT: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let exact = PATHS.iter().filter(|(path, _)| !path.contains('{'));
    exact.map(|(path, methods)| (path.as_str(), methods.as_str())).collect()
});

/// Refuses a method that a path does not know, before anybody takes the path for that of a thing:
/// `PUT /v1/admin/products/bulk` changes no product called `bulk`. What no route lists is looked for
/// among all paths.
pub(super) fn refuse_method(method: &Method, path: &str, is_listed: bool) -> Option<HttpResponse> {
    let any = || if is_listed { None } else { known(path) };
    let methods = EXACT.get(path).copied().or_else(any)?;
    let knows = methods.split(", ").any(|known| known == method.as_str());
    (!knows).then(|| not_allowed(method, methods))
}

/// 405 with the methods that the path knows (RFC 9110, section 15.5.6).
fn not_allowed(method: &Method, methods: &'static str) -> HttpResponse {
    let detail = format!("This path knows {methods}, not {method}.");
    let problem = Problem::new(code::METHOD_NOT_ALLOWED, detail);
    let mut response = Failure::from(problem).error_response();
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
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
    fn a_method_is_refused_where_a_path_does_not_know_it() {
        let refused = |method, path, is_listed| refuse_method(&method, path, is_listed).is_some();
        assert!(refused(Method::PUT, "/v1/admin/products/bulk", true));
        assert!(!refused(Method::POST, "/v1/admin/products/bulk", true));
        assert!(refused(Method::TRACE, "/v1/admin/products/1", false));
        assert!(!refused(Method::TRACE, "/v1/nothing", false));
    }

    #[test]
    fn no_two_modules_give_one_name_to_two_shapes() {
        let mut known = std::collections::BTreeMap::new();
        for (name, shape) in parts().into_iter().flat_map(|part| part.components.unwrap().schemas) {
            let before = known.entry(name.clone()).or_insert_with(|| shape.clone());
            assert!(*before == shape, "{name} has two shapes: say #[schema(as = ...)]");
        }
    }

    #[test]
    fn a_path_is_known_by_its_template() {
        assert_eq!(known("/v1/orders"), Some("GET, HEAD, POST"));
        assert_eq!(known("/v1/admin/products/1"), Some("GET, HEAD, PUT, PATCH, DELETE"));
        for path in ["/v1/orders/", "/v1/orders/1/2/3", "/v1", "/", ""] {
            assert_eq!(known(path), None, "{path}");
        }
    }
}
