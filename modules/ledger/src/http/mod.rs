//! `/v1/admin/ledger`: what the staff see of the journal, and what they bring to it.

mod at_risk;
mod differences;
mod journal;
mod problem;
mod settlements;

use actix_web::web::{self, Data, get, post};
use utoipa::OpenApi;

use crate::Ledger;

pub(crate) fn routes(ledger: Ledger, config: &mut web::ServiceConfig) {
    config
        .app_data(Data::new(ledger))
        .route("/v1/admin/ledger/accounts", get().to(journal::accounts))
        .route("/v1/admin/ledger/accounts/{code}/entries", get().to(journal::of_account))
        .route("/v1/admin/ledger/entries", get().to(journal::entries))
        .route("/v1/admin/ledger/entries/{number}", get().to(journal::entry))
        .route("/v1/admin/ledger/settlements", get().to(settlements::list))
        .route("/v1/admin/ledger/settlements", post().to(settlements::import))
        .route("/v1/admin/ledger/settlements/fetch", post().to(settlements::fetch))
        .route("/v1/admin/ledger/differences", get().to(differences::list))
        .route("/v1/admin/ledger/differences/{id}/resolve", post().to(differences::resolve))
        .route("/v1/admin/ledger/at-risk", get().to(at_risk::at_risk));
}

#[derive(OpenApi)]
#[openapi(paths(
    journal::accounts,
    journal::of_account,
    journal::entries,
    journal::entry,
    settlements::list,
    settlements::import,
    settlements::fetch,
    differences::list,
    differences::resolve,
    at_risk::at_risk,
))]
struct Docs;

pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    Docs::openapi()
}
