//! `/v1/admin/fraud`: what was decided, what is to be looked at, and what it turned out to be.

mod decisions;

use actix_web::web::{Data, ServiceConfig, get, post};
use kernel::Problem;
use platform::http::Failure;
use utoipa::OpenApi;

use crate::Fraud;
use crate::error::Error;

/// Registers the routes.
pub fn routes(fraud: &Fraud, config: &mut ServiceConfig) {
    config
        .app_data(Data::new(fraud.clone()))
        .route("/v1/admin/fraud/decisions", get().to(decisions::list))
        .route("/v1/admin/fraud/reviews", get().to(decisions::reviews))
        .route("/v1/admin/fraud/decisions/{id}/verdict", post().to(decisions::judge));
}

#[derive(OpenApi)]
#[openapi(
    paths(decisions::list, decisions::reviews, decisions::judge),
    components(schemas(
        decisions::DecisionView,
        kernel::ports::Decision,
        crate::domain::rules::Reason,
        crate::domain::rules::Shared,
        crate::store::Verdict,
    ))
)]
struct Docs;

/// Describes the routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Docs::openapi()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(id) => Problem::not_found(format_args!("decision {id}")).into(),
            Error::Storage(error) => error.into(),
        }
    }
}
