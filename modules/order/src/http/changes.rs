//! What the staff does with an order after it was sold.

use actix_web::HttpResponse;
use actix_web::http::header::{LOCATION, RETRY_AFTER};
use actix_web::web::{Data, Path};
use kernel::id::{ChangeId, OrderId};
use kernel::{Money, Problem};
use platform::http::{Answer, Body, Editor, OptionalKey, RequiredKey, Staff, ok, stored};
use platform::idempotency::Key;
use serde::Deserialize;
use utoipa::ToSchema;

use super::admin::{advance, order_id, short};
use crate::Orders;
use crate::domain::after_sale::{Change, RefundTo};
use crate::domain::order::OrderView;
use crate::domain::shipment::ShipmentLine;
use crate::error::OrderError;
use crate::store::change as store;
use crate::usecase::advance::Advance;
use crate::usecase::changed::Changed;
use crate::usecase::refund::What;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": {"amount": "5.00", "currency": "EUR"}, "reason": "It came late."}))]
pub(super) struct RefundOrder {
    /// How much; in the order's currency, and at most what was not given back before.
    #[serde(default)]
    amount: Option<Money>,
    /// Instead of an amount: units that left and stay where they are, which are paid back in full.
    #[serde(default)]
    #[schema(min_items = 1)]
    lines: Option<Vec<ShipmentLine>>,
    /// `store_credit` makes it store credit of whoever ordered, once something has left; else it goes back to the way
    /// the order was paid.
    #[serde(default)]
    to: Option<RefundTo>,
    /// Why.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"lines": [{"line_id": "01890000-0000-7000-8000-000000000000", "quantity": 1}], "reason": "It is no longer made."}))]
pub(super) struct CancelLines {
    /// The units that are not to leave.
    #[schema(min_items = 1)]
    lines: Vec<ShipmentLine>,
    /// Why; the customer is told.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

/// Gives money of an order back, to the way it was paid or as store credit: an amount, or the price of units that
/// left.
///
/// 200 when it was done within half a second, else 202. What was not taken yet is given back after it
/// was taken. Of refunds at the same time never more is given back than was charged.
#[utoipa::path(post, path = "/v1/admin/orders/{id}/refund", tag = "admin",
    params(
        ("id" = Uuid, Path, description = "The order"),
        ("Idempotency-Key" = String, Header, description = "New for each command"),
    ), request_body = RefundOrder,
    responses(
        (status = 200, description = "The refund", body = Change),
        (status = 202, description = "It goes on; Location tells where to look", body = Change,
            headers(("Location"), ("Retry-After"))),
        (status = 409, description = "`order_state`: `refundable` is what is left, or of store credit what is kept; `line_id` and how many units are `left`; or `order_status`, when nothing has left that is to become store credit; `conflict`: the payments refused it; or `idempotency_in_progress`", body = Problem),
        (status = 422, description = "`invalid_value`: also of `to`, when whoever ordered has no account", body = Problem),
    ))]
pub(super) async fn refund(
    orders: Data<Orders>,
    editor: Editor,
    id: Path<String>,
    key: RequiredKey,
    body: Body<RefundOrder>,
) -> Answer {
    let id = order_id(&id)?;
    let RefundOrder { amount, lines, to, reason } = body.value;
    short("reason", Some(&reason))?;
    let what = match (amount, lines) {
        (Some(amount), None) => What::Amount(amount),
        (None, Some(lines)) => What::Lines(lines),
        _ => return Err(Problem::invalid("amount", "must be given, or lines instead").into()),
    };
    let key = Key::new(editor.id, &format!("POST /v1/admin/orders/{id}/refund"), &key.0, &body.raw);
    let changed = orders.refund(id, &what, to, &reason, &key, &editor.actor()).await?;
    answer(&orders, id, changed).await
}

/// Calls units off that have not left, and gives back what they cost; the shipping is given back when
/// nothing remains. An order of which nothing has left and nothing remains is cancelled.
#[utoipa::path(post, path = "/v1/admin/orders/{id}/cancel-lines", tag = "admin",
    params(
        ("id" = Uuid, Path, description = "The order"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe"),
    ), request_body = CancelLines,
    responses(
        (status = 200, description = "The order as it is now", body = OrderView),
        (status = 409, description = "`order_state`: `order_status` and `allowed` moves, or `line_id` and how many are `left`; or `conflict`, `idempotency_in_progress`", body = Problem),
    ))]
pub(super) async fn cancel_lines(
    orders: Data<Orders>,
    editor: Editor,
    id: Path<String>,
    key: OptionalKey,
    body: Body<CancelLines>,
) -> Answer {
    let CancelLines { lines, reason } = body.value;
    short("reason", Some(&reason))?;
    let change = Advance::CancelLines { lines, reason };
    advance(&orders, &editor, &id, key, "cancel-lines", &body.raw, change).await
}

/// What happened to an order after it was sold, the first change first.
#[utoipa::path(get, path = "/v1/admin/orders/{id}/changes", tag = "admin",
    params(("id" = Uuid, Path, description = "The order")),
    responses((status = 200, description = "The changes", body = [Change])))]
pub(super) async fn list(orders: Data<Orders>, _: Staff, id: Path<String>) -> Answer {
    let id = order_id(&id)?;
    let db = &orders.inner.db;
    crate::store::orders::find(db, id).await?.ok_or(OrderError::NotFound)?;
    ok(&store::of_order(db, id).await?)
}

async fn answer(orders: &Orders, order: OrderId, changed: Changed) -> Answer {
    match changed {
        Changed::Answered { answer, replayed } => Ok(stored(answer, replayed)),
        Changed::Running(change) => accepted(orders, order, change).await,
    }
}

/// 202 with the change as it is.
async fn accepted(orders: &Orders, order: OrderId, change: ChangeId) -> Answer {
    let change = store::find(&orders.inner.db, change).await?.ok_or(OrderError::NotFound)?;
    Ok(HttpResponse::Accepted()
        .insert_header((LOCATION, format!("/v1/admin/orders/{order}/changes")))
        .insert_header((RETRY_AFTER, "1"))
        .json(change))
}
