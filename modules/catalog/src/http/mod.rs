//! The catalogue's endpoints.

mod admin;
mod attributes;
mod bulk;
mod categories;
mod clicks;
mod collections;
mod defined;
mod exports;
mod files;
mod images;
mod imports;
mod listing;
mod markets;
mod parts;
mod price_files;
mod price_lists;
mod prices;
mod problem;
mod related;
mod shop;
mod synonyms;
mod told;
mod view;

use actix_web::web;
use utoipa::OpenApi;

use crate::Catalog;

#[derive(OpenApi)]
#[openapi(
    paths(
        shop::show,
        shop::by_slug,
        shop::related,
        admin::create,
        admin::show,
        admin::replace,
        admin::patch,
        admin::archive,
        admin::history,
    ),
    components(schemas(view::ProductView, crate::ProductInput))
)]
struct Document;

/// Paths and schemas of the catalogue's endpoints.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
        .merge_from(attributes::openapi())
        .merge_from(bulk::openapi())
        .merge_from(categories::openapi())
        .merge_from(clicks::openapi())
        .merge_from(markets::openapi())
        .merge_from(price_lists::openapi())
        .merge_from(price_files::openapi())
        .merge_from(prices::openapi())
        .merge_from(collections::openapi())
        .merge_from(related::openapi())
        .merge_from(parts::openapi())
        .merge_from(images::openapi())
        .merge_from(listing::openapi())
        .merge_from(synonyms::openapi())
        .merge_from(imports::openapi())
        .merge_from(exports::openapi())
}

pub(crate) fn routes(catalog: &Catalog, config: &mut web::ServiceConfig) {
    config
        .app_data(web::Data::new(catalog.clone()))
        .configure(listing::routes)
        .configure(synonyms::routes)
        .route("/v1/products/slug/{slug}", web::get().to(shop::by_slug))
        .route("/v1/products/{key}", web::get().to(shop::show))
        .route("/v1/products/{key}/related", web::get().to(shop::related))
        .configure(clicks::routes)
        .configure(images::routes)
        .configure(imports::routes)
        .configure(exports::routes)
        .route("/v1/admin/products", web::post().to(admin::create))
        .route("/v1/admin/products/{id}", web::get().to(admin::show))
        .route("/v1/admin/products/{id}", web::put().to(admin::replace))
        .route("/v1/admin/products/{id}", web::patch().to(admin::patch))
        .route("/v1/admin/products/{id}", web::delete().to(admin::archive))
        .route("/v1/admin/products/{id}/history", web::get().to(admin::history))
        .configure(attributes::routes)
        .configure(bulk::routes)
        .configure(categories::routes)
        .configure(markets::routes)
        .configure(price_lists::routes)
        .configure(price_files::routes)
        .configure(prices::routes)
        .configure(collections::routes)
        .configure(related::routes)
        .configure(parts::routes);
}
