//! The catalogue's endpoints.

mod admin;
mod files;
mod images;
mod problem;
mod shop;
mod view;

use actix_web::web;
use utoipa::OpenApi;

use crate::Catalog;

#[derive(OpenApi)]
#[openapi(
    paths(
        shop::list,
        shop::suggest,
        shop::show,
        shop::categories,
        admin::create,
        admin::show,
        admin::replace,
        admin::archive,
    ),
    components(schemas(view::ProductView, view::Suggestion, view::Category, crate::ProductInput))
)]
struct Document;

/// Paths and schemas of the catalogue's endpoints.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut api = Document::openapi();
    api.merge(images::Document::openapi());
    api
}

pub(crate) fn routes(catalog: &Catalog, config: &mut web::ServiceConfig) {
    config
        .app_data(web::Data::new(catalog.clone()))
        .configure(images::routes)
        .route("/v1/products", web::get().to(shop::list))
        .route("/v1/products/suggest", web::get().to(shop::suggest))
        .route("/v1/products/{key}", web::get().to(shop::show))
        .route("/v1/categories", web::get().to(shop::categories))
        .route("/v1/admin/products", web::post().to(admin::create))
        .route("/v1/admin/products/{id}", web::get().to(admin::show))
        .route("/v1/admin/products/{id}", web::put().to(admin::replace))
        .route("/v1/admin/products/{id}", web::delete().to(admin::archive));
}
