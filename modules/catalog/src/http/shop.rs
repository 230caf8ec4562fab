use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use kernel::Problem;
use kernel::id::ProductId;
use kernel::page::Page;
use platform::http::{Answer, Failure, PUBLIC, Params};
use serde::Deserialize;
use utoipa::IntoParams;

use super::told::After;
use super::view::{CardView, ProductView, RelatedView};
use crate::Catalog;
use crate::domain::{Product, is_locale};
use crate::pages::PRODUCT_TTL;
use crate::shared::ProductPage;
use crate::usecase::shown::Shown;

/// How a product is shown.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShowParams {
    /// The language of its texts, e.g. `de` or `pt-BR`; the shop's own where it has none in it.
    #[param(pattern = "^[a-z]{2,3}(-[A-Z]{2})?$")]
    locale: Option<String>,
}

/// One product, by id or SKU; a parent comes with its variants.
#[utoipa::path(
    get, path = "/v1/products/{key}", tag = "catalog",
    params(
        ("key" = String, Path, description = "The id or the SKU"),
        ("x-consistency-token" = Option<i64>, Header,
            description = "As a write answered it: the page shows what was written"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of what is known already"),
        ShowParams,
    ),
    responses(
        (status = 200, description = "The product", body = ProductView,
            headers(("ETag"))),
        (status = 304, description = "It is what If-None-Match says", headers(("ETag"))),
        (status = 404, description = "There is no such product in the shop", body = Problem),
    )
)]
pub(crate) async fn show(
    request: HttpRequest,
    catalog: web::Data<Catalog>,
    key: web::Path<String>,
    params: Params<ShowParams>,
    after: After,
) -> Answer {
    let locale = params.0.locale.as_deref();
    if locale.is_some_and(|locale| !is_locale(locale)) {
        let message = "must be a language tag such as de or pt-BR";
        return Err(Problem::invalid("locale", message).into());
    }
    after.wait(&catalog).await;
    let cached = [key.as_str(), locale.unwrap_or_default()].join("\n");
    let page =
        catalog.pages.product(&cached, || product_page(&catalog, &key, locale, after)).await?;
    Ok(page.answer(&request))
}

async fn product_page(
    catalog: &Catalog,
    key: &str,
    locale: Option<&str>,
    after: After,
) -> Result<ProductPage, Failure> {
    let Shown { product, variants, mut parts } = catalog.shown_page(key, after.position()).await?;
    let ids = variants.iter().chain([&product]).map(|one| one.id).chain(product.parent_id);
    // What is left of a bundle, and whether it is sold, is up to its parts.
    let ids = ids.chain(parts.values().flatten().map(|part| part.product_id));
    let made_of = ids.map(ProductId::uuid).collect();
    let mut view = |product: Product| {
        let parts = parts.remove(&product.id.uuid()).unwrap_or_default();
        ProductView { parts, ..ProductView::at_public_price(product).in_language(locale) }
    };
    let view =
        ProductView { variants: variants.into_iter().map(&mut view).collect(), ..view(product) };
    let json = serde_json::to_vec(&view).map_err(Failure::internal)?;
    Ok(ProductPage { json, made_of, ttl: PRODUCT_TTL })
}

/// The product at a present or former address of the shop.
#[utoipa::path(
    get, path = "/v1/products/slug/{slug}", tag = "catalog",
    params(("slug" = String, Path, description = "The slug")),
    responses(
        (status = 307, description = "The product is at Location", headers(("Location"))),
        (status = 301, description = "The slug has changed: the present one is at Location",
            headers(("Location"))),
        (status = 404, description = "No product of the shop has or had it", body = Problem),
    )
)]
pub(crate) async fn by_slug(catalog: web::Data<Catalog>, slug: web::Path<String>) -> Answer {
    let (id, present) = catalog.leads_to(&slug).await?;
    let moved = present.filter(|present| *present != *slug);
    let (mut response, location) = match moved {
        Some(present) => (HttpResponse::MovedPermanently(), format!("/v1/products/slug/{present}")),
        None => (HttpResponse::TemporaryRedirect(), format!("/v1/products/{id}")),
    };
    Ok(response.insert_header((LOCATION, location)).insert_header((CACHE_CONTROL, PUBLIC)).finish())
}

/// The products that belong to one: what goes with it, what may be bought instead, the better one.
#[utoipa::path(
    get, path = "/v1/products/{key}/related", tag = "catalog",
    params(("key" = String, Path, description = "The id or the SKU")),
    responses(
        (status = 200, description = "Those that are in the shop", body = Page<RelatedView>),
        (status = 404, description = "There is no such product in the shop", body = Problem),
    )
)]
pub(crate) async fn related(catalog: web::Data<Catalog>, key: web::Path<String>) -> Answer {
    let items = catalog.related(&key).await?;
    let view = |(kind, card)| RelatedView { kind, product: CardView::of(card, None) };
    let page = Page { items: items.into_iter().map(view).collect(), next_cursor: None };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, PUBLIC)).json(page))
}
