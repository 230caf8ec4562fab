use actix_web::{HttpRequest, web};
use kernel::Problem;
use platform::http::{Answer, Editor, Params, Staff, ok};
use utoipa::OpenApi;

use super::exports::{ExportParams, file};
use super::files::whole;
use super::imports::ImportParams;
use super::price_lists::list_id;
use super::told::told;
use crate::Catalog;
use crate::domain::PRICE_FILE_MAX;
use crate::usecase::PricesImported;

#[derive(OpenApi)]
#[openapi(paths(export, import), components(schemas(PricesImported)))]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/admin/price-lists/{id}/entries/export", web::get().to(export))
        .route("/v1/admin/price-lists/{id}/entries/import", web::post().to(import));
}

/// The prices of a list, as a file that an import reads: imported into the same list it changes
/// nothing. An answer that ends too early is not whole.
#[utoipa::path(
    get, path = "/v1/admin/price-lists/{id}/entries/export", tag = "prices",
    params(("id" = Uuid, Path, description = "The id of the list"), ExportParams),
    responses(
        (status = 200, description = "By product and quantity: sku, min_quantity, price, currency",
            content((String = "application/x-ndjson"), (String = "text/csv"))),
        (status = 404, description = "There is no such list", body = Problem),
    )
)]
async fn export(
    _: Staff,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
    params: Params<ExportParams>,
) -> Answer {
    let id = list_id(&id)?;
    Ok(file(&format!("prices-{id}"), catalog.export_prices(id, params.0.format).await?))
}

/// Puts the prices of a file into a list: all of them, or none when a line is not allowed. A line
/// has `sku`, `price`, and perhaps `min_quantity` (1 unless said otherwise) and `currency` (the
/// list's); an empty `price` takes the price out. At most 10,000 lines and 2 MiB, also behind
/// `Content-Encoding: gzip`. With `dry_run` it only tells what would become of them.
#[utoipa::path(
    post, path = "/v1/admin/price-lists/{id}/entries/import", tag = "prices",
    params(("id" = Uuid, Path, description = "The id of the list"), ImportParams),
    request_body(content((Option<String> = "application/x-ndjson"), (Option<String> = "text/csv"))),
    responses(
        (status = 200, description = "What became of them", body = PricesImported,
            headers(("x-consistency-token"))),
        (status = 404, description = "There is no such list", body = Problem),
        (status = 413, description = "The file is too long; nothing was written", body = Problem),
        (status = 422, description = "`lines` names each that is not allowed, with `line`, `field` \
            and `message`; nothing was written", body = Problem),
    )
)]
async fn import(
    editor: Editor,
    request: HttpRequest,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
    params: Params<ImportParams>,
    payload: web::Payload,
) -> Answer {
    let id = list_id(&id)?;
    let text = whole(&request, payload, PRICE_FILE_MAX).await?;
    let ImportParams { format, dry_run } = params.0;
    let imported = catalog.import_prices(id, format, text, dry_run, &editor.actor()).await?;
    told(&catalog, ok(&imported)?).await
}
