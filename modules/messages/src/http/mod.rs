//! The module's endpoints.

mod messages;

use actix_web::web;
use utoipa::OpenApi;

use crate::Messages;

pub(crate) fn routes(messages: &Messages, config: &mut web::ServiceConfig) {
    config
        .app_data(web::Data::new(messages.clone()))
        .route("/v1/admin/messages", web::get().to(messages::list))
        .route("/v1/admin/messages/{id}/retry", web::post().to(messages::retry));
}

#[derive(OpenApi)]
#[openapi(paths(messages::list, messages::retry))]
struct Api;

pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
