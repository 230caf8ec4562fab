//! The endpoints of payments.

mod admin;
mod challenge;
mod payments;
mod problem;
mod webhooks;

use actix_web::guard;
use actix_web::web::{Data, ServiceConfig, get, post};
use platform::http::says_form;
use utoipa::OpenApi;

use crate::Payments;
pub use payments::Needs;

/// Registers the routes.
pub fn routes(payments: &Payments, config: &mut ServiceConfig) {
    let is_form = guard::fn_guard(|context| says_form(context.head().headers()));
    config
        .app_data(Data::new(payments.clone()))
        .route("/v1/payments/{id}", get().to(payments::get))
        .route("/v1/payments/{id}/challenge", get().to(challenge::page))
        .route("/v1/payments/{id}/challenge", post().guard(is_form).to(challenge::submit))
        .route("/v1/payments/{id}/challenge", post().to(challenge::answer))
        .route("/v1/admin/payments", get().to(payments::list))
        .route("/v1/admin/payments/processor-events", get().to(webhooks::events))
        .route("/v1/admin/payments/processor-events/{id}/retry", post().to(webhooks::retry))
        .route("/v1/admin/payments/{id}/capture", post().to(admin::capture))
        .route("/v1/admin/payments/{id}/void", post().to(admin::void))
        .route("/v1/admin/payments/{id}/refund", post().to(admin::refund))
        .route("/v1/admin/payments/{id}/dispute/evidence", post().to(admin::evidence))
        .route("/v1/admin/payments/{id}/dispute/accept", post().to(admin::accept))
        .route("/v1/admin/payments/{id}/resolve", post().to(admin::resolve))
        .route("/v1/webhooks/{processor}", post().to(webhooks::receive));
}

#[derive(OpenApi)]
#[openapi(
    paths(
        payments::get,
        payments::list,
        challenge::page,
        challenge::answer,
        admin::capture,
        admin::void,
        admin::refund,
        admin::evidence,
        admin::accept,
        admin::resolve,
        webhooks::receive,
        webhooks::events,
        webhooks::retry
    ),
    components(schemas(kernel::Problem, Needs))
)]
struct Api;

/// Describes the routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_route_is_described() {
        let described = serde_json::to_value(super::openapi()).unwrap();
        let mut paths: Vec<_> = described["paths"].as_object().unwrap().keys().collect();
        paths.sort_unstable();
        let wanted = [
            "/v1/admin/payments",
            "/v1/admin/payments/processor-events",
            "/v1/admin/payments/processor-events/{id}/retry",
            "/v1/admin/payments/{id}/capture",
            "/v1/admin/payments/{id}/dispute/accept",
            "/v1/admin/payments/{id}/dispute/evidence",
            "/v1/admin/payments/{id}/refund",
            "/v1/admin/payments/{id}/resolve",
            "/v1/admin/payments/{id}/void",
            "/v1/payments/{id}",
            "/v1/payments/{id}/challenge",
            "/v1/webhooks/{processor}",
        ];
        assert_eq!(paths, wanted);
        let schemas = &described["components"]["schemas"];
        for name in ["Payment", "Money", "Problem"] {
            assert!(schemas.get(name).is_some(), "{name} is not described: {schemas}");
        }
    }
}
