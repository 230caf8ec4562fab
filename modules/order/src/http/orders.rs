use actix_web::HttpResponse;
use actix_web::http::header::{LOCATION, RETRY_AFTER};
use actix_web::web::{Data, Path};
use kernel::id::OrderId;
use kernel::{Page, PageQuery, Problem};
use platform::http::{
    Answer, Body, Caller, ClientAddress, OptionalKey, Params, RequiredKey, ok, stored,
};
use platform::idempotency::Key;
use uuid::Uuid;

use crate::Orders;
use crate::domain::order::{Order, OrderView};
use crate::domain::timeline::{Happened, for_the_customer};
use crate::error::OrderError;
use crate::store::orders as store;
use crate::usecase::advance::{Advance, Advanced, By};
use crate::usecase::place::{PlaceOrder, Placed};

/// Orders the cart: reserves the stock, authorizes the payment, books the shipment.
///
/// 201 when the checkout ended or waits for the shopper (3-D Secure: `payment.next_action`) within
/// half a second, else 202 and where to look. The same `Idempotency-Key` gives the same answer.
#[utoipa::path(post, path = "/v1/orders", tag = "orders", request_body = PlaceOrder,
    params(("Idempotency-Key" = String, Header, description = "New for each order; the same when it is retried")),
    responses(
        (status = 201, description = "The checkout has ended, or waits for the shopper", body = OrderView),
        (status = 202, description = "It goes on; Location tells where to look", body = OrderView,
            headers(("Location"), ("Retry-After"))),
        (status = 402, description = "`payment_declined`", body = Problem),
        (status = 409, description = "`cart_empty`, `out_of_stock`, `price_changed`, `credit_refused` and others: nothing was charged", body = Problem),
    ))]
pub(super) async fn place(
    orders: Data<Orders>,
    caller: Caller,
    key: RequiredKey,
    from: ClientAddress,
    body: Body<PlaceOrder>,
) -> Answer {
    let key = Key::new(caller.id, "POST /v1/orders", &key.0, &body.raw);
    match orders.place(&caller, &key, body.value, Some(from.0)).await? {
        Placed::Answered { answer, replayed } => Ok(stored(answer, replayed)),
        Placed::Running(id) => accepted(&orders, id, "/v1/orders").await,
    }
}

/// 202 with the order as it is; `below` is where to look for it.
pub(super) async fn accepted(orders: &Orders, id: OrderId, below: &str) -> Answer {
    let order = find(orders, id).await?;
    Ok(HttpResponse::Accepted()
        .insert_header((LOCATION, format!("{below}/{id}")))
        .insert_header((RETRY_AFTER, "1"))
        .json(order))
}

async fn find(orders: &Orders, id: OrderId) -> Result<OrderView, OrderError> {
    let order = store::find(&orders.inner.db, id).await?.ok_or(OrderError::NotFound)?;
    let payment = orders.payment_of(id).await?;
    Ok(order.view(payment))
}

/// The caller's orders, newest first.
#[utoipa::path(get, path = "/v1/orders", tag = "orders", params(PageQuery),
    responses(
        (status = 200, description = "A page of orders", body = Page<OrderView>),
    ))]
pub(super) async fn list(orders: Data<Orders>, caller: Caller, query: Params<PageQuery>) -> Answer {
    let limit = query.0.limit()?;
    let before = query.0.position()?.unwrap_or(OrderId::from(Uuid::max()));
    let found =
        store::of_customer(&orders.inner.db, caller.id, before, i64::from(limit) + 1).await?;
    ok(&page(&orders, found, limit).await?)
}

/// A page of orders with their payments.
pub(super) async fn page(
    orders: &Orders,
    found: Vec<Order>,
    limit: u32,
) -> Result<Page<OrderView>, OrderError> {
    let page = Page::cut(found, limit, |order: &Order| order.id);
    let ids: Vec<OrderId> = page.items.iter().map(|order| order.id).collect();
    let mut payments = orders.inner.payments.of_orders(&ids).await?;
    Ok(page.map(|order| {
        let of_order = payments.iter().position(|(id, _)| *id == order.id);
        let payment = of_order.map(|at| payments.swap_remove(at).1);
        order.view(payment)
    }))
}

pub(super) async fn own(orders: &Orders, caller: &Caller, id: &str) -> Result<Order, OrderError> {
    let id: OrderId = id.parse().map_err(|_| OrderError::NotFound)?;
    let order = store::find(&orders.inner.db, id).await?;
    order.filter(|order| order.customer_id == caller.id).ok_or(OrderError::NotFound)
}

/// One of the caller's orders.
#[utoipa::path(get, path = "/v1/orders/{id}", tag = "orders", params(("id" = Uuid, Path, description = "The order")),
    responses((status = 200, description = "The order", body = OrderView)))]
pub(super) async fn show(orders: Data<Orders>, caller: Caller, id: Path<String>) -> Answer {
    let order = own(&orders, &caller, &id).await?;
    let payment = orders.payment_of(order.id).await?;
    ok(&order.view(payment))
}

/// What happened to an order, in its order: its checkout, its payments, the letters that were sent, and what
/// came after it.
#[utoipa::path(get, path = "/v1/orders/{id}/timeline", tag = "orders",
    params(("id" = Uuid, Path, description = "The order")),
    responses(
        (status = 200, description = "What happened, in its order", body = [Happened]),
    ))]
pub(super) async fn timeline(orders: Data<Orders>, caller: Caller, id: Path<String>) -> Answer {
    let order = own(&orders, &caller, &id).await?;
    ok(&for_the_customer(orders.timeline(&order).await?))
}

/// Calls an order off, as long as it has not been shipped.
///
/// While it is still being checked out, what the checkout did is undone first: 200 when that was done
/// within half a second, else 202 and where to look. The same `Idempotency-Key` gives the same answer.
#[utoipa::path(post, path = "/v1/orders/{id}/cancel", tag = "orders", params(
        ("id" = Uuid, Path, description = "The order"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe"),
    ),
    responses(
        (status = 200, description = "The order as it is now", body = OrderView),
        (status = 202, description = "Its checkout is being undone; Location tells where to look", body = OrderView,
            headers(("Location"), ("Retry-After"))),
        (status = 409, description = "`order_state`: `order_status`, and `allowed` moves; or `conflict`, `idempotency_in_progress`", body = Problem),
    ))]
pub(super) async fn cancel(
    orders: Data<Orders>,
    caller: Caller,
    id: Path<String>,
    key: OptionalKey,
) -> Answer {
    let order: OrderId = id.parse().map_err(|_| OrderError::NotFound)?;
    let route = format!("POST /v1/orders/{order}/cancel");
    let key = key.0.map(|key| Key::new(caller.id, &route, &key, b""));
    let advance = Advance::Cancel { reason: "cancelled by the customer".to_owned() };
    let by = By::Customer(caller.id);
    match orders.advance(order, &advance, key.as_ref(), by).await? {
        Advanced::Answered { answer, replayed } => Ok(stored(answer, replayed)),
        Advanced::Running => accepted(&orders, order, "/v1/orders").await,
    }
}
