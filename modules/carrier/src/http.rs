//! The sandbox's counter: where a test, or the staff of a test shop, lets parcels move.

use actix_web::web::{self, Data, Path};
use kernel::id::OrderId;
use kernel::problem::{Problem, code};
use kernel::{Page, PageQuery, Timestamp};
use platform::http::{Answer, Body, Editor, Failure, Params, Staff, ok};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::domain::parcel::{Happens, State};
use crate::store::{self, Parcel};
use crate::{Carrier, MoveError};

/// The longest detail, in characters.
const DETAIL_MAX: usize = 200;

pub(crate) fn routes(carrier: &Carrier, config: &mut web::ServiceConfig) {
    config
        .app_data(Data::new(carrier.clone()))
        .route("/v1/admin/carrier/parcels", web::get().to(list))
        .route("/v1/admin/carrier/parcels/{tracking}/events", web::post().to(happen));
}

#[derive(OpenApi)]
#[openapi(paths(list, happen))]
struct Api;

pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// A parcel in the books of the sandbox carrier.
#[derive(Serialize, ToSchema)]
#[schema(as = Consignment)]
struct ParcelView {
    /// The order it was booked for.
    order_id: OrderId,
    /// The carrier's number of it; none when it was called off before it was booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking: Option<String>,
    state: State,
    /// How many events it has been through.
    seq: i64,
    #[schema(value_type = String, format = DateTime)]
    booked_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<Parcel> for ParcelView {
    fn from(parcel: Parcel) -> Self {
        let Parcel { order_id, tracking, state, seq, booked_at, updated_at, .. } = parcel;
        Self { order_id, tracking, state, seq, booked_at, updated_at }
    }
}

/// What the sandbox carrier carries, the newest order first. Empty in a shop that ships by hand.
#[utoipa::path(get, path = "/v1/admin/carrier/parcels", tag = "admin", params(PageQuery),
    responses((status = 200, description = "A page of parcels", body = Page<ParcelView>)))]
async fn list(carrier: Data<Carrier>, _: Staff, query: Params<PageQuery>) -> Answer {
    let limit = query.0.limit()?;
    let before = query.0.position()?.unwrap_or(OrderId::from(Uuid::max()));
    let found = store::newest(&carrier.inner.db, before, i64::from(limit) + 1).await?;
    ok(&Page::cut(found, limit, |parcel: &Parcel| parcel.order_id).map(ParcelView::from))
}

/// Lets something happen to a parcel of the sandbox carrier, which tells the shop by a webhook.
#[utoipa::path(post, path = "/v1/admin/carrier/parcels/{tracking}/events", tag = "admin",
    params(("tracking" = String, Path, description = "The carrier's number of the parcel")),
    request_body = Happens,
    responses(
        (status = 200, description = "The parcel as it is now", body = ParcelView),
        (status = 409, description = "`conflict`: it cannot happen to a parcel in this `state`", body = Problem),
    ))]
async fn happen(
    carrier: Data<Carrier>,
    editor: Editor,
    tracking: Path<String>,
    body: Body<Happens>,
) -> Answer {
    let detail = body.value.detail.as_deref();
    let is_short = |text: &str| !text.trim().is_empty() && text.chars().count() <= DETAIL_MAX;
    if !detail.is_none_or(is_short) {
        let message = format!("must be 1 to {DETAIL_MAX} characters");
        return Err(Problem::invalid("detail", message).into());
    }
    let moved = carrier.move_on(&tracking, &body.value, Some(&editor.actor())).await?;
    ok(&ParcelView::from(moved))
}

impl From<MoveError> for Failure {
    fn from(error: MoveError) -> Self {
        match error {
            MoveError::NotFound => Problem::not_found("such parcel").into(),
            MoveError::State(state) => {
                let detail = format!("The parcel is {}; nothing was changed.", state.word());
                Problem::new(code::CONFLICT, detail).with("state", state).into()
            }
            MoveError::Storage(error) => error.into(),
        }
    }
}
