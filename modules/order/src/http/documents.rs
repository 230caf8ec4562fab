//! Papers of orders, as PDF.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use actix_web::web::{Data, Path};
use kernel::Problem;
use kernel::id::{OrderId, ShipmentId};
use platform::http::{Answer, Caller, Staff};
use utoipa::ToSchema;

use super::orders::own;
use crate::Orders;
use crate::domain::invoice::packing_slip;
use crate::domain::order::Order;
use crate::domain::sheet::Row;
use crate::error::OrderError;
use crate::paper;
use crate::store::{orders as store, shipment};

/// A file of the type PDF.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
struct Pdf(#[expect(dead_code, reason = "it describes a body")] Vec<u8>);

/// The invoice of one of the caller's orders, once it is confirmed.
///
/// It is issued when it is first asked for, under the next number, and never changes after that.
#[utoipa::path(get, path = "/v1/orders/{id}/invoice.pdf", tag = "orders",
    params(("id" = Uuid, Path, description = "The order")),
    responses(
        (status = 200, description = "The invoice", body = inline(Pdf), content_type = "application/pdf"),
        (status = 409, description = "`order_state`: it is not confirmed, or was called off", body = Problem),
    ))]
pub(super) async fn own_invoice(orders: Data<Orders>, caller: Caller, id: Path<String>) -> Answer {
    let order = own(&orders, &caller, &id).await?;
    invoice(&orders, &order).await
}

/// The invoice of an order, as its customer gets it.
#[utoipa::path(get, path = "/v1/admin/orders/{id}/invoice.pdf", tag = "admin",
    params(("id" = Uuid, Path, description = "The order")),
    responses(
        (status = 200, description = "The invoice", body = inline(Pdf), content_type = "application/pdf"),
        (status = 409, description = "`order_state`: it is not confirmed, or was called off", body = Problem),
    ))]
pub(super) async fn any_invoice(orders: Data<Orders>, _: Staff, id: Path<String>) -> Answer {
    let id: OrderId = id.parse().map_err(|_| OrderError::NotFound)?;
    let found = store::find(&orders.inner.db, id).await.map_err(OrderError::from)?;
    let order = found.ok_or(OrderError::NotFound)?;
    invoice(&orders, &order).await
}

/// The slip that goes with a parcel: what is in it, and where it goes.
#[utoipa::path(get, path = "/v1/admin/shipments/{id}/packing-slip.pdf", tag = "admin",
    params(("id" = Uuid, Path, description = "The parcel")),
    responses(
        (status = 200, description = "The packing slip", body = inline(Pdf), content_type = "application/pdf"),
    ))]
pub(super) async fn slip(orders: Data<Orders>, _: Staff, id: Path<String>) -> Answer {
    let unknown = || Problem::not_found("such parcel");
    let (id, db): (ShipmentId, _) = (id.parse().map_err(|_| unknown())?, &orders.inner.db);
    let of = shipment::order_of(db, id).await?.ok_or_else(unknown)?;
    let order = store::find(db, of).await?.ok_or(OrderError::NotFound)?;
    let parcel = order.shipments.iter().find(|parcel| parcel.id == id).ok_or_else(unknown)?;
    let rows = packing_slip(&order, parcel, &orders.inner.settings.seller);
    answer(format!("packing-slip-{id}"), rows).await
}

async fn invoice(orders: &Orders, order: &Order) -> Answer {
    let issued = orders.invoice(order).await?;
    answer(issued.name(), issued.rows()).await
}

async fn answer(name: String, rows: Vec<Row>) -> Answer {
    let title = name.clone();
    // Fonts are read and made smaller for it: that would hold up other requests.
    let pdf = tokio::task::spawn_blocking(move || paper::pdf(&title, &rows))
        .await
        .map_err(|error| platform::sql::Error::Inconsistent(error.to_string()))??;
    Ok(HttpResponse::Ok()
        .content_type("application/pdf")
        .insert_header((CONTENT_DISPOSITION, format!("inline; filename=\"{name}.pdf\"")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(pdf))
}
