use actix_web::web;
use kernel::Problem;
use kernel::id::ProductId;
use platform::http::{Answer, Body, Editor, RequiredKey, stored};
use platform::idempotency::Key;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::Inventory;
use crate::domain::{Level, Stocktake, Transfer};

const COUNT: &str = "POST /v1/admin/stock/counts";
const TRANSFER: &str = "POST /v1/admin/stock/transfers";

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/admin/stock/counts", web::post().to(count))
        .route("/v1/admin/stock/transfers", web::post().to(transfer));
}

#[derive(OpenApi)]
#[openapi(
    paths(count, transfer),
    components(schemas(CountBody, CountedLine, TransferBody, TransferLine, Levels))
)]
struct Docs;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Docs::openapi()
}

/// What was counted of one product.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CountedLine {
    product_id: ProductId,
    /// How many units lie there: 0 to 1,000,000,000.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    counted: i64,
}

/// What was counted at a location.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "location": "main",
    "lines": [{"product_id": "0198f2a4-6f0e-7c3a-9d61-0a4f3c1b2d11", "counted": 47}]
}))]
struct CountBody {
    /// Where.
    #[schema(min_length = 1, max_length = 64)]
    location: String,
    /// 1 to 1,000 lines, each product once. Others are left alone.
    #[schema(min_items = 1, max_items = 1_000)]
    lines: Vec<CountedLine>,
    /// Why; `stocktake` when it is left out.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

/// Units of one product.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TransferLine {
    product_id: ProductId,
    /// How many units: 1 to 1,000,000,000.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    quantity: i64,
}

/// Units that go from one location to another.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "from": "main", "to": "south",
    "lines": [{"product_id": "0198f2a4-6f0e-7c3a-9d61-0a4f3c1b2d11", "quantity": 12}]
}))]
struct TransferBody {
    /// From where.
    #[schema(min_length = 1, max_length = 64)]
    from: String,
    /// Where to.
    #[schema(min_length = 1, max_length = 64)]
    to: String,
    /// 1 to 1,000 lines, each product once.
    #[schema(min_items = 1, max_items = 1_000)]
    lines: Vec<TransferLine>,
    /// Why; `transfer` when it is left out.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

/// What lies there now.
#[derive(Debug, Serialize, ToSchema)]
struct Levels {
    levels: Vec<Level>,
}

/// Makes what lies at a location what was counted there, all lines or none. The same Idempotency-Key
/// changes the stock once.
#[utoipa::path(post, path = "/v1/admin/stock/counts", tag = "admin",
    params(("Idempotency-Key" = String, Header, description = "New for each stocktake")),
    request_body = CountBody,
    responses(
        (status = 200, description = "What lies there now", body = Levels),
        (status = 404, description = "`not_found`: a product was never added", body = Problem),
        (status = 409, description = "`conflict`: `lines` names the products of which fewer were \
            counted than are promised. Or the location is not in use", body = Problem),
        (status = 422, description = "`invalid_value` or `idempotency_key_reused`",
            body = Problem)))]
async fn count(
    editor: Editor,
    inventory: web::Data<Inventory>,
    key: RequiredKey,
    body: Body<CountBody>,
) -> Answer {
    let CountBody { location, lines, reason } = body.value;
    let lines: Vec<_> = lines.iter().map(|line| (line.product_id, line.counted)).collect();
    let take = Stocktake::new(location, &lines, reason)?;
    let key = Key::new(editor.id, COUNT, &key.0, &body.raw);
    let counted = inventory.count(&key, &take, &editor.actor()).await?;
    Ok(stored(counted.answer, counted.replayed))
}

/// Brings units from one location to another, all lines or none. The same Idempotency-Key moves them
/// once.
#[utoipa::path(post, path = "/v1/admin/stock/transfers", tag = "admin",
    params(("Idempotency-Key" = String, Header, description = "New for each transfer")),
    request_body = TransferBody,
    responses(
        (status = 200, description = "What lies at both locations now", body = Levels),
        (status = 404, description = "`not_found`: a product was never added", body = Problem),
        (status = 409, description = "`conflict`: `lines` names the products of which fewer can \
            go, or of which there would be too many. Or the location is not in use",
            body = Problem),
        (status = 422, description = "`invalid_value` or `idempotency_key_reused`",
            body = Problem)))]
async fn transfer(
    editor: Editor,
    inventory: web::Data<Inventory>,
    key: RequiredKey,
    body: Body<TransferBody>,
) -> Answer {
    let TransferBody { from, to, lines, reason } = body.value;
    let lines: Vec<_> = lines.iter().map(|line| (line.product_id, line.quantity)).collect();
    let wanted = Transfer::new(from, to, &lines, reason)?;
    let key = Key::new(editor.id, TRANSFER, &key.0, &body.raw);
    let moved = inventory.transfer(&key, &wanted, &editor.actor()).await?;
    Ok(stored(moved.answer, moved.replayed))
}
