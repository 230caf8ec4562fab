//! Gift cards and store credit, for the staff and for those who have them.

mod admin;
mod problem;
mod shopper;
mod view;

use actix_web::web::{Data, ServiceConfig, get, post};
use utoipa::OpenApi;

use crate::Credits;

/// Registers the routes.
pub fn routes(credits: &Credits, config: &mut ServiceConfig) {
    config
        .app_data(Data::new(credits.clone()))
        .route("/v1/gift-cards/balance", post().to(shopper::balance))
        .route("/v1/me/store-credit", get().to(shopper::store_credit))
        .route("/v1/me/store-credit/{id}/movements", get().to(shopper::movements))
        .route("/v1/admin/gift-cards", post().to(admin::issue))
        .route("/v1/admin/gift-cards", get().to(admin::list))
        .route("/v1/admin/gift-cards/{id}", get().to(admin::show))
        .route("/v1/admin/gift-cards/{id}/block", post().to(admin::block))
        .route("/v1/admin/gift-cards/{id}/unblock", post().to(admin::unblock))
        .route("/v1/admin/gift-cards/{id}/adjust", post().to(admin::adjust))
        .route("/v1/admin/gift-cards/{id}/movements", get().to(admin::movements))
        .route("/v1/admin/customers/{id}/store-credit", post().to(admin::grant))
        .route("/v1/admin/customers/{id}/store-credit", get().to(admin::store_credit))
        .route(
            "/v1/admin/customers/{id}/store-credit/adjust",
            post().to(admin::adjust_store_credit),
        );
}

#[derive(OpenApi)]
#[openapi(paths(
    shopper::balance,
    shopper::store_credit,
    shopper::movements,
    admin::issue,
    admin::list,
    admin::show,
    admin::block,
    admin::unblock,
    admin::adjust,
    admin::movements,
    admin::grant,
    admin::store_credit,
    admin::adjust_store_credit,
))]
struct Docs;

/// Describes the routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Docs::openapi()
}
