use actix_web::web;
use kernel::Problem;
use kernel::id::ProductId;
use kernel::page::{Page, PageQuery};
use platform::http::{Answer, Body, Editor, IfMatch, Params, Staff, no_content, ok};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use super::admin::product_id;
use super::defined::{made, shown};
use super::told::told;
use crate::{Catalog, Derivation, Listed, ListedInput, PriceList, PriceListInput};

#[derive(OpenApi)]
#[openapi(
    paths(list, create, show, replace, delete, prices, put_prices, delete_price, derive),
    components(schemas(
        PriceList,
        PriceListInput,
        Listed,
        ListedInput,
        PutPrices,
        PutView,
        Derive,
        DeriveView
    ))
)]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/admin/price-lists", web::get().to(list))
        .route("/v1/admin/price-lists", web::post().to(create))
        .route("/v1/admin/price-lists/{id}", web::get().to(show))
        .route("/v1/admin/price-lists/{id}", web::put().to(replace))
        .route("/v1/admin/price-lists/{id}", web::delete().to(delete))
        .route("/v1/admin/price-lists/{id}/prices", web::get().to(prices))
        .route("/v1/admin/price-lists/{id}/prices", web::put().to(put_prices))
        .route("/v1/admin/price-lists/{id}/prices/{product}", web::delete().to(delete_price))
        .route("/v1/admin/price-lists/{id}/derive", web::post().to(derive));
}

pub(super) fn list_id(text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| Problem::not_found("such price list"))
}

/// Every price list.
#[utoipa::path(
    get, path = "/v1/admin/price-lists", tag = "prices",
    responses((status = 200, description = "By code", body = Page<PriceList>))
)]
async fn list(_: Staff, catalog: web::Data<Catalog>) -> Answer {
    ok(&Page { items: catalog.price_lists().await?, next_cursor: None })
}

/// Makes a price list for a market, a customer group, some time, or for everybody and always.
#[utoipa::path(
    post, path = "/v1/admin/price-lists", tag = "prices", request_body = PriceListInput,
    responses(
        (status = 201, description = "The list, without prices", body = PriceList,
            headers(("ETag"), ("Location"), ("x-consistency-token"))),
        (status = 409, description = "Another list has the code", body = Problem),
        (status = 422, description = "A field is not allowed", body = Problem),
    )
)]
async fn create(editor: Editor, catalog: web::Data<Catalog>, body: Body<PriceListInput>) -> Answer {
    let list = catalog.create_price_list(body.value, &editor.actor()).await?;
    let location = format!("/v1/admin/price-lists/{}", list.id);
    told(&catalog, made(location, &list)).await
}

/// One price list, without its prices.
#[utoipa::path(
    get, path = "/v1/admin/price-lists/{id}", tag = "prices",
    params(("id" = Uuid, Path, description = "The id")),
    responses(
        (status = 200, description = "The list", body = PriceList,
            headers(("ETag"))),
        (status = 404, description = "There is no such list", body = Problem),
    )
)]
async fn show(_: Staff, catalog: web::Data<Catalog>, id: web::Path<String>) -> Answer {
    let found = catalog.price_list(list_id(&id)?).await?;
    Ok(shown(found.version, &found))
}

/// Replaces a price list that still is in the version of If-Match; currency and prices stay.
#[utoipa::path(
    put, path = "/v1/admin/price-lists/{id}", tag = "prices", request_body = PriceListInput,
    params(
        ("id" = Uuid, Path, description = "The id"),
        ("If-Match" = String, Header, description = "The version that was read"),
    ),
    responses(
        (status = 200, description = "The list as it is now", body = PriceList,
            headers(("ETag"), ("x-consistency-token"))),
        (status = 409, description = "Another list has the code", body = Problem),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
        (status = 422, description = "A field is not allowed", body = Problem),
    )
)]
async fn replace(
    editor: Editor,
    version: IfMatch,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
    body: Body<PriceListInput>,
) -> Answer {
    let id = list_id(&id)?;
    let changed = catalog.update_price_list(id, version.0, body.value, &editor.actor()).await?;
    told(&catalog, shown(changed.version, &changed)).await
}

/// Deletes a price list with its prices.
#[utoipa::path(
    delete, path = "/v1/admin/price-lists/{id}", tag = "prices",
    params(
        ("id" = Uuid, Path, description = "The id"),
        ("If-Match" = String, Header, description = "The version that was read"),
    ),
    responses(
        (status = 204, description = "It is gone",
            headers(("x-consistency-token"))),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
    )
)]
async fn delete(
    editor: Editor,
    version: IfMatch,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
) -> Answer {
    catalog.delete_price_list(list_id(&id)?, version.0, &editor.actor()).await?;
    told(&catalog, no_content()?).await
}

/// The prices of a list.
#[utoipa::path(
    get, path = "/v1/admin/price-lists/{id}/prices", tag = "prices",
    params(("id" = Uuid, Path, description = "The id of the list"), PageQuery),
    responses((status = 200, description = "By product and quantity", body = Page<Listed>))
)]
async fn prices(
    _: Staff,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
    page: Params<PageQuery>,
) -> Answer {
    let (limit, after) = (page.0.limit()?, page.0.position::<(Uuid, i64)>()?);
    let listed = catalog.listed_prices(list_id(&id)?, after, limit + 1).await?;
    ok(&Page::cut(listed, limit, |one| (one.product_id.uuid(), one.min_quantity)))
}

/// Prices that are put into a list.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PutPrices {
    /// 1 to 500 of them.
    #[schema(min_items = 1, max_items = 500)]
    prices: Vec<ListedInput>,
}

/// What became of prices that were put into a list.
#[derive(Debug, Serialize, ToSchema)]
struct PutView {
    /// How many are new or others now.
    written: usize,
    /// How many were so already.
    unchanged: usize,
}

/// Puts prices into a list, in place of those for the same product and quantity: all of them, or
/// none when one is not allowed.
#[utoipa::path(
    put, path = "/v1/admin/price-lists/{id}/prices", tag = "prices", request_body = PutPrices,
    params(("id" = Uuid, Path, description = "The id of the list")),
    responses(
        (status = 200, description = "What became of them", body = PutView,
            headers(("x-consistency-token"))),
        (status = 404, description = "There is no such list", body = Problem),
        (status = 422, description = "Which are not allowed; none was written", body = Problem),
    )
)]
async fn put_prices(
    editor: Editor,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
    body: Body<PutPrices>,
) -> Answer {
    let put = catalog.put_prices(list_id(&id)?, body.value.prices, &editor.actor()).await?;
    let view = PutView { written: put.written, unchanged: put.unchanged };
    told(&catalog, ok(&view)?).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Tier {
    /// From how many units on it is the price; 1 unless said otherwise.
    #[param(minimum = 1)]
    min_quantity: Option<i64>,
}

/// Takes a price out of a list.
#[utoipa::path(
    delete, path = "/v1/admin/price-lists/{id}/prices/{product}", tag = "prices",
    params(
        ("id" = Uuid, Path, description = "The id of the list"),
        ("product" = Uuid, Path, description = "The id of the product"),
        Tier,
    ),
    responses(
        (status = 204, description = "It is gone",
            headers(("x-consistency-token"))),
        (status = 404, description = "The list has no such price", body = Problem),
    )
)]
async fn delete_price(
    editor: Editor,
    catalog: web::Data<Catalog>,
    path: web::Path<(String, String)>,
    tier: Params<Tier>,
) -> Answer {
    let (list, product) = path.into_inner();
    let (list, product) = (list_id(&list)?, product_id(&product)?);
    let quantity = tier.0.min_quantity.unwrap_or(1);
    catalog.delete_price(list, product, quantity, &editor.actor()).await?;
    told(&catalog, no_content()?).await
}

/// How prices are made from base prices.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"percent": "-20", "category": "Home > Lighting"}))]
struct Derive {
    /// By how many percent they differ from the base price, `-100` to `1000`.
    #[schema(value_type = String)]
    #[serde(with = "rust_decimal::serde::str")]
    percent: Decimal,
    /// Only products of this category, by its path, and below it.
    #[serde(default)]
    category: Option<String>,
    /// `next_after` of the answer before.
    #[serde(default)]
    after: Option<ProductId>,
}

/// What became of derived prices.
#[derive(Debug, Serialize, ToSchema)]
struct DeriveView {
    /// How many are new or others now.
    written: usize,
    /// How many were so already.
    unchanged: usize,
    /// What to send as `after` for the next products; null when these were the last.
    next_after: Option<ProductId>,
}

/// Gives products a price in a list that is made from their base price, rounded as the market
/// says: at most 500 of them at a time, by id. It is asked again with `after` until `next_after`
/// is null.
#[utoipa::path(
    post, path = "/v1/admin/price-lists/{id}/derive", tag = "prices", request_body = Derive,
    params(("id" = Uuid, Path, description = "The id of the list")),
    responses(
        (status = 200, description = "What became of these products", body = DeriveView,
            headers(("x-consistency-token"))),
        (status = 404, description = "There is no such list", body = Problem),
        (status = 422, description = "A field is not allowed; nothing was written", body = Problem),
    )
)]
async fn derive(
    editor: Editor,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
    body: Body<Derive>,
) -> Answer {
    let Derive { percent, category, after } = body.value;
    let how = Derivation { percent, category, after };
    let (put, next_after) = catalog.derive_prices(list_id(&id)?, how, &editor.actor()).await?;
    let view = DeriveView { written: put.written, unchanged: put.unchanged, next_after };
    told(&catalog, ok(&view)?).await
}
