//! The endpoints.

mod account;
mod answer;
mod api_keys;
mod cookie;
mod problem;
mod roles;
mod session;

use actix_web::web::{Data, ServiceConfig, get, post};
use utoipa::OpenApi;

use crate::Accounts;

#[derive(OpenApi)]
#[openapi(paths(
    account::register,
    account::me,
    account::jwks,
    session::login,
    session::guest,
    session::refresh,
    session::logout,
))]
struct Api;

pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    let mut api = Api::openapi();
    api.merge(roles::openapi());
    api.merge(api_keys::openapi());
    api
}

pub(crate) fn routes(accounts: &Accounts, config: &mut ServiceConfig) {
    config
        .app_data(Data::new(accounts.clone()))
        .route("/v1/auth/register", post().to(account::register))
        .route("/v1/auth/me", get().to(account::me))
        .route("/v1/auth/login", post().to(session::login))
        .route("/v1/auth/guest", post().to(session::guest))
        .route("/v1/auth/refresh", post().to(session::refresh))
        .route("/v1/auth/logout", post().to(session::logout))
        .route("/.well-known/jwks.json", get().to(account::jwks))
        .configure(roles::routes)
        .configure(api_keys::routes);
}
