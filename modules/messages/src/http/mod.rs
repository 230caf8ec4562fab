//! The module's endpoints.

mod messages;
mod webhooks;

use actix_web::web;
use utoipa::OpenApi;

use crate::Messages;

pub(crate) fn routes(messages: &Messages, config: &mut web::ServiceConfig) {
    config
        .app_data(web::Data::new(messages.clone()))
        .route("/v1/admin/messages", web::get().to(messages::list))
        .route("/v1/admin/messages/{id}/retry", web::post().to(messages::retry))
        .route("/v1/admin/webhooks", web::get().to(webhooks::list))
        .route("/v1/admin/webhooks", web::post().to(webhooks::create))
        .route("/v1/admin/webhooks/{id}", web::get().to(webhooks::show))
        .route("/v1/admin/webhooks/{id}", web::put().to(webhooks::replace))
        .route("/v1/admin/webhooks/{id}/deliveries", web::get().to(webhooks::deliveries))
        .route(
            "/v1/admin/webhooks/{id}/deliveries/{delivery}/redeliver",
            web::post().to(webhooks::redeliver),
        );
}

#[derive(OpenApi)]
#[openapi(paths(
    messages::list,
    messages::retry,
    webhooks::list,
    webhooks::create,
    webhooks::show,
    webhooks::replace,
    webhooks::deliveries,
    webhooks::redeliver,
))]
struct Api;

pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
