use actix_web::web::{Data, Path};
use kernel::Problem;
use kernel::id::OrderId;
use platform::http::{Answer, Body, Editor, RequiredKey, stored};
use platform::idempotency::Key;

use super::admin::short;
use super::orders::accepted;
use crate::Orders;
use crate::domain::order::OrderView;
use crate::error::OrderError;
use crate::usecase::edit::{Clerk, EditOrder};
use crate::usecase::place::Placed;

/// Changes what is in a confirmed order, or where it goes, as long as nothing of it has left.
///
/// What was sold keeps its price, and what promotions took off stays with the units it was taken off;
/// the shipping costs what it did. What comes to the order has the price of today. What the order
/// costs more is charged to `payment_token`, what it costs less is given back to the original payment;
/// that needs `orders.refund` and a second factor shown lately. Either all of it happens or nothing.
#[utoipa::path(post, path = "/v1/admin/orders/{id}/edit", tag = "admin",
    params(
        ("id" = Uuid, Path, description = "The order"),
        ("Idempotency-Key" = String, Header, description = "New for each edit"),
    ), request_body = EditOrder,
    responses(
        (status = 200, description = "The order as it is now", body = OrderView),
        (status = 202, description = "The shopper has to confirm the payment first (`next_action`), or it is still at work; look at the order", body = crate::saga::edit::Waiting,
            headers(("Location"), ("Retry-After"))),
        (status = 402, description = "`payment_declined`: the order is as it was", body = Problem),
        (status = 403, description = "Less to pay needs `orders.refund` and `mfa_required`", body = Problem),
        (status = 409, description = "`price_changed`: `difference`; `out_of_stock`, `not_sellable`; `order_state`: `order_status`, and `allowed` moves, or `refundable`, which is less than it would cost less; or `conflict`, `idempotency_in_progress`", body = Problem),
    ))]
pub(super) async fn edit(
    orders: Data<Orders>,
    editor: Editor,
    id: Path<String>,
    key: RequiredKey,
    body: Body<EditOrder>,
) -> Answer {
    let id: OrderId = id.parse().map_err(|_| OrderError::NotFound)?;
    short("reason", Some(&body.value.reason))?;
    let route = format!("POST /v1/admin/orders/{id}/edit");
    let key = Key::new(editor.id, &route, &key.0, &body.raw);
    let actor = editor.actor();
    let clerk = Clerk { caller: &editor, actor: &actor };
    match orders.edit(id, &body.value, &key, &clerk).await? {
        Placed::Answered { answer, replayed } => Ok(stored(answer, replayed)),
        Placed::Running(id) => accepted(&orders, id, "/v1/admin/orders").await,
    }
}
