//! `/v1/admin/ledger`: the log as its readers know it, by C2SP's tlog-tiles, and proofs for who does not.

mod files;
mod problem;
mod proofs;

use actix_web::web;
use utoipa::OpenApi;

use crate::Notary;

pub(crate) fn routes(notary: Notary, config: &mut web::ServiceConfig) {
    config
        .app_data(web::Data::new(notary))
        .route("/v1/admin/ledger/checkpoint", web::get().to(files::checkpoint))
        .route("/v1/admin/ledger/tile/{path:.*}", web::get().to(files::tile))
        .route("/v1/admin/ledger/proofs/inclusion", web::get().to(proofs::inclusion))
        .route("/v1/admin/ledger/proofs/consistency", web::get().to(proofs::consistency))
        .route("/v1/admin/ledger/receipts/{id}", web::get().to(proofs::receipt));
}

#[derive(OpenApi)]
#[openapi(
    paths(files::checkpoint, files::tile, proofs::inclusion, proofs::consistency, proofs::receipt,),
    components(schemas(proofs::InclusionView, proofs::ConsistencyView))
)]
struct Docs;

pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    Docs::openapi()
}
