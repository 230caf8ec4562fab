//! Parcels of orders, for the staff.

use actix_web::web::{Data, Path};
use kernel::Problem;
use kernel::id::ShipmentId;
use platform::http::{Answer, Body, Editor, OptionalKey};
use serde::Deserialize;
use utoipa::ToSchema;

use super::admin::{advance, advance_order, short};
use crate::Orders;
use crate::domain::order::OrderView;
use crate::domain::shipment::ShipmentLine;
use crate::error::OrderError;
use crate::store::shipment;
use crate::usecase::advance::Advance;
use crate::usecase::ship::{End, Parcel};

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"carrier": "DHL", "tracking": "00340434161094042557"}))]
pub(super) struct NewShipment {
    /// What is in it; everything that has not left when it is left out.
    #[serde(default)]
    #[schema(min_items = 1)]
    lines: Option<Vec<ShipmentLine>>,
    /// Who carries it.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200)]
    carrier: Option<String>,
    /// The carrier's number of it.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200)]
    tracking: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Lost {
    /// Why it counts as lost.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

/// Says that a parcel of a confirmed order has left: of two who pack the same unit, one is refused.
///
/// The order is SHIPPED when its last unit has left.
#[utoipa::path(post, path = "/v1/admin/orders/{id}/shipments", tag = "admin",
    params(
        ("id" = Uuid, Path, description = "The order"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe"),
    ), request_body = NewShipment,
    responses(
        (status = 200, description = "The order as it is now", body = OrderView),
        (status = 409, description = "`order_state`: `order_status` and `allowed` moves, or `line_id` and how many are `left`; or `out_of_stock`: `lines` tell how many are `available` now, as the rest does not lie there yet or waits for its day (`available_from`); or `conflict`, `idempotency_in_progress`", body = Problem),
    ))]
pub(super) async fn ship(
    orders: Data<Orders>,
    editor: Editor,
    id: Path<String>,
    key: OptionalKey,
    body: Body<NewShipment>,
) -> Answer {
    let NewShipment { lines, carrier, tracking } = body.value;
    short("carrier", carrier.as_deref())?;
    short("tracking", tracking.as_deref())?;
    let parcel = Advance::Ship(Parcel { lines, carrier, tracking });
    advance(&orders, &editor, &id, key, "shipments", &body.raw, parcel).await
}

/// Says that a parcel has arrived. The order is DELIVERED when none of its parcels is on its way.
#[utoipa::path(post, path = "/v1/admin/shipments/{id}/deliver", tag = "admin",
    params(
        ("id" = Uuid, Path, description = "The parcel"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe"),
    ),
    responses(
        (status = 200, description = "The order as it is now", body = OrderView),
        (status = 409, description = "`order_state`: `shipment_state` tells where the parcel stands; or `conflict`, `idempotency_in_progress`", body = Problem),
    ))]
pub(super) async fn deliver(
    orders: Data<Orders>,
    editor: Editor,
    id: Path<String>,
    key: OptionalKey,
) -> Answer {
    end(&orders, &editor, &id, ("deliver", key, b""), End::Delivered).await
}

/// Says that a parcel will not arrive. The order is DELIVERED when none of its parcels is on its way.
#[utoipa::path(post, path = "/v1/admin/shipments/{id}/lost", tag = "admin",
    params(
        ("id" = Uuid, Path, description = "The parcel"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe"),
    ), request_body = Lost,
    responses(
        (status = 200, description = "The order as it is now", body = OrderView),
        (status = 409, description = "`order_state`: `shipment_state` tells where the parcel stands; or `conflict`, `idempotency_in_progress`", body = Problem),
    ))]
pub(super) async fn lose(
    orders: Data<Orders>,
    editor: Editor,
    id: Path<String>,
    key: OptionalKey,
    body: Body<Lost>,
) -> Answer {
    let reason = body.value.reason;
    short("reason", Some(&reason))?;
    end(&orders, &editor, &id, ("lost", key, &body.raw), End::Lost { reason }).await
}

async fn end(
    orders: &Orders,
    editor: &Editor,
    id: &str,
    (step, key, body): (&str, OptionalKey, &[u8]),
    end: End,
) -> Answer {
    let unknown = || Problem::not_found("such parcel");
    let shipment: ShipmentId = id.parse().map_err(|_| unknown())?;
    let found = shipment::order_of(&orders.inner.db, shipment).await.map_err(OrderError::from)?;
    let order = found.ok_or_else(unknown)?;
    let route = format!("POST /v1/admin/shipments/{shipment}/{step}");
    let change = Advance::End { shipment, end };
    advance_order(orders, editor, order, (&route, key, body), change).await
}
