use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use kernel::id::ProductId;
use kernel::page::{Page, PageQuery};
use kernel::problem::{Problem, code};
use kernel::{Money, Timestamp};
use platform::http::{Answer, Params, Staff, ok};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::admin::product_id;
use crate::domain::Applied;
use crate::{Candidate, Catalog, Price, PriceQuery, Verdict};

#[derive(OpenApi)]
#[openapi(paths(show, history), components(schemas(PriceView, LookedAt, AppliedView, Verdict)))]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/products/{key}/price", web::get().to(show))
        .route("/v1/admin/products/{id}/price-history", web::get().to(history));
}

/// Whose price is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PriceParams {
    /// The code of the market; the default one unless said otherwise.
    market: Option<String>,
    /// An ISO 3166-1 alpha-2 code instead: the market that the country is in.
    #[param(pattern = "^[A-Z]{2}$")]
    country: Option<String>,
    /// A customer group; only the staff may ask for it.
    group: Option<String>,
    /// How many units; 1 unless said otherwise.
    #[param(minimum = 1, maximum = 1_000_000_000)]
    quantity: Option<i64>,
    /// Whether to tell which prices were looked at, and why one of them was chosen.
    explain: Option<bool>,
}

/// What a product costs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "product_id": "01932c07-0000-7000-8000-000000000001", "sku": "LAMP-1", "market": "de",
    "quantity": 1, "sellable": true, "price": {"amount": "39.99", "currency": "EUR"},
    "list_price": {"amount": "49.90", "currency": "EUR"}, "list": "winter-sale",
    "tax_included": true, "lowest_30d": {"amount": "44.90", "currency": "EUR"},
    "valid_until": "2027-01-15T23:00:00Z"
}))]
struct PriceView {
    product_id: ProductId,
    sku: String,
    /// The code of the market.
    market: String,
    /// How many units the price is for.
    quantity: i64,
    /// False when nothing has a price in the market's currency.
    sellable: bool,
    /// The price of one unit; null when it is not sold there.
    price: Option<Money>,
    /// The product's own price, when the price is a reduction of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    list_price: Option<Money>,
    /// The code of the price list it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<String>,
    /// Whether the price holds the tax.
    tax_included: bool,
    /// The lowest price that everybody could have in the 30 days before the reduction began
    /// (Directive 98/6/EC, Article 6a).
    #[serde(skip_serializing_if = "Option::is_none")]
    lowest_30d: Option<Money>,
    /// When the price list ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_until: Option<Timestamp>,
    /// Every price that was looked at; those of customer groups are told to the staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Vec<LookedAt>>,
}

/// A price that was looked at.
#[derive(Debug, Serialize, ToSchema)]
struct LookedAt {
    /// The code of the price list; null is the product's own price.
    list: Option<String>,
    /// From how many units on.
    min_quantity: i64,
    /// The price of one unit.
    price: Money,
    /// What became of it.
    verdict: Verdict,
}

impl LookedAt {
    fn list((candidate, verdict): (Candidate, Verdict)) -> Self {
        Self {
            list: Some(candidate.list),
            min_quantity: candidate.min_quantity,
            price: Money::from_minor(candidate.amount, candidate.currency),
            verdict,
        }
    }
}

impl PriceView {
    fn new(price: Price, quantity: i64, explain: bool, is_staff: bool) -> Self {
        let list_price = price.list_price();
        let explanation = explain.then(|| {
            let told = price.looked_at.into_iter();
            let told = told.filter(|(candidate, _)| is_staff || candidate.group.is_none());
            let (base, verdict) = (price.base, price.base_verdict);
            let base = LookedAt { list: None, min_quantity: 1, price: base, verdict };
            told.map(LookedAt::list).chain([base]).collect()
        });
        Self {
            product_id: price.product_id,
            sku: price.sku,
            market: price.market,
            quantity,
            sellable: price.price.is_some(),
            price: price.price,
            list_price,
            list: price.list,
            tax_included: price.tax_included,
            lowest_30d: price.lowest_30d,
            valid_until: price.valid_until,
            explanation,
        }
    }
}

/// What a product costs somewhere, for somebody, in a quantity, and why.
#[utoipa::path(
    get, path = "/v1/products/{key}/price", tag = "prices",
    params(("key" = String, Path, description = "The id or the SKU"), PriceParams),
    responses(
        (status = 200, description = "The price", body = PriceView),
        (status = 403, description = "Only the staff may ask for a group", body = Problem),
        (status = 404, description = "There is no such product in the shop", body = Problem),
        (status = 422, description = "A parameter is not allowed", body = Problem),
    )
)]
async fn show(
    staff: Option<Staff>,
    catalog: web::Data<Catalog>,
    key: web::Path<String>,
    params: Params<PriceParams>,
) -> Answer {
    let PriceParams { market, country, group, quantity, explain } = params.0;
    if group.is_some() && staff.is_none() {
        let message = "only the staff of the shop may ask for the prices of a group";
        return Err(Problem::new(code::FORBIDDEN, format!("group: {message}."))
            .field("group", message)
            .into());
    }
    let (quantity, explain) = (quantity.unwrap_or(1), explain.unwrap_or(false));
    let key = key.into_inner();
    let query = PriceQuery { key, market, country, group, quantity, explain };
    let price = catalog.price(query).await?;
    let view = PriceView::new(price, quantity, explain, staff.is_some());
    // A price may end at any moment, and the staff sees more than shoppers.
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "private, no-cache")).json(view))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HistoryParams {
    /// The code of the market; the default one unless said otherwise.
    market: Option<String>,
    /// How many items, 1 to 100; 24 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^([0-9a-fA-F]{2})+$")]
    cursor: Option<String>,
}

/// A price that every shopper of a market had for a while.
#[derive(Debug, Serialize, ToSchema)]
struct AppliedView {
    /// The price of one unit.
    price: Money,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// When it ended; null while it applies.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// The lowest price of the 30 days before it began.
    lowest_before: Option<Money>,
}

impl From<Applied> for AppliedView {
    fn from(one: Applied) -> Self {
        let currency = one.price.currency();
        Self {
            price: one.price,
            from: one.from,
            until: one.until,
            lowest_before: one.lowest_before.map(|lowest| Money::from_minor(lowest, currency)),
        }
    }
}

/// What every shopper of a market paid for one unit of a product, and when.
#[utoipa::path(
    get, path = "/v1/admin/products/{id}/price-history", tag = "prices",
    params(("id" = Uuid, Path, description = "The id"), HistoryParams),
    responses((status = 200, description = "The newest first", body = Page<AppliedView>))
)]
async fn history(
    _: Staff,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
    params: Params<HistoryParams>,
) -> Answer {
    let HistoryParams { market, limit, cursor } = params.0;
    let page = PageQuery { limit, cursor };
    let (limit, before) = (page.limit()?, page.position::<Timestamp>()?);
    let id = product_id(&id)?;
    let applied = catalog.price_history(id, market.as_deref(), before, limit + 1).await?;
    ok(&Page::cut(applied, limit, |one| one.from).map(AppliedView::from))
}
