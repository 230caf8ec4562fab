use actix_web::http::header::{ETAG, IF_MATCH, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use kernel::Problem;
use kernel::id::ProductId;
use kernel::problem::code;
use platform::http::{Answer, Body, Failure, OptionalKey, Staff, answer, no_content, stored};
use platform::idempotency::{self, Claim, Key};

use super::view::ProductView;
use crate::domain::Product;
use crate::{Catalog, ProductInput, usecase};

const CREATE: &str = "POST /v1/admin/products";

/// Creates a product.
#[utoipa::path(
    post, path = "/v1/admin/products", tag = "catalog admin", request_body = ProductInput,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses(
        (status = 201, description = "The product", body = ProductView),
        (status = 409, description = "The SKU belongs to another product", body = Problem),
        (status = 422, description = "A field is not allowed; nothing was created", body = Problem),
    )
)]
pub(crate) async fn create(
    staff: Staff,
    catalog: web::Data<Catalog>,
    key: OptionalKey,
    body: Body<ProductInput>,
) -> Answer {
    let key = key.0.map(|key| Key::new(staff.id, CREATE, &key, &body.raw));
    let mut tx = catalog.db.begin("catalog.create").await?;
    if let Some(key) = &key {
        let claim = idempotency::claim(&mut tx, key).await?;
        if let Some(problem) = claim.problem() {
            return Err(problem.into());
        }
        if let Claim::Done(before) = claim {
            return Ok(stored(before, true));
        }
    }
    let product = usecase::create::create(&mut tx, body.value).await?;
    let location = format!("/v1/admin/products/{}", product.id);
    let json = serde_json::to_string(&ProductView::from(product)).map_err(Failure::internal)?;
    let created = idempotency::Answer { status: 201, body: json };
    if let Some(key) = &key {
        idempotency::finish(&mut tx, &key.scope, &key.key, &created).await?;
    }
    tx.commit().await?;
    let mut response = answer(created.status, created.body);
    if let Ok(location) = location.parse() {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

fn product_id(text: &str) -> Result<ProductId, Problem> {
    text.parse().map_err(|_| Problem::not_found("such product"))
}

fn versioned(product: Product) -> HttpResponse {
    let etag = format!("\"{}\"", product.version);
    HttpResponse::Ok().insert_header((ETAG, etag)).json(ProductView::from(product))
}

/// One product in any status. Its ETag is what a change of it sends as If-Match.
#[utoipa::path(
    get, path = "/v1/admin/products/{id}", tag = "catalog admin",
    params(("id" = String, Path, description = "The id")),
    responses(
        (status = 200, description = "The product", body = ProductView),
        (status = 404, description = "There is no such product", body = Problem),
    )
)]
pub(crate) async fn show(_: Staff, catalog: web::Data<Catalog>, id: web::Path<String>) -> Answer {
    Ok(versioned(catalog.find(product_id(&id)?).await?))
}

/// Replaces a product that still is in the version of If-Match.
#[utoipa::path(
    put, path = "/v1/admin/products/{id}", tag = "catalog admin", request_body = ProductInput,
    params(
        ("id" = String, Path, description = "The id"),
        ("If-Match" = String, Header, description = "The version that was read, e.g. `\"3\"`"),
    ),
    responses(
        (status = 200, description = "The product as it is now", body = ProductView),
        (status = 400, description = "If-Match is missing", body = Problem),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
        (status = 422, description = "A field is not allowed; nothing was changed", body = Problem),
    )
)]
pub(crate) async fn replace(
    _: Staff,
    request: HttpRequest,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
    body: Body<ProductInput>,
) -> Answer {
    let (id, version) = (product_id(&id)?, expected_version(&request)?);
    Ok(versioned(catalog.update(id, version, body.value).await?))
}

pub(super) fn expected_version(request: &HttpRequest) -> Result<i64, Problem> {
    let value = request.headers().get(IF_MATCH).and_then(|value| value.to_str().ok());
    let version = value.and_then(|value| value.trim().trim_matches('"').parse().ok());
    version.ok_or_else(|| {
        let message = "must be the ETag as it was read, e.g. \"3\"";
        Problem::new(code::INVALID_REQUEST, format!("If-Match {message}."))
            .field("If-Match", message)
    })
}

/// Takes a product out of the shop; orders of it go on.
#[utoipa::path(
    delete, path = "/v1/admin/products/{id}", tag = "catalog admin",
    params(("id" = String, Path, description = "The id")),
    responses(
        (status = 204, description = "It is archived"),
        (status = 404, description = "There is no such product", body = Problem),
    )
)]
pub(crate) async fn archive(
    _: Staff,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
) -> Answer {
    catalog.archive(product_id(&id)?).await?;
    no_content()
}
