use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use kernel::page::{Page, PageQuery};
use kernel::{Currency, Money, Problem};
use platform::cache::{Loaded, Tag};
use platform::http::{Answer, CachedBody, Failure, Params};
use rust_decimal::Decimal;
use serde::Deserialize;
use utoipa::IntoParams;

use super::told::After;
use super::view::{ProductView, RelatedView, Suggestion};
use crate::domain::{CATEGORY_MAX, QUERY_MAX, is_locale};
use crate::pages::PRODUCT_TTL;
use crate::{Catalog, ListQuery, Sort};

/// Shared caches keep catalogue pages this long, in seconds, and serve them while they ask anew.
pub(super) const CACHED: &str = "public, max-age=60, stale-while-revalidate=3600";

/// Which products are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Words to search for, at most 200 characters.
    q: Option<String>,
    /// Only products of this category.
    category: Option<String>,
    /// Only products that cost at least this, in the shop's currency, e.g. `19.99`.
    min_price: Option<String>,
    /// Only products that cost at most this, in the shop's currency.
    max_price: Option<String>,
    /// Only products that can be had.
    in_stock: Option<bool>,
    /// `relevance` with `q`, otherwise `newest`, unless said.
    sort: Option<Sort>,
    /// How many items, 1 to 100; 24 by default.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl ListParams {
    fn query(self, currency: Currency) -> Result<ListQuery, Problem> {
        let page = PageQuery { limit: self.limit, cursor: self.cursor };
        let text = self.q.as_deref().map(|q| bounded("q", q, QUERY_MAX)).transpose()?;
        let text = text.filter(|text| !text.trim().is_empty());
        let category = self.category.as_deref();
        let category = category.map(|name| bounded("category", name, CATEGORY_MAX)).transpose()?;
        let sort = self.sort.unwrap_or(Sort::Relevance);
        let price = |field, amount: Option<String>| {
            amount.map(|amount| price(field, &amount, currency)).transpose()
        };
        let (least, most) =
            (price("min_price", self.min_price)?, price("max_price", self.max_price)?);
        let in_stock = self.in_stock.unwrap_or(false);
        let (limit, after) = (page.limit()?, page.position()?);
        Ok(ListQuery { text, category, least, most, in_stock, sort, limit, after })
    }
}

fn bounded(field: &str, text: &str, most: usize) -> Result<String, Problem> {
    if text.chars().count() > most || text.contains('\0') {
        return Err(Problem::invalid(field, format!("must be at most {most} characters")));
    }
    Ok(text.to_owned())
}

fn price(field: &str, amount: &str, currency: Currency) -> Result<Money, Problem> {
    Decimal::from_str_exact(amount)
        .ok()
        .and_then(|amount| Money::new(amount, currency).ok())
        .filter(|price| price.minor() >= 0)
        .ok_or_else(|| {
            let digits = currency.digits();
            let message = format!("must be an amount in {currency} with at most {digits} decimals");
            Problem::invalid(field, message)
        })
}

/// Lists and finds the products of the shop.
#[utoipa::path(
    get, path = "/v1/products", tag = "catalog", params(ListParams),
    responses(
        (status = 200, description = "A page of products", body = Page<ProductView>),
        (status = 422, description = "A parameter is not allowed", body = Problem),
    )
)]
pub(crate) async fn list(catalog: web::Data<Catalog>, params: Params<ListParams>) -> Answer {
    let query = params.0.query(catalog.settings.currency)?;
    let page = catalog.list(query).await?;
    let page = page.map(|product| ProductView::at_public_price(product).in_language(None));
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, CACHED)).json(page))
}

/// A text that is being written.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SuggestParams {
    /// The beginning of a name, or of a word in it; at most 200 characters.
    q: String,
}

/// Names that a text may become.
#[utoipa::path(
    get, path = "/v1/products/suggest", tag = "catalog", params(SuggestParams),
    responses((status = 200, description = "At most 10 products", body = Page<Suggestion>))
)]
pub(crate) async fn suggest(catalog: web::Data<Catalog>, params: Params<SuggestParams>) -> Answer {
    let text = bounded("q", &params.0.q, QUERY_MAX)?;
    let found = catalog.suggest(text).await?;
    let items = found.into_iter().map(|(id, sku, name)| Suggestion { id, sku, name }).collect();
    let page = Page { items, next_cursor: None };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, CACHED)).json(page))
}

/// How a product is shown.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShowParams {
    /// The language of its texts, e.g. `de` or `pt-BR`; the shop's own where it has none in it.
    locale: Option<String>,
}

/// One product, by id or SKU; a parent comes with its variants.
#[utoipa::path(
    get, path = "/v1/products/{key}", tag = "catalog",
    params(
        ("key" = String, Path, description = "The id or the SKU"),
        ("x-consistency-token" = Option<i64>, Header,
            description = "As a write answered it: the page shows what was written"),
        ShowParams,
    ),
    responses(
        (status = 200, description = "The product", body = ProductView),
        (status = 304, description = "It is what If-None-Match says"),
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
    let page = catalog.pages.product(&cached, || product_page(&catalog, &key, locale)).await?;
    Ok(page.answer(&request))
}

async fn product_page(
    catalog: &Catalog,
    key: &str,
    locale: Option<&str>,
) -> Result<Loaded<CachedBody>, Failure> {
    let (product, variants) = catalog.shown(key).await?;
    let ids = variants.iter().chain([&product]).map(|one| one.id).chain(product.parent_id);
    let tags = ids.map(|id| Tag::of(&id.uuid())).collect();
    let view = |product| ProductView::at_public_price(product).in_language(locale);
    let view = ProductView { variants: variants.into_iter().map(view).collect(), ..view(product) };
    let json = serde_json::to_vec(&view).map_err(Failure::internal)?;
    Ok(Loaded { value: CachedBody::new(json, CACHED), tags, ttl: PRODUCT_TTL })
}

/// The product at a present or former address of the shop.
#[utoipa::path(
    get, path = "/v1/products/slug/{slug}", tag = "catalog",
    params(("slug" = String, Path, description = "The slug")),
    responses(
        (status = 307, description = "The product is at Location"),
        (status = 301, description = "The slug has changed: the present one is at Location"),
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
    Ok(response.insert_header((LOCATION, location)).insert_header((CACHE_CONTROL, CACHED)).finish())
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
    let view = |(kind, product)| RelatedView {
        kind,
        product: ProductView::at_public_price(product).in_language(None),
    };
    let page = Page { items: items.into_iter().map(view).collect(), next_cursor: None };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, CACHED)).json(page))
}
