//! `/v1/admin/analytics`: what the staff see.

mod sales;
mod searches;

use actix_web::web;
use kernel::Problem;
use platform::http::Failure;
use utoipa::OpenApi;

use crate::Analytics;
use crate::domain::InvalidPeriod;

pub(crate) fn routes(analytics: Analytics, config: &mut web::ServiceConfig) {
    config
        .app_data(web::Data::new(analytics))
        .route("/v1/admin/analytics/sales", web::get().to(sales::sales))
        .route("/v1/admin/analytics/top-products", web::get().to(sales::top_products))
        .route("/v1/admin/analytics/search", web::get().to(searches::searches));
}

#[derive(OpenApi)]
#[openapi(
    paths(sales::sales, sales::top_products, searches::searches),
    components(schemas(
        sales::SalesView,
        sales::DayView,
        sales::TopView,
        sales::ProductView,
        searches::SearchView,
        searches::TermView,
        crate::domain::TermSort,
    ))
)]
struct Docs;

pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    Docs::openapi()
}

impl From<InvalidPeriod> for Failure {
    fn from(error: InvalidPeriod) -> Self {
        Problem::invalid(error.field, error.allowed).into()
    }
}
