use actix_web::http::header::{ETAG, IF_MATCH, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use kernel::Problem;
use kernel::id::ProductId;
use kernel::page::{Page, PageQuery};
use platform::audit::{Place, Recorded};
use platform::http::{
    Answer, Body, Editor, Failure, IfMatch, OptionalKey, Params, Staff, answer, etag, no_content,
    ok, stored,
};
use platform::idempotency::{self, Claim, Key};

use super::told::told;
use super::view::ProductView;
use crate::domain::Product;
use crate::{Catalog, ProductInput, usecase};

const CREATE: &str = "POST /v1/admin/products";

/// Creates a product.
#[utoipa::path(
    post, path = "/v1/admin/products", tag = "catalog admin", request_body = ProductInput,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses(
        (status = 201, description = "The product", body = ProductView,
            headers(("Location"), ("x-consistency-token"))),
        (status = 409, description = "The SKU belongs to another product", body = Problem),
        (status = 422, description = "A field is not allowed; nothing was created", body = Problem),
    )
)]
pub(crate) async fn create(
    editor: Editor,
    catalog: web::Data<Catalog>,
    key: OptionalKey,
    body: Body<ProductInput>,
) -> Answer {
    let staff = editor.id;
    let key = key.0.map(|key| Key::new(staff, CREATE, &key, &body.raw));
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
    let product = usecase::create::create(&mut tx, body.value, &editor.actor()).await?;
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
    told(&catalog, response).await
}

pub(super) fn product_id(text: &str) -> Result<ProductId, Problem> {
    text.parse().map_err(|_| Problem::not_found("such product"))
}

pub(super) async fn versioned(
    catalog: &Catalog,
    product: Product,
) -> Result<HttpResponse, Failure> {
    let etag = etag(product.revision);
    let mut parts = catalog.parts([&product]).await?;
    let parts = parts.remove(&product.id.uuid()).unwrap_or_default();
    let view = ProductView { parts, ..ProductView::from(product) };
    Ok(HttpResponse::Ok().insert_header((ETAG, etag)).json(view))
}

/// One product in any status. Its ETag is what a change of it sends as If-Match.
#[utoipa::path(
    get, path = "/v1/admin/products/{id}", tag = "catalog admin",
    params(("id" = Uuid, Path, description = "The id")),
    responses(
        (status = 200, description = "The product", body = ProductView,
            headers(("ETag"))),
        (status = 404, description = "There is no such product", body = Problem),
    )
)]
pub(crate) async fn show(_: Staff, catalog: web::Data<Catalog>, id: web::Path<String>) -> Answer {
    versioned(&catalog, catalog.find(product_id(&id)?).await?).await
}

/// Replaces a product that still is in the version of If-Match.
#[utoipa::path(
    put, path = "/v1/admin/products/{id}", tag = "catalog admin", request_body = ProductInput,
    params(
        ("id" = Uuid, Path, description = "The id"),
        ("If-Match" = String, Header, description = "The version that was read, e.g. `\"3\"`"),
    ),
    responses(
        (status = 200, description = "The product as it is now", body = ProductView,
            headers(("ETag"), ("x-consistency-token"))),
        (status = 400, description = "If-Match is missing", body = Problem),
        (status = 409, description = "The slug belongs to another product", body = Problem),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
        (status = 422, description = "A field is not allowed; nothing was changed", body = Problem),
    )
)]
pub(crate) async fn replace(
    editor: Editor,
    version: IfMatch,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
    body: Body<ProductInput>,
) -> Answer {
    let changed = catalog.update(product_id(&id)?, version.0, body.value, &editor.actor()).await?;
    told(&catalog, versioned(&catalog, changed).await?).await
}

/// Changes some fields of a product that still is in the version of If-Match, by a JSON merge
/// patch (RFC 7396): what is left out stays, what is null goes back to its default.
#[utoipa::path(
    patch, path = "/v1/admin/products/{id}", tag = "catalog admin",
    request_body(content = Object, content_type = "application/merge-patch+json",
        example = json!({"price": {"amount": "44.90", "currency": "EUR"}, "attributes": {"watts": null}})),
    params(
        ("id" = Uuid, Path, description = "The id"),
        ("If-Match" = String, Header, description = "The version that was read, e.g. `\"3\"`"),
    ),
    responses(
        (status = 200, description = "The product as it is now", body = ProductView,
            headers(("ETag"), ("x-consistency-token"))),
        (status = 400, description = "If-Match is missing", body = Problem),
        (status = 409, description = "The slug belongs to another product", body = Problem),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
        (status = 422, description = "A field is not allowed; nothing was changed", body = Problem),
    )
)]
pub(crate) async fn patch(
    editor: Editor,
    version: IfMatch,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
    body: Body<serde_json::Value>,
) -> Answer {
    let changed = catalog.patch(product_id(&id)?, version.0, body.value, &editor.actor()).await?;
    told(&catalog, versioned(&catalog, changed).await?).await
}

/// Takes a product out of the shop; orders of it go on.
#[utoipa::path(
    delete, path = "/v1/admin/products/{id}", tag = "catalog admin",
    params(
        ("id" = Uuid, Path, description = "The id"),
        ("If-Match" = Option<String>, Header, description = "Only if it is in this version"),
    ),
    responses(
        (status = 204, description = "It is archived",
            headers(("x-consistency-token"))),
        (status = 404, description = "There is no such product", body = Problem),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
    )
)]
pub(crate) async fn archive(
    editor: Editor,
    version: Option<IfMatch>,
    request: HttpRequest,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
) -> Answer {
    if version.is_none() && request.headers().contains_key(IF_MATCH) {
        return Err(IfMatch::wrong().into());
    }
    let version = version.map(|version| version.0);
    catalog.archive(product_id(&id)?, version, &editor.actor()).await?;
    told(&catalog, no_content()?).await
}

/// What was done to a product.
#[utoipa::path(
    get, path = "/v1/admin/products/{id}/history", tag = "catalog admin",
    params(("id" = Uuid, Path, description = "The id"), kernel::page::PageQuery),
    responses((status = 200, description = "The newest first", body = Page<Recorded>))
)]
pub(crate) async fn history(
    _: Staff,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
    page: Params<PageQuery>,
) -> Answer {
    let (limit, before) = (page.0.limit()?, page.0.position::<Place>()?);
    let told = catalog.history(product_id(&id)?.uuid(), before, limit + 1).await?;
    ok(&Page::cut(told, limit, Recorded::place))
}
