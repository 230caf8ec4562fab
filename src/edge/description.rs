//! The API's description, completed by what every request passes: the modules say what their
//! endpoints do, and here is said once what the gate asks for and answers on the way to them.

use std::collections::btree_map::Entry;

use kernel::Permission;
use platform::http::PROBLEM_JSON;
use platform::idempotency::KEY_MAX;
use serde_json::json;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, Content, OpenApi, Ref, RefOr, Response};

use super::route::{Access, Route, Table};

/// A refusal that endpoints share: its status, its name among the components, and its text, of which
/// each part begins with its code.
type Refusal = (u16, &'static str, &'static str);

const MALFORMED: Refusal = (
    400,
    "Malformed",
    "`invalid_request`: the request, or a header of it, is not well formed or has two readings; \
     `idempotency_key_required`",
);
const UNAUTHENTICATED: Refusal =
    (401, "Unauthenticated", "`unauthenticated`: the token is not good, or none was sent");
const FORBIDDEN: Refusal = (
    403,
    "Forbidden",
    "`forbidden`; `mfa_required`: `methods` are the ways to show a second factor; `csrf_refused`; \
     `blocked`: it looks like an attack",
);
const NOT_FOUND: Refusal = (404, "NotFound", "`not_found`: there is no such thing");
const TOO_LARGE: Refusal = (413, "TooLarge", "`body_too_large`: the body is too long");
const WRONG_KIND: Refusal =
    (415, "WrongMediaType", "`unsupported_media_type`: the body is not sent as JSON");
const INVALID: Refusal =
    (422, "InvalidValue", "`invalid_value`: `errors` names the fields; `idempotency_key_reused`");
const TOO_MANY: Refusal =
    (429, "TooManyRequests", "`too_many_requests`: Retry-After says when to come again");
const UNAVAILABLE: Refusal = (
    503,
    "Unavailable",
    "`overloaded`: nothing was begun, try again soon; `unavailable`: nothing was changed, try again \
     soon",
);
const TIMEOUT: Refusal = (504, "Timeout", "`timeout`: what it began is finished or undone");

const REFUSALS: [Refusal; 10] = [
    MALFORMED,
    UNAUTHENTICATED,
    FORBIDDEN,
    NOT_FOUND,
    TOO_LARGE,
    WRONG_KIND,
    INVALID,
    TOO_MANY,
    UNAVAILABLE,
    TIMEOUT,
];

/// Headers of answers by name. A module names those that it sends.
const HEADERS: [(&str, Type, &str); 9] = [
    ("X-Request-Id", Type::String, "By what name the request is known; send one to choose it"),
    (
        "RateLimit",
        Type::String,
        "How many requests are left, and for how long; not with `overloaded`",
    ),
    (
        "RateLimit-Policy",
        Type::String,
        "How many requests there are in a second, where RateLimit is",
    ),
    (
        "Idempotency-Replayed",
        Type::String,
        "`true` with the answer of an earlier request of the key",
    ),
    ("Retry-After", Type::Integer, "In how many seconds to come again"),
    ("WWW-Authenticate", Type::String, "What to send: `Bearer`"),
    ("ETag", Type::String, "The version, as If-Match and If-None-Match take it"),
    ("Location", Type::String, "Where it is"),
    ("x-consistency-token", Type::Integer, "What a read sends that has to show this change"),
];

/// What groups the endpoints.
const TAGS: [(&str, &str); 11] = [
    ("catalog", "Products, categories and collections as shoppers see them"),
    ("catalog admin", "What is in the catalogue"),
    ("prices", "Prices, markets and price lists"),
    ("cart", "What somebody is about to order"),
    ("orders", "What somebody has ordered"),
    ("payments", "Cards, and what was paid by them"),
    ("credit", "Gift cards and store credit"),
    ("ledger", "The journal of the shop's money, and what the processor settles"),
    ("auth", "Accounts, sessions and second factors"),
    ("auth admin", "Roles, the staff and API keys"),
    ("admin", "Orders, stock, promotions and figures for the staff"),
];

const BEARER: &str = "bearer";
const API_KEY: &str = "api_key";
const SESSION: &str = "session";
const CSRF: &str = "csrf";

/// Completes the description by what the table of routes says of each endpoint, and by whether the
/// staff shows a second factor everywhere.
pub(super) fn complete(api: &mut OpenApi, table: &Table, staff_second_factor: bool) {
    api.tags = Some(
        TAGS.map(|(name, text)| TagBuilder::new().name(name).description(Some(text)).build())
            .to_vec(),
    );
    let components = api.components.get_or_insert_with(Components::new);
    for (status, name, text) in REFUSALS {
        components.responses.insert(name.to_owned(), RefOr::T(refusal(status, text)));
    }
    for (name, kind, text) in HEADERS {
        components.headers.insert(name.to_owned(), RefOr::T(header(kind, text)));
    }
    for (name, scheme) in schemes() {
        components.security_schemes.insert(name.to_owned(), RefOr::T(scheme));
    }
    for (path, item) in &mut api.paths.paths {
        for (method, operation) in operations(item) {
            operation.operation_id = Some(operation_id(method, path));
            operation.parameters.iter_mut().flatten().for_each(well_known);
            if let Some((_, route)) = table.find(method, path) {
                guard(operation, method, route, staff_second_factor);
                refuse(operation, path, route);
            }
        }
    }
}

/// The operations of a path by method.
pub(super) fn operations(
    item: &mut PathItem,
) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("GET", item.get.as_mut()),
        ("POST", item.post.as_mut()),
        ("PUT", item.put.as_mut()),
        ("PATCH", item.patch.as_mut()),
        ("DELETE", item.delete.as_mut()),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation?)))
}

/// A name of an operation that no other one has: its method and path.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words = words.filter(|word| *word != "v1").map(str::to_ascii_lowercase);
    std::iter::once(method.to_ascii_lowercase()).chain(words).collect::<Vec<_>>().join("_")
}

/// Says of the headers that many endpoints take what they look like.
fn well_known(parameter: &mut RefOr<Parameter>) {
    let RefOr::T(parameter) = parameter else { return };
    if parameter.parameter_in != ParameterIn::Header {
        return;
    }
    let text = ObjectBuilder::new().schema_type(Type::String);
    let text = match parameter.name.as_str() {
        "If-Match" => text.pattern(Some("^\"[0-9]{1,18}\"$")).examples([json!("\"1\"")]),
        "Idempotency-Key" => text
            .pattern(Some("^[ -~]*[!-~][ -~]*$"))
            .max_length(Some(KEY_MAX))
            .examples([json!("2f1c7a4e-order-1")]),
        _ => return,
    };
    parameter.schema = Some(text.build().into());
}

/// Says who may come in, and how they show it.
fn guard(operation: &mut Operation, method: &str, route: &Route, staff_second_factor: bool) {
    let needed: Vec<&str> = route.permission.map(Permission::word).into_iter().collect();
    let bearer = SecurityRequirement::new(BEARER, needed.clone());
    let mut session = SecurityRequirement::new(SESSION, needed.clone());
    if method != "GET" {
        session = session.add(CSRF, [""; 0]);
    }
    let mut ways = vec![bearer, session];
    match route.access {
        Access::Optional => ways.insert(0, SecurityRequirement::default()),
        Access::Required | Access::Mfa => {}
        Access::Staff => ways.push(SecurityRequirement::new(API_KEY, needed)),
    }
    operation.security = Some(ways);
    let Some(rule) = rule(route, staff_second_factor) else { return };
    let text = operation.description.take().filter(|text| !text.is_empty());
    operation.description = Some(text.map_or(rule.clone(), |text| format!("{text}\n\n{rule}")));
}

/// What the route asks for beyond a token, in words.
fn rule(route: &Route, staff_second_factor: bool) -> Option<String> {
    let factor = if staff_second_factor { " and of people a second factor" } else { "" };
    let step_up = if route.step_up {
        ", and of people a device's code or a passkey of the last 15 minutes"
    } else {
        ""
    };
    match (route.access, route.permission) {
        (Access::Staff, Some(permission)) => {
            Some(format!("Needs the permission `{}`{factor}{step_up}.", permission.word()))
        }
        (Access::Mfa, _) => Some("Needs a second factor.".to_owned()),
        _ => None,
    }
}

/// Says what is answered on the way to the endpoint, and that each refusal is a problem.
fn refuse(operation: &mut Operation, path: &str, route: &Route) {
    let is_limited = route.per_second.is_some();
    for (status, name, text) in shared(operation, path, is_limited) {
        match operation.responses.responses.entry(status.to_string()) {
            Entry::Vacant(none) => {
                none.insert(RefOr::Ref(Ref::from_response_name(name)));
            }
            Entry::Occupied(mut own) => {
                if let RefOr::T(own) = own.get_mut() {
                    own.description = both(&own.description, text);
                }
            }
        }
    }
    let may_be_replayed = operation.parameters.iter().flatten().any(is_key);
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if status.starts_with(['4', '5']) {
            response.content = [(PROBLEM_JSON.to_owned(), problem())].into_iter().collect();
        }
        let sent = std::mem::take(&mut response.headers).into_keys();
        let gate = gate_headers(status, is_limited);
        let house = replay_headers(status).filter(|_| may_be_replayed).map(str::to_owned);
        response.headers = sent.chain(gate).chain(house).map(header_named).collect();
    }
}

/// What a module says of a status, with those parts of the shared text whose code it does not name.
fn both(own: &str, shared: &str) -> String {
    let code = |part: &&str| part.split_inclusive('`').take(2).collect::<String>();
    let more = shared.split("; ").filter(|part| !own.contains(&code(part)));
    std::iter::once(own).chain(more).collect::<Vec<_>>().join("; ")
}

fn is_key(parameter: &RefOr<Parameter>) -> bool {
    match parameter {
        RefOr::T(parameter) => parameter.name == "Idempotency-Key",
        RefOr::Ref(_) => false,
    }
}

/// The headers of a command that is done once: its answer may be a stored one, or the first request
/// is still running.
fn replay_headers(status: &str) -> impl Iterator<Item = &'static str> {
    let is_stored = status.starts_with('2') || matches!(status, "402" | "409");
    let wait = (status == "409").then_some("Retry-After");
    is_stored.then_some("Idempotency-Replayed").into_iter().chain(wait)
}

/// The refusals that an endpoint shares with others.
fn shared(operation: &Operation, path: &str, is_limited: bool) -> Vec<Refusal> {
    let kinds: Vec<&str> = match &operation.request_body {
        Some(RefOr::T(body)) => body.content.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    let is_json = kinds.iter().any(|kind| kind.ends_with("json") && !kind.ends_with("ndjson"));
    let asks = |parameter: &RefOr<Parameter>| match parameter {
        RefOr::T(parameter) => parameter.parameter_in == ParameterIn::Query,
        RefOr::Ref(_) => false,
    };
    let has_query = operation.parameters.iter().flatten().any(asks);
    let mut all = vec![MALFORMED, UNAUTHENTICATED, FORBIDDEN, UNAVAILABLE, TIMEOUT];
    let more = [
        (path.contains('{'), NOT_FOUND),
        (!kinds.is_empty(), TOO_LARGE),
        (is_json, WRONG_KIND),
        (is_json || has_query, INVALID),
        (is_limited, TOO_MANY),
    ];
    all.extend(more.into_iter().filter(|(applies, _)| *applies).map(|(_, refusal)| refusal));
    all
}

/// The headers that answers of a status get on their way out.
fn gate_headers(status: &str, is_limited: bool) -> Vec<String> {
    let mut names = vec!["X-Request-Id"];
    // Whoever is answered too late is answered past the throttle.
    if is_limited && status != "504" {
        names.extend(["RateLimit", "RateLimit-Policy"]);
    }
    match status {
        "401" => names.push("WWW-Authenticate"),
        "429" | "503" => names.push("Retry-After"),
        _ => {}
    }
    names.into_iter().map(str::to_owned).collect()
}

fn refusal(status: u16, text: &str) -> Response {
    let mut response = Response::new(text);
    response.content.insert(PROBLEM_JSON.to_owned(), problem());
    let headers = gate_headers(&status.to_string(), true);
    response.headers = headers.into_iter().map(header_named).collect();
    response
}

fn problem() -> RefOr<Content> {
    RefOr::T(Content::new(Some(Ref::from_schema_name("Problem"))))
}

fn header_named(name: String) -> (String, RefOr<Header>) {
    let header = RefOr::Ref(Ref::new(format!("#/components/headers/{name}")));
    (name, header)
}

fn header(kind: Type, text: &str) -> Header {
    let schema = ObjectBuilder::new().schema_type(kind).build();
    HeaderBuilder::new().schema(Some(schema)).description(Some(text)).build()
}

/// The ways to show who calls.
fn schemes() -> [(&'static str, SecurityScheme); 4] {
    let http = |format, text| {
        let http = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format(format);
        SecurityScheme::Http(http.description(Some(text)).build())
    };
    let cookie = ApiKeyValue::with_description(
        "__Host-stoa_session",
        "The cookie that a login sets; over plain HTTP on one's own machine `stoa_session`.",
    );
    let csrf = ApiKeyValue::with_description(
        "X-CSRF-Token",
        "The `csrf_token` of the login; beside the cookie, for whatever changes something.",
    );
    [
        (
            BEARER,
            http(
                "JWT",
                "The `access_token` of a login, or of an OpenID issuer that the shop trusts.",
            ),
        ),
        (API_KEY, http("stoa_...", "An API key, for programs; it does what it was made for.")),
        (SESSION, SecurityScheme::ApiKey(ApiKey::Cookie(cookie))),
        (CSRF, SecurityScheme::ApiKey(ApiKey::Header(csrf))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_named_by_method_and_path() {
        assert_eq!(operation_id("GET", "/v1/products"), "get_products");
        assert_eq!(operation_id("PUT", "/v1/admin/price-lists/{id}"), "put_admin_price_lists_id");
        assert_eq!(operation_id("GET", "/.well-known/jwks.json"), "get_well_known_jwks_json");
    }
}
