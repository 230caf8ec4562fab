//! The endpoints of payments.

mod admin;
mod challenge;
mod payments;
mod problem;
mod tokens;

use actix_web::guard;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Data, ServiceConfig, get, post, resource};
use utoipa::OpenApi;

use crate::Payments;

/// Registers the routes.
pub fn routes(payments: &Payments, config: &mut ServiceConfig) {
    let is_form = guard::fn_guard(|context| {
        let kind = context.head().headers().get(CONTENT_TYPE);
        kind.and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
    });
    config
        .app_data(Data::new(payments.clone()))
        .service(resource("/v1/payment-tokens").route(post().to(tokens::create)))
        .service(resource("/v1/payments/{id}").route(get().to(payments::get)))
        .service(
            resource("/v1/payments/{id}/challenge")
                .route(get().to(challenge::page))
                .route(post().guard(is_form).to(challenge::submit))
                .route(post().to(challenge::answer)),
        )
        .service(resource("/v1/admin/payments").route(get().to(payments::list)))
        .service(resource("/v1/admin/payments/{id}/capture").route(post().to(admin::capture)))
        .service(resource("/v1/admin/payments/{id}/void").route(post().to(admin::void)))
        .service(resource("/v1/admin/payments/{id}/refund").route(post().to(admin::refund)));
}

#[derive(OpenApi)]
#[openapi(
    paths(
        tokens::create,
        payments::get,
        payments::list,
        challenge::page,
        challenge::answer,
        admin::capture,
        admin::void,
        admin::refund
    ),
    components(schemas(kernel::Problem))
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
            "/v1/admin/payments/{id}/capture",
            "/v1/admin/payments/{id}/refund",
            "/v1/admin/payments/{id}/void",
            "/v1/payment-tokens",
            "/v1/payments/{id}",
            "/v1/payments/{id}/challenge",
        ];
        assert_eq!(paths, wanted);
        let schemas = &described["components"]["schemas"];
        for name in ["Payment", "NewPaymentToken", "PaymentToken", "Money", "Problem"] {
            assert!(schemas.get(name).is_some(), "{name} is not described: {schemas}");
        }
    }
}
