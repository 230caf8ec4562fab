use actix_web::http::header::{ETAG, LOCATION};
use actix_web::{HttpResponse, web};
use kernel::{Page, Problem};
use platform::http::{Answer, Body, Editor, IfMatch, Staff, etag, ok};
use utoipa::OpenApi;

use crate::Inventory;
use crate::domain::{Location, LocationInput};
use crate::error::LocationError;
use crate::store::location as store;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/admin/stock/locations", web::get().to(list))
        .route("/v1/admin/stock/locations", web::post().to(create))
        .route("/v1/admin/stock/locations/{code}", web::get().to(show))
        .route("/v1/admin/stock/locations/{code}", web::put().to(replace));
}

#[derive(OpenApi)]
#[openapi(paths(list, create, show, replace), components(schemas(Location, LocationInput)))]
struct Docs;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Docs::openapi()
}

/// Every location, by priority.
#[utoipa::path(get, path = "/v1/admin/stock/locations", tag = "admin",
    responses((status = 200, description = "The locations", body = Page<Location>)))]
async fn list(_: Staff, inventory: web::Data<Inventory>) -> Answer {
    ok(&Page { items: store::list(&inventory.db).await?, next_cursor: None })
}

/// Opens a location. Orders are served from there if it says so.
#[utoipa::path(post, path = "/v1/admin/stock/locations", tag = "admin",
    request_body = LocationInput,
    responses(
        (status = 201, description = "The location", body = Location,
            headers(("ETag"), ("Location"))),
        (status = 409, description = "`conflict`: there is a location of this code, or there are \
            100 already", body = Problem),
        (status = 422, description = "`invalid_value`", body = Problem)))]
async fn create(
    editor: Editor,
    inventory: web::Data<Inventory>,
    body: Body<LocationInput>,
) -> Answer {
    let location = inventory.create_location(body.value, &editor.actor()).await?;
    let at = format!("/v1/admin/stock/locations/{}", location.code);
    let mut response = HttpResponse::Created();
    Ok(response
        .insert_header((LOCATION, at))
        .insert_header((ETAG, etag(location.version)))
        .json(&location))
}

/// One location.
#[utoipa::path(get, path = "/v1/admin/stock/locations/{code}", tag = "admin",
    params(("code" = String, Path, description = "The code")),
    responses(
        (status = 200, description = "The location", body = Location, headers(("ETag"))),
        (status = 404, description = "`not_found`", body = Problem)))]
async fn show(_: Staff, inventory: web::Data<Inventory>, code: web::Path<String>) -> Answer {
    let found = store::find(&inventory.db, &code).await?;
    Ok(shown(&found.ok_or(LocationError::Unknown)?))
}

/// Replaces a location that still is in the version of If-Match; its code stays. What the shop has
/// for sale follows within moments.
#[utoipa::path(put, path = "/v1/admin/stock/locations/{code}", tag = "admin",
    request_body = LocationInput,
    params(
        ("code" = String, Path, description = "The code"),
        ("If-Match" = String, Header, description = "The version that was read")),
    responses(
        (status = 200, description = "The location as it is now", body = Location,
            headers(("ETag"))),
        (status = 404, description = "`not_found`", body = Problem),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
        (status = 422, description = "`invalid_value`", body = Problem)))]
async fn replace(
    editor: Editor,
    version: IfMatch,
    inventory: web::Data<Inventory>,
    code: web::Path<String>,
    body: Body<LocationInput>,
) -> Answer {
    let actor = editor.actor();
    let changed = inventory.replace_location(&code, version.0, body.value, &actor).await?;
    Ok(shown(&changed))
}

fn shown(location: &Location) -> HttpResponse {
    HttpResponse::Ok().insert_header((ETAG, etag(location.version))).json(location)
}
