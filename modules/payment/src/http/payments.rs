use actix_web::web::{Data, Path};
use kernel::id::{OrderId, PaymentId};
use kernel::{Page, PageQuery};
use platform::http::{Answer, Failure, Params, Staff, ok};
use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::payment_id;
use crate::Payments;
use crate::usecase::operate;
use crate::view::PaymentBody;

/// One payment. For the staff: shoppers see theirs with their orders.
#[utoipa::path(
    get, path = "/v1/payments/{id}", tag = "payments",
    params(("id" = Uuid, Path, description = "The payment")),
    responses((status = 200, description = "The payment", body = PaymentBody))
)]
pub async fn get(payments: Data<Payments>, _staff: Staff, id: Path<String>) -> Answer {
    let payment = operate::load(&payments, payment_id(&id)?).await?;
    ok(&PaymentBody::from(&payment))
}

/// Which payments are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Only the payments of this order.
    pub order_id: Option<OrderId>,
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
    let Wanted { order_id, limit, cursor } = wanted.0;
    let query = PageQuery { limit, cursor };
    let (limit, before) = (query.limit()?, query.position::<PaymentId>()?);
    let found = crate::store::list(&payments.db, order_id, before, limit + 1).await;
    let page = Page::cut(found.map_err(Failure::from)?, limit, |payment| payment.id);
    ok(&page.map(|payment| PaymentBody::from(&payment)))
}
