//! Goods that come back: what customers ask for, and what the staff does with it.

use actix_web::HttpResponse;
use actix_web::http::header::RETRY_AFTER;
use actix_web::web::{Data, Path};
use kernel::id::{ChangeId, LineId, OrderId};
use kernel::{Page, PageQuery, Problem};
use platform::http::{
    Answer, Body, Caller, Editor, Failure, OptionalKey, Params, RequiredKey, Staff, ok, stored,
};
use platform::idempotency::Key;
use platform::random;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::admin::short;
use super::orders::own;
use crate::Orders;
use crate::domain::after_sale::{Change, Condition, Kind, Reason};
use crate::domain::change_state::State;
use crate::domain::edit::AddedLine;
use crate::domain::inspection::Inspected;
use crate::domain::shipment::ShipmentLine;
use crate::error::OrderError;
use crate::store::change as store;
use crate::usecase::advance::By;
use crate::usecase::changed::Changed;
use crate::usecase::place::PayWith;
use crate::usecase::returns::{ReturnStep, Wanted};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReturnLine {
    /// The line of the order.
    line_id: LineId,
    /// How many of its units.
    #[schema(minimum = 1, maximum = 10000)]
    quantity: i64,
    /// Why they come back.
    reason: Reason,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "lines": [{"line_id": "01890000-0000-7000-8000-000000000000", "quantity": 1, "reason": "damaged"}],
    "exchange_for": [{"product_id": "01890000-0000-7000-8000-000000000000", "quantity": 1}]
}))]
pub(super) struct NewReturn {
    /// What is to come back.
    #[schema(min_items = 1)]
    lines: Vec<ReturnLine>,
    /// What else is to be said.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200)]
    comment: Option<String>,
    /// What is wanted instead of money. It is held and priced when the shop agrees, in an order of its own.
    #[serde(default)]
    #[schema(max_items = 1000)]
    exchange_for: Vec<AddedLine>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"payment": {"token": "tok_4f1c"}}))]
pub(super) struct PayDifference {
    /// What it is paid with.
    payment: PayWith,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rejection {
    /// Why; the customer is told.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InspectedLine {
    /// The line of the order.
    line_id: LineId,
    /// How many units are paid back.
    #[schema(minimum = 0, maximum = 10000)]
    accepted: i64,
    /// What they are like.
    condition: Condition,
    /// Whether they lie in stock again; damaged ones never do.
    restock: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"lines": [{"line_id": "01890000-0000-7000-8000-000000000000", "accepted": 1, "condition": "sellable", "restock": true}]}))]
pub(super) struct Inspection {
    /// What was found of each line of the return.
    #[schema(min_items = 1)]
    lines: Vec<InspectedLine>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// Where they stand; `requested` by default.
    state: Option<State>,
    /// How many, 1 to 100; 24 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^([0-9a-fA-F]{2})+$")]
    cursor: Option<String>,
}

/// Asks to send units back that arrived, within the days that the shop gives for it, for their price or for
/// other goods.
#[utoipa::path(post, path = "/v1/orders/{id}/returns", tag = "orders", request_body = NewReturn,
    params(
        ("id" = Uuid, Path, description = "The order"),
        ("Idempotency-Key" = String, Header, description = "New for each return"),
    ),
    responses(
        (status = 201, description = "The return, which the shop looks at", body = Change),
        (status = 409, description = "`order_state`: `order_status` and `allowed` moves, `line_id` and how many are `left`, or `return_until`; or `conflict`, `idempotency_in_progress`", body = Problem),
    ))]
pub(super) async fn request(
    orders: Data<Orders>,
    caller: Caller,
    id: Path<String>,
    key: RequiredKey,
    body: Body<NewReturn>,
) -> Answer {
    let id: OrderId = id.parse().map_err(|_| OrderError::NotFound)?;
    let NewReturn { lines, comment, exchange_for } = body.value;
    short("comment", comment.as_deref())?;
    let wanted = |line: ReturnLine| Wanted {
        units: ShipmentLine { line_id: line.line_id, quantity: line.quantity },
        reason: line.reason,
    };
    let wanted: Vec<Wanted> = lines.into_iter().map(wanted).collect();
    let key = Key::new(caller.id, &format!("POST /v1/orders/{id}/returns"), &key.0, &body.raw);
    let comment = comment.as_deref();
    let done =
        orders.request_return(id, caller.id, &wanted, (comment, &exchange_for), &key).await?;
    Ok(stored(done.answer, done.replayed))
}

/// The returns of an order, the first one first.
#[utoipa::path(get, path = "/v1/orders/{id}/returns", tag = "orders",
    params(("id" = Uuid, Path, description = "The order")),
    responses((status = 200, description = "The returns", body = [Change])))]
pub(super) async fn list(orders: Data<Orders>, caller: Caller, id: Path<String>) -> Answer {
    let order = own(&orders, &caller, &id).await?;
    let all = store::of_order(&orders.inner.db, order.id).await.map_err(OrderError::from)?;
    let returns = all.into_iter().filter(|change| change.kind == Kind::Return);
    ok(&returns.map(Change::for_the_customer).collect::<Vec<_>>())
}

/// Keeps the goods after all, as long as they have not come back.
#[utoipa::path(post, path = "/v1/orders/{id}/returns/{return_id}/withdraw", tag = "orders",
    params(
        ("id" = Uuid, Path, description = "The order"),
        ("return_id" = Uuid, Path, description = "The return"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe"),
    ),
    responses(
        (status = 200, description = "The return as it is now", body = Change),
        (status = 409, description = "`order_state`: `change_state`, and what is `allowed`; or `conflict`, `idempotency_in_progress`", body = Problem),
    ))]
pub(super) async fn withdraw(
    orders: Data<Orders>,
    caller: Caller,
    ids: Path<(String, String)>,
    key: OptionalKey,
) -> Answer {
    let (order, id) = ids.into_inner();
    let (order, id) = of_own(&orders, &caller, &order, &id).await?;
    let route = format!("POST /v1/orders/{order}/returns/{id}/withdraw");
    let key = key.0.map(|key| Key::new(caller.id, &route, &key, b""));
    let by = By::Customer(caller.id);
    let done = orders.move_return(id, &ReturnStep::Withdraw, key.as_ref(), by).await?;
    Ok(stored(done.answer, done.replayed))
}

/// Returns that stand so, newest first.
#[utoipa::path(get, path = "/v1/admin/returns", tag = "admin", params(Search),
    responses((status = 200, description = "A page of returns", body = Page<Change>)))]
pub(super) async fn search(orders: Data<Orders>, _: Staff, query: Params<Search>) -> Answer {
    let Search { state, limit, cursor } = query.0;
    let query = PageQuery { limit, cursor };
    let limit = query.limit()?;
    let before = query.position()?.unwrap_or(ChangeId::from(Uuid::max()));
    let state = state.unwrap_or(State::Requested);
    let found = store::returns(&orders.inner.db, state, before, i64::from(limit) + 1).await;
    let found = found.map_err(OrderError::from)?;
    ok(&Page::cut(found, limit, |change: &Change| change.id))
}

/// Agrees to a return: the goods may be sent. What is wanted instead is held, all of it, at the prices of
/// today; if it cannot be had, nothing is agreed to.
#[utoipa::path(post, path = "/v1/admin/returns/{id}/approve", tag = "admin",
    params(
        ("id" = Uuid, Path, description = "The return"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe"),
    ),
    responses(
        (status = 200, description = "The return as it is now", body = Change),
        (status = 202, description = "What is sent instead is still being set aside; look at the return", body = Change),
        (status = 409, description = "`out_of_stock`, `not_sellable`: what is wanted instead cannot be had; `order_state`: `change_state`, and what is `allowed`; or `conflict`, `idempotency_in_progress`", body = Problem),
    ))]
pub(super) async fn approve(
    orders: Data<Orders>,
    editor: Editor,
    id: Path<String>,
    key: OptionalKey,
) -> Answer {
    let known = store::find(&orders.inner.db, change_id(&id)?).await.map_err(OrderError::from)?;
    let Some(change) = known.filter(|change| change.exchange.is_some()) else {
        return step(&orders, &editor, &id, ("approve", key, b""), ReturnStep::Approve).await;
    };
    let route = format!("POST /v1/admin/returns/{}/approve", change.id);
    let key = Key::new(editor.id, &route, &key.0.unwrap_or_else(random::token), b"");
    let changed = orders.approve_exchange(change.id, &key, &editor.actor()).await?;
    answer(&orders, changed, |change| change).await
}

/// Pays what goods cost more that are exchanged for others: once these were looked at, and until
/// `pay_until`. A payment that is declined can be tried again with another token.
#[utoipa::path(post, path = "/v1/orders/{id}/returns/{return_id}/pay", tag = "orders", request_body = PayDifference,
    params(
        ("id" = Uuid, Path, description = "The order"),
        ("return_id" = Uuid, Path, description = "The return"),
        ("Idempotency-Key" = String, Header, description = "New for each try"),
    ),
    responses(
        (status = 200, description = "The return as it is now: what is sent instead is on", body = Change),
        (status = 202, description = "The shopper has to confirm the payment first (`next_action`), or it is still at work; look at the return", body = crate::saga::exchange::Waiting),
        (status = 402, description = "`payment_declined`: nothing was charged", body = Problem),
        (status = 409, description = "`order_state`: nothing is to be paid, or no more; `change_state`; `shipping_failed`, `out_of_stock`: it cannot be sent any more, and the value goes back; or `conflict`, `idempotency_in_progress`", body = Problem),
    ))]
pub(super) async fn pay(
    orders: Data<Orders>,
    caller: Caller,
    ids: Path<(String, String)>,
    key: RequiredKey,
    body: Body<PayDifference>,
) -> Answer {
    let (order, id) = ids.into_inner();
    let (order, id) = of_own(&orders, &caller, &order, &id).await?;
    let route = format!("POST /v1/orders/{order}/returns/{id}/pay");
    let key = Key::new(caller.id, &route, &key.0, &body.raw);
    let token = &body.value.payment.token;
    let changed = orders.pay_difference(id, caller.id, token, &key).await?;
    answer(&orders, changed, Change::for_the_customer).await
}

async fn answer(orders: &Orders, changed: Changed, shown: fn(Change) -> Change) -> Answer {
    let id = match changed {
        Changed::Answered { answer, replayed } => return Ok(stored(answer, replayed)),
        Changed::Running(id) => id,
    };
    let found = store::find(&orders.inner.db, id).await.map_err(OrderError::from)?;
    let change = shown(found.ok_or_else(unknown)?);
    Ok(HttpResponse::Accepted().insert_header((RETRY_AFTER, "1")).json(change))
}

/// A return of one of the caller's orders.
async fn of_own(
    orders: &Data<Orders>,
    caller: &Caller,
    order: &str,
    id: &str,
) -> Result<(OrderId, ChangeId), Failure> {
    let order = own(orders, caller, order).await?;
    let id = change_id(id)?;
    let known = store::find(&orders.inner.db, id).await.map_err(OrderError::from)?;
    known.filter(|change| change.order_id == order.id).ok_or_else(unknown)?;
    Ok((order.id, id))
}

/// Says no to a return, also after the goods came back and are not what was sold.
#[utoipa::path(post, path = "/v1/admin/returns/{id}/reject", tag = "admin",
    params(
        ("id" = Uuid, Path, description = "The return"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe"),
    ), request_body = Rejection,
    responses(
        (status = 200, description = "The return as it is now", body = Change),
        (status = 409, description = "`order_state`: `change_state`, and what is `allowed`; or `conflict`, `idempotency_in_progress`", body = Problem),
    ))]
pub(super) async fn reject(
    orders: Data<Orders>,
    editor: Editor,
    id: Path<String>,
    key: OptionalKey,
    body: Body<Rejection>,
) -> Answer {
    let reason = body.value.reason;
    short("reason", Some(&reason))?;
    step(&orders, &editor, &id, ("reject", key, &body.raw), ReturnStep::Reject { reason }).await
}

/// Says that the goods of a return came back.
#[utoipa::path(post, path = "/v1/admin/returns/{id}/receive", tag = "admin",
    params(
        ("id" = Uuid, Path, description = "The return"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe"),
    ),
    responses(
        (status = 200, description = "The return as it is now", body = Change),
        (status = 409, description = "`order_state`: `change_state`, and what is `allowed`; or `conflict`, `idempotency_in_progress`", body = Problem),
    ))]
pub(super) async fn receive(
    orders: Data<Orders>,
    editor: Editor,
    id: Path<String>,
    key: OptionalKey,
) -> Answer {
    step(&orders, &editor, &id, ("receive", key, b""), ReturnStep::Receive).await
}

/// Says what the goods of a return are like: what is accepted is paid back, and lies in stock again when
/// it can be sold. The order is RETURNED when everything of it that arrived came back.
#[utoipa::path(post, path = "/v1/admin/returns/{id}/inspect", tag = "admin",
    params(
        ("id" = Uuid, Path, description = "The return"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe"),
    ), request_body = Inspection,
    responses(
        (status = 200, description = "The return as it is now; its money is on its way", body = Change),
        (status = 409, description = "`order_state`: `change_state`, and what is `allowed`, or `line_id` and how many are `left`; or `conflict`, `idempotency_in_progress`", body = Problem),
    ))]
pub(super) async fn inspect(
    orders: Data<Orders>,
    editor: Editor,
    id: Path<String>,
    key: OptionalKey,
    body: Body<Inspection>,
) -> Answer {
    let inspected = |line: InspectedLine| Inspected {
        line_id: line.line_id,
        accepted: line.accepted,
        condition: line.condition,
        restock: line.restock,
    };
    let lines = body.value.lines.into_iter().map(inspected).collect();
    step(&orders, &editor, &id, ("inspect", key, &body.raw), ReturnStep::Inspect { lines }).await
}

async fn step(
    orders: &Orders,
    editor: &Editor,
    id: &str,
    (word, key, body): (&str, OptionalKey, &[u8]),
    step: ReturnStep,
) -> Answer {
    let id = change_id(id)?;
    let route = format!("POST /v1/admin/returns/{id}/{word}");
    let key = key.0.map(|key| Key::new(editor.id, &route, &key, body));
    let actor = editor.actor();
    let done = orders.move_return(id, &step, key.as_ref(), By::Staff(&actor)).await?;
    Ok(stored(done.answer, done.replayed))
}

fn change_id(id: &str) -> Result<ChangeId, Problem> {
    id.parse().map_err(|_| unknown())
}

fn unknown() -> Problem {
    Problem::not_found("such return")
}
