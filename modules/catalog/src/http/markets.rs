use actix_web::web;
use kernel::Problem;
use kernel::page::Page;
use platform::http::{Answer, Body, Editor, IfMatch, Staff, no_content, ok};
use utoipa::OpenApi;

use super::defined::{made, shown};
use super::told::told;
use crate::domain::Rounding;
use crate::{Catalog, Market, MarketInput};

#[derive(OpenApi)]
#[openapi(
    paths(list, create, show, replace, delete),
    components(schemas(Market, MarketInput, Rounding))
)]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/admin/markets", web::get().to(list))
        .route("/v1/admin/markets", web::post().to(create))
        .route("/v1/admin/markets/{code}", web::get().to(show))
        .route("/v1/admin/markets/{code}", web::put().to(replace))
        .route("/v1/admin/markets/{code}", web::delete().to(delete));
}

/// Every market. A shop without one sells everything at its base price.
#[utoipa::path(
    get, path = "/v1/admin/markets", tag = "prices",
    responses((status = 200, description = "By code", body = Page<Market>))
)]
async fn list(_: Staff, catalog: web::Data<Catalog>) -> Answer {
    ok(&Page { items: catalog.markets().await?, next_cursor: None })
}

/// Makes a market: a currency, how prices are rounded, and whether they hold the tax. The first
/// one becomes the default. Lists and searches follow within moments.
#[utoipa::path(
    post, path = "/v1/admin/markets", tag = "prices", request_body = MarketInput,
    responses(
        (status = 201, description = "The market", body = Market,
            headers(("ETag"), ("Location"), ("x-consistency-token"))),
        (status = 409, description = "Another market has the code", body = Problem),
        (status = 422, description = "A field is not allowed", body = Problem),
    )
)]
async fn create(editor: Editor, catalog: web::Data<Catalog>, body: Body<MarketInput>) -> Answer {
    let market = catalog.create_market(body.value, &editor.actor()).await?;
    let location = format!("/v1/admin/markets/{}", market.code);
    told(&catalog, made(location, &market)).await
}

/// One market.
#[utoipa::path(
    get, path = "/v1/admin/markets/{code}", tag = "prices",
    params(("code" = String, Path, description = "The code")),
    responses(
        (status = 200, description = "The market", body = Market,
            headers(("ETag"))),
        (status = 404, description = "There is no such market", body = Problem),
    )
)]
async fn show(_: Staff, catalog: web::Data<Catalog>, code: web::Path<String>) -> Answer {
    let found = catalog.market(&code).await?;
    Ok(shown(found.version, &found))
}

/// Replaces a market that still is in the version of If-Match; code and currency stay.
#[utoipa::path(
    put, path = "/v1/admin/markets/{code}", tag = "prices", request_body = MarketInput,
    params(
        ("code" = String, Path, description = "The code"),
        ("If-Match" = String, Header, description = "The version that was read"),
    ),
    responses(
        (status = 200, description = "The market as it is now", body = Market,
            headers(("ETag"), ("x-consistency-token"))),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
        (status = 422, description = "A field is not allowed", body = Problem),
    )
)]
async fn replace(
    editor: Editor,
    version: IfMatch,
    catalog: web::Data<Catalog>,
    code: web::Path<String>,
    body: Body<MarketInput>,
) -> Answer {
    let changed = catalog.update_market(&code, version.0, body.value, &editor.actor()).await?;
    told(&catalog, shown(changed.version, &changed)).await
}

/// Deletes a market that no price list is for; the default one goes last.
#[utoipa::path(
    delete, path = "/v1/admin/markets/{code}", tag = "prices",
    params(
        ("code" = String, Path, description = "The code"),
        ("If-Match" = String, Header, description = "The version that was read"),
    ),
    responses(
        (status = 204, description = "It is gone",
            headers(("x-consistency-token"))),
        (status = 409, description = "Something depends on it", body = Problem),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
    )
)]
async fn delete(
    editor: Editor,
    version: IfMatch,
    catalog: web::Data<Catalog>,
    code: web::Path<String>,
) -> Answer {
    catalog.delete_market(&code, version.0, &editor.actor()).await?;
    told(&catalog, no_content()?).await
}
