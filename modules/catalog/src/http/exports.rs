use actix_web::{HttpResponse, web};
use kernel::Problem;
use platform::http::{Answer, Params, Staff, download};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use crate::domain::Format;
use crate::{Catalog, Export};

#[derive(OpenApi)]
#[openapi(paths(export, definitions))]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/admin/products/export", web::get().to(export))
        .route("/v1/admin/catalog/export", web::get().to(definitions));
}

/// What kind of file is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportParams {
    /// How the file holds what is in it.
    pub(super) format: Format,
}

/// All products in every status with their former slugs and relations, as a file that an import
/// reads: imported into the same shop it changes nothing. An answer that ends too early is not whole.
#[utoipa::path(
    get, path = "/v1/admin/products/export", tag = "catalog admin", params(ExportParams),
    responses(
        (status = 200, description = "The file",
            content((String = "application/x-ndjson"), (String = "text/csv"))),
        (status = 422, description = "A parameter is not allowed", body = Problem),
    )
)]
pub(crate) async fn export(
    _: Staff,
    catalog: web::Data<Catalog>,
    params: Params<ExportParams>,
) -> Answer {
    Ok(file("products", catalog.export(params.0.format)))
}

/// Everything that is defined besides products and prices: attributes, categories, collections,
/// markets, price lists and synonyms. Each line is a JSON object of `kind` (`attribute`,
/// `category`, `collection`, `market`, `price_list`, `synonym`) and `definition`, which has the
/// fields that its endpoint takes; a category has its `path` instead of a parent, a collection the
/// SKUs that were chosen for it in `products`. An answer that ends too early is not whole.
#[utoipa::path(
    get, path = "/v1/admin/catalog/export", tag = "catalog admin",
    responses(
        (status = 200, description = "The file", body = String, content_type = "application/x-ndjson"),
    )
)]
pub(crate) async fn definitions(_: Staff, catalog: web::Data<Catalog>) -> Answer {
    Ok(file("catalog", catalog.export_definitions()))
}

/// An answer that is a file of this name, sent as it is made.
pub(super) fn file(name: &str, export: Export) -> HttpResponse {
    let format = export.format();
    let kind = match format {
        Format::Jsonl => "application/x-ndjson",
        Format::Csv => "text/csv; charset=utf-8",
    };
    let name = format!("{name}.{}", format.word());
    download(kind, &name, export, async |export: &mut Export| export.next().await)
}
