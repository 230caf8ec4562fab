//! `/v1/admin/stock`: what the staff see and change.

mod locations;
mod policy;
mod problem;
mod shifts;
mod stock;

use actix_web::web;

use crate::Inventory;

pub(crate) fn routes(inventory: Inventory, config: &mut web::ServiceConfig) {
    config.app_data(web::Data::new(inventory));
    // The words first: a product's id stands in the same place.
    locations::routes(config);
    shifts::routes(config);
    policy::routes(config);
    stock::routes(config);
}

pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    stock::openapi()
        .merge_from(locations::openapi())
        .merge_from(policy::openapi())
        .merge_from(shifts::openapi())
}
