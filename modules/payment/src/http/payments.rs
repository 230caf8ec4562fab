use actix_web::web::{Data, Path};
use kernel::id::{OrderId, PaymentId};
use kernel::{Page, PageQuery, Problem};
use platform::http::{Answer, Params, Staff, ok};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::problem::payment_id;
use crate::Payments;
use crate::store;
use crate::usecase::operate;
use crate::view::PaymentBody;

/// One payment. For the staff: shoppers see theirs with their orders.
#[utoipa::path(
    get, path = "/v1/payments/{id}", tag = "payments",
    params(("id" = Uuid, Path, description = "The payment")),
    responses((status = 200, description = "The payment", body = PaymentBody))
)]
pub async fn get(payments: Data<Payments>, _staff: Staff, id: Path<String>) -> Answer {
    let payment = operate::load_shown(&payments, payment_id(&id)?).await?;
    let dispute = store::newest_dispute(&payments.db, payment.id).await?;
    ok(&PaymentBody::from(&payment).disputed(dispute))
}

/// What payments need of the staff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PaymentNeeds)]
pub enum Needs {
    /// What came of a call is not known: `resolve` asks the processor now.
    Unknown,
    /// What is set aside is let go soon by the processor: `capture` it.
    Expiring,
    /// The processor refused a capture: `capture` again, or cancel the order.
    CaptureFailed,
    /// What it pays stands, and what was set aside for that was let go: the customer owes it.
    Unpaid,
    /// It holds or keeps money, and no order stands for it: cancel the order, or `refund` or `capture` it.
    PaidWithoutOrder,
    /// The card's holder disputes it: say something to that, or accept it.
    Disputed,
}

impl Needs {
    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Expiring => "expiring",
            Self::CaptureFailed => "capture_failed",
            Self::Unpaid => "unpaid",
            Self::PaidWithoutOrder => "paid_without_order",
            Self::Disputed => "disputed",
        }
    }
}

/// Which payments are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Only the payments of this order.
    pub order_id: Option<OrderId>,
    /// Only the payments that need this; not together with `order_id`.
    pub needs: Option<Needs>,
    /// How many, 1 to 100; 24 by default.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^([0-9a-fA-F]{2})+$")]
    pub cursor: Option<String>,
}

/// Payments, newest first.
#[utoipa::path(
    get, path = "/v1/admin/payments", tag = "payments", params(Wanted),
    responses(
        (status = 200, description = "A page of payments", body = Page<PaymentBody>),
    )
)]
pub async fn list(payments: Data<Payments>, _staff: Staff, wanted: Params<Wanted>) -> Answer {
    let Wanted { order_id, needs, limit, cursor } = wanted.0;
    let query = PageQuery { limit, cursor };
    let (limit, before) = (query.limit()?, query.position::<PaymentId>()?);
    let db = &payments.db;
    let found = match (order_id, needs) {
        (Some(_), Some(_)) => {
            return Err(Problem::invalid("needs", "cannot be asked for with order_id").into());
        }
        (_, None) => store::list(db, order_id, before, limit + 1).await?,
        (None, Some(needs)) => {
            let before = before.unwrap_or(PaymentId::from(Uuid::max()));
            let then = payments.settings.needs_by(needs, db.clock().now());
            store::needing(db, needs, then, before, limit + 1).await?
        }
    };
    let mut page = Page::cut(found, limit, |payment| payment.id);
    store::open(db, &mut page.items).await?;
    ok(&page.map(|payment| PaymentBody::from(&payment)))
}
