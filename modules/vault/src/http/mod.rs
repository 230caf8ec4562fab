//! The endpoint of the vault.

mod tokens;

use actix_web::web::{Data, ServiceConfig, post};
use utoipa::OpenApi;

use crate::Vault;

/// Registers the route.
pub fn routes(vault: &Vault, config: &mut ServiceConfig) {
    config
        .app_data(Data::new(vault.clone()))
        .route("/v1/payment-tokens", post().to(tokens::create));
}

#[derive(OpenApi)]
#[openapi(paths(tokens::create), components(schemas(kernel::Problem)))]
struct Api;

/// Describes the route.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
