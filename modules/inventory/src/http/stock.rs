use actix_web::web;
use kernel::id::{CustomerId, OrderId, ProductId, StockId};
use kernel::{Page, PageQuery, Problem, Timestamp};
use platform::http::{Answer, Body, Editor, Failure, Params, RequiredKey, Staff, ok, stored};
use platform::idempotency::Key;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

use crate::Inventory;
use crate::domain::{Adjustment, Level, Limits};
use crate::store::{self, MovementRow};

const ADJUST: &str = "POST /v1/admin/stock/{product_id}/adjust";

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/admin/stock", web::get().to(list))
        .route("/v1/admin/stock/{product_id}", web::get().to(show))
        .route("/v1/admin/stock/{product_id}/adjust", web::post().to(adjust))
        .route("/v1/admin/stock/{product_id}/limits", web::put().to(limit))
        .route("/v1/admin/stock/{product_id}/movements", web::get().to(movements));
}

#[derive(OpenApi)]
#[openapi(
    paths(list, show, adjust, limit, movements),
    components(schemas(StockView, Level, AdjustBody, LimitsBody, MovementView))
)]
struct Docs;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Docs::openapi()
}

/// What lies of one product.
#[derive(Debug, Serialize, ToSchema)]
struct StockView {
    /// The product.
    product_id: ProductId,
    /// Where it lies, by name.
    locations: Vec<Level>,
}

/// A change of what lies at a location.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"delta": 24, "reason": "delivery 4711"}))]
struct AdjustBody {
    /// By how many units: -1,000,000,000 to 1,000,000,000, and not 0.
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000)]
    delta: i64,
    /// Why: 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
    /// Where; the location of the settings unless given. A new one is opened by it, which serves no
    /// orders yet.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 64)]
    location: Option<String>,
}

/// What is kept back, and when few units are left.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"safety": 5, "low_at": 10}))]
struct LimitsBody {
    /// How many units are not promised to anybody new: 0 to 1,000,000,000.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    safety: i64,
    /// A warning is told when no more than this can be promised; none without it.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    low_at: Option<i64>,
    /// Where; the location of the settings unless given.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 64)]
    location: Option<String>,
}

/// Which stock is listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Only stock of which few units are left.
    #[serde(default)]
    low: bool,
    /// How many, 1 to 100; 24 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^([0-9a-fA-F]{2})+$")]
    cursor: Option<String>,
}

/// One change of stock.
#[derive(Debug, Serialize, ToSchema)]
struct MovementView {
    /// The stock that changed.
    stock_id: StockId,
    /// Where.
    location: String,
    /// Which change of this stock it was: 1, 2, 3, ...
    version: i64,
    /// `opened`, `adjusted`, `limited`, `counted`, `transferred`, `reserved`, `released`, `expired`, `shipped`,
    /// `returned` or `covered`.
    kind: String,
    /// How many units came, or went when negative.
    delta_on_hand: i64,
    /// How many more units were promised, or fewer when negative.
    delta_reserved: i64,
    /// The order it was for.
    order_id: Option<OrderId>,
    /// Why.
    reason: String,
    /// Who did it; null for the house itself.
    actor: Option<CustomerId>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<MovementRow> for MovementView {
    fn from(row: MovementRow) -> Self {
        Self {
            stock_id: row.stock_id.into(),
            location: row.location,
            version: row.version,
            kind: row.kind,
            delta_on_hand: row.delta_on_hand,
            delta_reserved: row.delta_reserved,
            order_id: row.order_id.map(OrderId::from),
            reason: row.reason,
            actor: row.actor.map(CustomerId::from),
            at: row.at,
        }
    }
}

pub(super) fn product(id: &str) -> Result<ProductId, Problem> {
    id.parse().map_err(|_| Problem::not_found("product with this id"))
}

/// What lies where, of all products, in the order it was opened.
#[utoipa::path(get, path = "/v1/admin/stock", tag = "admin", params(ListQuery),
    responses((status = 200, description = "A page of stock", body = Page<Level>)))]
async fn list(_: Staff, inventory: web::Data<Inventory>, query: Params<ListQuery>) -> Answer {
    let ListQuery { low, limit, cursor } = query.0;
    let page = PageQuery { limit, cursor };
    let limit = page.limit()?;
    let after = page.position()?;
    let found = store::list(&inventory.db, low, after, i64::from(limit) + 1).await?;
    ok(&Page::cut(found, limit, |level: &Level| level.stock_id))
}

/// What lies of a product, at each location.
#[utoipa::path(get, path = "/v1/admin/stock/{product_id}", tag = "admin",
    params(("product_id" = Uuid, Path, description = "The product")),
    responses(
        (status = 200, description = "The stock at each location", body = StockView),
        (status = 404, description = "`not_found`", body = Problem)))]
async fn show(_: Staff, inventory: web::Data<Inventory>, id: web::Path<String>) -> Answer {
    let product_id = product(&id)?;
    let levels = store::locations(&inventory.db, product_id).await?;
    if levels.is_empty() {
        return Err(unknown(product_id));
    }
    ok(&StockView { product_id, locations: levels })
}

/// Counts, receives or writes off units. The same Idempotency-Key changes the stock once.
#[utoipa::path(post, path = "/v1/admin/stock/{product_id}/adjust", tag = "admin",
    params(
        ("product_id" = Uuid, Path, description = "The product"),
        ("Idempotency-Key" = String, Header, description = "New for each adjustment")),
    request_body = AdjustBody,
    responses(
        (status = 200, description = "The stock after the change", body = Level),
        (status = 404, description = "`not_found`", body = Problem),
        (status = 409, description = "`conflict`: less than what is promised would be left; \
            `min_delta` and `max_delta` tell what is allowed. Or the location is not in use", body = Problem),
        (status = 422, description = "`invalid_value` or `idempotency_key_reused`",
            body = Problem)))]
async fn adjust(
    editor: Editor,
    inventory: web::Data<Inventory>,
    id: web::Path<String>,
    key: RequiredKey,
    body: Body<AdjustBody>,
) -> Answer {
    let product = product(&id)?;
    let AdjustBody { delta, reason, location } = body.value;
    let adjustment = Adjustment::new(delta, &reason, location)?;
    // The product is a part of what was asked, and not of the body.
    let request = [product.to_string().as_bytes(), &body.raw].concat();
    let key = Key::new(editor.id, ADJUST, &key.0, &request);
    let adjusted = inventory.adjust(&key, product, &adjustment, &editor.actor()).await?;
    Ok(stored(adjusted.answer, adjusted.replayed))
}

/// Keeps units back from sale, and says when few are left. What is promised stays so.
#[utoipa::path(put, path = "/v1/admin/stock/{product_id}/limits", tag = "admin",
    params(("product_id" = Uuid, Path, description = "The product")),
    request_body = LimitsBody,
    responses(
        (status = 200, description = "The stock with its limits", body = Level),
        (status = 404, description = "`not_found`", body = Problem),
        (status = 422, description = "`invalid_value`", body = Problem)))]
async fn limit(
    editor: Editor,
    inventory: web::Data<Inventory>,
    id: web::Path<String>,
    body: Body<LimitsBody>,
) -> Answer {
    let LimitsBody { safety, low_at, location } = body.value;
    let limits = Limits::new(safety, low_at, location)?;
    ok(&inventory.limit(product(&id)?, &limits, &editor.actor()).await?)
}

/// Every change of a product's stock, newest first.
#[utoipa::path(get, path = "/v1/admin/stock/{product_id}/movements", tag = "admin",
    params(("product_id" = Uuid, Path, description = "The product"), PageQuery),
    responses((status = 200, description = "A page of changes", body = Page<MovementView>)))]
async fn movements(
    _: Staff,
    inventory: web::Data<Inventory>,
    id: web::Path<String>,
    Params(page): Params<PageQuery>,
) -> Answer {
    let product = product(&id)?;
    let limit = page.limit()?;
    let from = page.position()?.unwrap_or_else(store::newest);
    let rows = store::movements(&inventory.db, product, from, i64::from(limit) + 1).await?;
    let page = Page::cut(rows, limit, |row| (row.at, row.stock_id, row.version));
    ok(&page.map(MovementView::from))
}

fn unknown(product: ProductId) -> Failure {
    Problem::not_found(format_args!("stock of product {product}")).into()
}
