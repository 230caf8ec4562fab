//! What a carrier tells, and what the staff has to look at of it.

use actix_web::HttpRequest;
use actix_web::web::{Data, Path};
use kernel::id::{EventId, OrderId, ShipmentId};
use kernel::problem::{Problem, code};
use kernel::{Page, PageQuery, Timestamp};
use platform::audit::{self, Entry};
use platform::fault;
use platform::http::{Answer, Body, Editor, Params, Staff, no_content, ok};
use platform::webhook::Signed;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::admin::short;
use crate::Orders;
use crate::domain::shipment::State;
use crate::domain::status::Status;
use crate::domain::tracking::Exception;
use crate::error::OrderError;
use crate::store::carrier::{self as store, Excepted, Kept, NewEvent};
use crate::store::shipment;

/// The longest id, number or word of a carrier, in bytes.
const NAME_MAX: usize = 100;
/// How much of a detail is kept beside the call as it came, in characters.
const DETAIL_MAX: usize = 200;

/// What happened to a parcel, as its carrier tells it.
#[derive(Deserialize, ToSchema)]
#[schema(as = CarrierCall, example = json!({
    "tracking": "SBX0123456789ABCDEF", "seq": 1, "event": "picked_up",
    "happened_at": "2026-11-29T10:00:00Z"
}))]
pub(super) struct Call {
    /// The carrier's number of the parcel.
    #[schema(min_length = 1, max_length = 100)]
    tracking: String,
    /// The number of the event among those of its parcel, from 1.
    #[schema(minimum = 1)]
    seq: i64,
    /// `picked_up`, `in_transit`, `exception`, `delivered` or `lost`; another word is kept for the staff.
    #[schema(min_length = 1, max_length = 100)]
    event: String,
    #[schema(value_type = String, format = DateTime)]
    happened_at: Timestamp,
    /// What there is to say of it.
    #[serde(default)]
    detail: Option<String>,
}

fn unsigned() -> Problem {
    Problem::new(code::UNAUTHENTICATED, "The call is not signed by the carrier, or is too old.")
}

/// The id of a call that the carrier has signed just now.
fn signed<'a>(
    orders: &Orders,
    request: &'a HttpRequest,
    body: &'a [u8],
) -> Result<&'a str, Problem> {
    let secret = orders.inner.carrier_secret.as_deref().ok_or_else(unsigned)?;
    let call = Signed::of(request, body).ok_or_else(unsigned)?;
    let is_signed = call.is_of(orders.inner.db.clock().now()) && call.is_by(secret);
    if !is_signed && !fault::bug("webhook_is_not_signed") {
        return Err(unsigned());
    }
    Ok(call.id)
}

fn name(field: &str, text: &str) -> Result<(), Problem> {
    if (1..=NAME_MAX).contains(&text.len()) {
        return Ok(());
    }
    Err(Problem::invalid(field, format!("must be 1 to {NAME_MAX} bytes")))
}

/// Takes what the carrier tells of a parcel. It is kept before this is answered, and applied afterwards: an
/// event that is told again, late or out of its order changes nothing that it should not.
///
/// Calls are signed as Standard Webhooks 1.0 are, with the secret that the carrier gave.
#[utoipa::path(post, path = "/v1/webhooks/carrier", tag = "orders", request_body = Call,
    params(
        ("webhook-id" = String, Header, description = "The event; the same each time it is told"),
        ("webhook-timestamp" = String, Header, description = "When the call was made, in seconds since 1970"),
        ("webhook-signature" = String, Header, description = "`v1,` and HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64"),
    ),
    responses(
        (status = 204, description = "It is kept"),
        (status = 401, description = "`unauthenticated`: it is not signed by the carrier, or more than five minutes old", body = Problem),
    ))]
pub(super) async fn receive(
    orders: Data<Orders>,
    request: HttpRequest,
    body: Body<IgnoredAny>,
) -> Answer {
    let id = signed(&orders, &request, &body.raw)?;
    let Call { tracking, seq, event, happened_at, detail } = body.signed()?;
    name("webhook-id", id)?;
    name("tracking", &tracking)?;
    name("event", &event)?;
    if seq < 1 {
        return Err(Problem::invalid("seq", "must be at least 1").into());
    }
    let detail = detail.map(|text| text.chars().take(DETAIL_MAX).collect::<String>());
    let detail = detail.filter(|text| !text.trim().is_empty());
    let new = NewEvent {
        event_id: id,
        carrier_ref: &tracking,
        seq,
        event: &event,
        detail: detail.as_deref(),
        happened_at,
        raw: &String::from_utf8_lossy(&body.raw),
    };
    orders.receive(&new).await?;
    no_content()
}

/// A parcel that somebody has to look at.
#[derive(Serialize, ToSchema)]
#[schema(as = ShipmentToLookAt)]
pub(super) struct ExceptionView {
    shipment_id: ShipmentId,
    order_id: OrderId,
    order_number: String,
    #[schema(value_type = Status)]
    order_status: String,
    #[schema(value_type = State)]
    state: String,
    /// The carrier's number of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier_ref: Option<String>,
    /// The newest word of the carrier.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<String>,
    #[schema(value_type = Exception)]
    exception: String,
    /// What the carrier said.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<Excepted> for ExceptionView {
    fn from(row: Excepted) -> Self {
        Self {
            shipment_id: row.id.into(),
            order_id: row.order_id.into(),
            order_number: row.number,
            order_status: row.status,
            state: row.state,
            carrier_ref: row.carrier_ref,
            progress: row.progress,
            exception: row.exception,
            detail: row.exception_detail,
            at: row.exception_at,
        }
    }
}

/// Parcels that somebody has to look at, the newest first.
///
/// `recall_refused` goes although its order was called off: nobody pays for it. `held_up` waits for
/// something the carrier tells. `contradiction` arrived and is lost.
#[utoipa::path(get, path = "/v1/admin/shipments/exceptions", tag = "admin", params(PageQuery),
    responses((status = 200, description = "A page of parcels", body = Page<ExceptionView>)))]
pub(super) async fn exceptions(orders: Data<Orders>, _: Staff, query: Params<PageQuery>) -> Answer {
    let limit = query.0.limit()?;
    let before = query.0.position()?.unwrap_or(ShipmentId::from(Uuid::max()));
    let found = store::exceptions(&orders.inner.db, before, i64::from(limit) + 1).await?;
    let page = Page::cut(found, limit, |row: &Excepted| ShipmentId::from(row.id));
    ok(&page.map(ExceptionView::from))
}

#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ResolveShipment, example = json!({"note": "Called the carrier; it comes back."}))]
pub(super) struct Resolve {
    /// What was done about it; the audit log keeps it.
    #[schema(min_length = 1, max_length = 200)]
    note: String,
}

/// Says that what was wrong with a parcel was seen to.
#[utoipa::path(post, path = "/v1/admin/shipments/{id}/resolve", tag = "admin",
    params(("id" = Uuid, Path, description = "The parcel")), request_body = Resolve,
    responses(
        (status = 204, description = "It is no longer among those to look at"),
        (status = 409, description = "`conflict`: there is nothing to look at", body = Problem),
    ))]
pub(super) async fn resolve(
    orders: Data<Orders>,
    editor: Editor,
    id: Path<String>,
    body: Body<Resolve>,
) -> Answer {
    short("note", Some(&body.value.note))?;
    let unknown = || Problem::not_found("such parcel");
    let id: ShipmentId = id.parse().map_err(|_| unknown())?;
    let order = shipment::order_of(&orders.inner.db, id).await?.ok_or_else(unknown)?;
    let mut tx = orders.inner.db.begin("shipment.resolve").await?;
    if !store::resolve(&mut tx, id).await? {
        let detail = "There is nothing to look at; nothing was changed.";
        return Err(Problem::new(code::CONFLICT, detail).into());
    }
    let entry = Entry::done("shipment.resolve", order.uuid(), &body.value)?;
    audit::record(&mut tx, &editor.actor(), &[entry]).await?;
    tx.commit().await?;
    no_content()
}

/// Where an event of a carrier stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CarrierEventState)]
pub(super) enum Handled {
    /// It is applied soon, or tried again.
    Waiting,
    /// It changed what it had to.
    Applied,
    /// It told what was known, or something older.
    Late,
    /// It cannot be applied.
    Stuck,
}

impl Handled {
    const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Applied => "applied",
            Self::Late => "late",
            Self::Stuck => "stuck",
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// Only events that stand so.
    state: Option<Handled>,
    /// How many, 1 to 100; 24 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^([0-9a-fA-F]{2})+$")]
    cursor: Option<String>,
}

/// Something that a carrier told.
#[derive(Serialize, ToSchema)]
#[schema(as = CarrierEvent)]
pub(super) struct EventView {
    id: EventId,
    /// The carrier's id of it.
    event_id: String,
    /// The carrier's number of the parcel.
    carrier_ref: String,
    seq: i64,
    event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    happened_at: Timestamp,
    #[schema(value_type = Handled)]
    state: String,
    /// Why it waits or is stuck.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// How often it was tried in vain.
    attempts: i64,
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
}

impl From<Kept> for EventView {
    fn from(kept: Kept) -> Self {
        Self {
            id: kept.id.into(),
            event_id: kept.event_id,
            carrier_ref: kept.carrier_ref,
            seq: kept.seq,
            event: kept.event,
            detail: kept.detail,
            happened_at: kept.happened_at,
            state: kept.state,
            note: kept.note,
            attempts: kept.attempts,
            received_at: kept.received_at,
        }
    }
}

/// What carriers told, the newest first.
#[utoipa::path(get, path = "/v1/admin/shipments/carrier-events", tag = "admin", params(Search),
    responses((status = 200, description = "A page of events", body = Page<EventView>)))]
pub(super) async fn events(orders: Data<Orders>, _: Staff, query: Params<Search>) -> Answer {
    let Search { state, limit, cursor } = query.0;
    let query = PageQuery { limit, cursor };
    let limit = query.limit()?;
    let before = query.position()?.unwrap_or(Uuid::max());
    let state = state.map(Handled::word);
    let found = store::list(&orders.inner.db, state, before, i64::from(limit) + 1).await?;
    ok(&Page::cut(found, limit, |kept: &Kept| kept.id).map(EventView::from))
}

/// What the audit log keeps of an event's state.
#[derive(Serialize)]
struct Stands {
    state: Handled,
}

/// Lets an event be tried again that could not be applied.
#[utoipa::path(post, path = "/v1/admin/shipments/carrier-events/{id}/retry", tag = "admin",
    params(("id" = Uuid, Path, description = "The event")),
    responses(
        (status = 200, description = "The event, which waits", body = EventView),
        (status = 409, description = "`conflict`: it is not stuck", body = Problem),
    ))]
pub(super) async fn retry(orders: Data<Orders>, editor: Editor, id: Path<String>) -> Answer {
    let unknown = || Problem::not_found("such event");
    let id: Uuid = id.parse().map_err(|_| unknown())?;
    let mut tx = orders.inner.db.begin("carrier.retry").await?;
    if !store::retry(&mut tx, id).await? {
        store::load(&mut tx, id).await?.ok_or_else(unknown)?;
        return Err(Problem::new(code::CONFLICT, "Only a stuck event can be tried again.").into());
    }
    let kept = store::load(&mut tx, id).await?.ok_or_else(unknown)?;
    let (before, after) = (Stands { state: Handled::Stuck }, Stands { state: Handled::Waiting });
    let entry = Entry::changed("carrier_event.retry", id, &before, &after)?;
    audit::record(&mut tx, &editor.actor(), &[entry]).await?;
    tx.commit().await.map_err(OrderError::from)?;
    ok(&EventView::from(kept))
}
