//! The endpoints.

mod account;
mod answer;
mod api_keys;
mod cookie;
mod factors;
mod groups;
mod passkeys;
mod problem;
mod recovery;
mod roles;
mod session;
mod sessions;

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
    api.merge(recovery::openapi());
    api.merge(sessions::openapi());
    api.merge(factors::openapi());
    api.merge(passkeys::openapi());
    api.merge(roles::openapi());
    api.merge(groups::openapi());
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
        .configure(recovery::routes)
        .configure(sessions::routes)
        .configure(factors::routes)
        .configure(passkeys::routes)
        .configure(roles::routes)
        .configure(groups::routes)
        .configure(api_keys::routes);
}
