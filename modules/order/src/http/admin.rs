use actix_web::web::{Data, Path};
use kernel::id::OrderId;
use kernel::{Page, PageQuery, Problem};
use platform::http::{Answer, Body, Editor, OptionalKey, Params, Staff, ok, stored};
use platform::idempotency::Key;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::orders::{accepted, page};
use crate::Orders;
use crate::domain::order::OrderView;
use crate::domain::status::Status;
use crate::domain::timeline::Happened;
use crate::error::OrderError;
use crate::store::orders as store;
use crate::usecase::advance::{Advance, Advanced, By};
use crate::usecase::ship::Parcel;

/// The longest reason or tracking number, in characters.
const TEXT_MAX: usize = 200;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// Only orders that stand so.
    status: Option<Status>,
    /// How many, 1 to 100; 24 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^([0-9a-fA-F]{2})+$")]
    cursor: Option<String>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ship {
    /// The carrier's number of the parcel.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200)]
    tracking: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Cancel {
    /// Why; the customer is told.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

/// All orders, newest first.
#[utoipa::path(get, path = "/v1/admin/orders", tag = "admin", params(Search),
    responses(
        (status = 200, description = "A page of orders", body = Page<OrderView>),
    ))]
pub(super) async fn list(orders: Data<Orders>, _: Staff, query: Params<Search>) -> Answer {
    let Search { status, limit, cursor } = query.0;
    let query = PageQuery { limit, cursor };
    let limit = query.limit()?;
    let before = query.position()?.unwrap_or(OrderId::from(Uuid::max()));
    let found = store::list(&orders.inner.db, status, before, i64::from(limit) + 1).await?;
    ok(&page(&orders, found, limit).await?)
}

pub(super) fn order_id(text: &str) -> Result<OrderId, OrderError> {
    text.parse().map_err(|_| OrderError::NotFound)
}

/// One order.
#[utoipa::path(get, path = "/v1/admin/orders/{id}", tag = "admin", params(("id" = Uuid, Path, description = "The order")),
    responses((status = 200, description = "The order", body = OrderView)))]
pub(super) async fn show(orders: Data<Orders>, _: Staff, id: Path<String>) -> Answer {
    let id = order_id(&id)?;
    let order = store::find(&orders.inner.db, id).await?.ok_or(OrderError::NotFound)?;
    let payment = orders.payment_of(id).await?;
    ok(&order.view(payment))
}

/// What happened to an order, in its order: its checkout with what was said, its payments, its letters, what
/// its carrier told, and what came after it with who did it.
#[utoipa::path(get, path = "/v1/admin/orders/{id}/timeline", tag = "admin", params(("id" = Uuid, Path, description = "The order")),
    responses((status = 200, description = "What happened, in its order", body = [Happened])))]
pub(super) async fn timeline(orders: Data<Orders>, _: Staff, id: Path<String>) -> Answer {
    let id = order_id(&id)?;
    let order = store::find(&orders.inner.db, id).await?.ok_or(OrderError::NotFound)?;
    let entries = orders.timeline(&order).await?;
    ok(&orders.named(entries).await?)
}

/// Refuses a text that says nothing, or too much.
pub(super) fn short(field: &str, text: Option<&str>) -> Result<(), Problem> {
    if text.is_none_or(|text| !text.trim().is_empty() && text.chars().count() <= TEXT_MAX) {
        return Ok(());
    }
    Err(Problem::invalid(field, format!("must be 1 to {TEXT_MAX} characters")))
}

pub(super) async fn advance(
    orders: &Orders,
    editor: &Editor,
    id: &str,
    key: OptionalKey,
    step: &str,
    body: &[u8],
    change: Advance,
) -> Answer {
    let id = order_id(id)?;
    let route = format!("POST /v1/admin/orders/{id}/{step}");
    advance_order(orders, editor, id, (&route, key, body), change).await
}

/// Moves an order on, once for the key of a request to a route.
pub(super) async fn advance_order(
    orders: &Orders,
    editor: &Editor,
    id: OrderId,
    (route, key, body): (&str, OptionalKey, &[u8]),
    change: Advance,
) -> Answer {
    let key = key.0.map(|key| Key::new(editor.id, route, &key, body));
    let actor = editor.actor();
    match orders.advance(id, &change, key.as_ref(), By::Staff(&actor)).await? {
        Advanced::Answered { answer, replayed } => Ok(stored(answer, replayed)),
        Advanced::Running => accepted(orders, id, "/v1/admin/orders").await,
    }
}

/// Says that everything of a confirmed order that had not left has left, in one parcel.
#[utoipa::path(post, path = "/v1/admin/orders/{id}/ship", tag = "admin",
    params(
        ("id" = Uuid, Path, description = "The order"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe"),
    ), request_body = Ship,
    responses(
        (status = 200, description = "The order as it is now", body = OrderView),
        (status = 409, description = "`order_state`: `order_status`, and `allowed` moves; or `out_of_stock`: `lines` tell how many are `available` now; or `conflict`, `idempotency_in_progress`", body = Problem),
    ))]
pub(super) async fn ship(
    orders: Data<Orders>,
    editor: Editor,
    id: Path<String>,
    key: OptionalKey,
    body: Body<Ship>,
) -> Answer {
    let tracking = body.value.tracking;
    short("tracking", tracking.as_deref())?;
    let parcel = Parcel { tracking, ..Parcel::default() };
    advance(&orders, &editor, &id, key, "ship", &body.raw, Advance::Ship(parcel)).await
}

/// Says that the parcels of a shipped order that were on their way have arrived.
#[utoipa::path(post, path = "/v1/admin/orders/{id}/deliver", tag = "admin",
    params(
        ("id" = Uuid, Path, description = "The order"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe"),
    ),
    responses(
        (status = 200, description = "The order as it is now", body = OrderView),
        (status = 409, description = "`order_state`: `order_status`, and `allowed` moves; or `conflict`, `idempotency_in_progress`", body = Problem),
    ))]
pub(super) async fn deliver(
    orders: Data<Orders>,
    editor: Editor,
    id: Path<String>,
    key: OptionalKey,
) -> Answer {
    advance(&orders, &editor, &id, key, "deliver", b"", Advance::Deliver).await
}

/// Calls an order off on behalf of the shop, as long as nothing of it has left.
#[utoipa::path(post, path = "/v1/admin/orders/{id}/cancel", tag = "admin",
    params(
        ("id" = Uuid, Path, description = "The order"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe"),
    ), request_body = Cancel,
    responses(
        (status = 200, description = "The order as it is now", body = OrderView),
        (status = 202, description = "Its checkout is being undone; Location tells where to look", body = OrderView,
            headers(("Location"), ("Retry-After"))),
        (status = 409, description = "`order_state`: `order_status`, and `allowed` moves; or `conflict`, `idempotency_in_progress`", body = Problem),
    ))]
pub(super) async fn cancel(
    orders: Data<Orders>,
    editor: Editor,
    id: Path<String>,
    key: OptionalKey,
    body: Body<Cancel>,
) -> Answer {
    let reason = body.value.reason;
    short("reason", Some(&reason))?;
    let change = Advance::Cancel { reason };
    advance(&orders, &editor, &id, key, "cancel", &body.raw, change).await
}
