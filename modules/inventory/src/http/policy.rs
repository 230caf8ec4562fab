use actix_web::web;
use kernel::{Problem, Timestamp};
use platform::http::{Answer, Body, Editor, ok};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::stock::product;
use crate::Inventory;
use crate::domain::{Level, Policy, StockPolicy};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/v1/admin/stock/{product_id}/policy", web::put().to(set));
}

#[derive(OpenApi)]
#[openapi(paths(set), components(schemas(PolicyBody, Policy)))]
struct Docs;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Docs::openapi()
}

/// What may be promised beyond what lies there.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"policy": "backorder", "backorder_max": 20}))]
struct PolicyBody {
    /// Whether units are promised that do not lie there yet.
    policy: Policy,
    /// How many units may be owed: 1 to 10,000. With `deny` none are promised anew, and up to these
    /// may be owed from before; 0 unless given.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 10_000)]
    backorder_max: i64,
    /// The day of preorders, which are taken until then: nothing leaves before. Within the next ten
    /// years; left out with the other policies.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    available_from: Option<Timestamp>,
    /// Where; the location of the settings unless given.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 64)]
    location: Option<String>,
}

/// Lets orders be promised units that do not lie there yet, up to a cap. What comes in is for the orders
/// that wait the longest.
#[utoipa::path(put, path = "/v1/admin/stock/{product_id}/policy", tag = "admin",
    params(("product_id" = Uuid, Path, description = "The product")),
    request_body = PolicyBody,
    responses(
        (status = 200, description = "The stock with its policy", body = Level),
        (status = 404, description = "`not_found`", body = Problem),
        (status = 409, description = "`conflict`: more units are owed than the cap would allow; \
            `backordered` tells how many", body = Problem),
        (status = 422, description = "`invalid_value`", body = Problem)))]
async fn set(
    editor: Editor,
    inventory: web::Data<Inventory>,
    id: web::Path<String>,
    body: Body<PolicyBody>,
) -> Answer {
    let PolicyBody { policy, backorder_max, available_from, location } = body.value;
    let now = inventory.db.clock().now();
    let policy = StockPolicy::new(policy, backorder_max, available_from, location, now)?;
    ok(&inventory.set_policy(product(&id)?, &policy, &editor.actor()).await?)
}
