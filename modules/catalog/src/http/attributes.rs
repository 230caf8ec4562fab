use actix_web::web;
use kernel::Problem;
use kernel::page::Page;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use platform::http::{Answer, Body, Editor, IfMatch, Staff, no_content, ok};
use utoipa::OpenApi;

use super::defined::{made, shown};
use super::told::told;
use crate::{Attribute, AttributeInput, Catalog};

/// All but what stands for itself in a path (RFC 3986, section 2.3): a code is any text.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(OpenApi)]
#[openapi(
    paths(list, create, show, replace, delete),
    components(schemas(Attribute, AttributeInput))
)]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/admin/attributes", web::get().to(list))
        .route("/v1/admin/attributes", web::post().to(create))
        .route("/v1/admin/attributes/{code}", web::get().to(show))
        .route("/v1/admin/attributes/{code}", web::put().to(replace))
        .route("/v1/admin/attributes/{code}", web::delete().to(delete));
}

/// Every attribute that is defined.
#[utoipa::path(
    get, path = "/v1/admin/attributes", tag = "catalog admin",
    responses((status = 200, description = "By code", body = Page<Attribute>))
)]
async fn list(_: Staff, catalog: web::Data<Catalog>) -> Answer {
    ok(&Page { items: catalog.attributes().await?, next_cursor: None })
}

/// Defines an attribute: what its values are, and whether lists can be narrowed by it. Products
/// that have it keep their values; the next change of one has to meet the definition.
#[utoipa::path(
    post, path = "/v1/admin/attributes", tag = "catalog admin", request_body = AttributeInput,
    responses(
        (status = 201, description = "The definition", body = Attribute,
            headers(("ETag"), ("Location"), ("x-consistency-token"))),
        (status = 409, description = "The attribute is defined already", body = Problem),
        (status = 422, description = "A field is not allowed", body = Problem),
    )
)]
async fn create(editor: Editor, catalog: web::Data<Catalog>, body: Body<AttributeInput>) -> Answer {
    let attribute = catalog.define_attribute(body.value, &editor.actor()).await?;
    let code = utf8_percent_encode(&attribute.code, UNRESERVED);
    let location = format!("/v1/admin/attributes/{code}");
    told(&catalog, made(location, &attribute)).await
}

/// The definition of an attribute.
#[utoipa::path(
    get, path = "/v1/admin/attributes/{code}", tag = "catalog admin",
    params(("code" = String, Path, description = "What products call it")),
    responses(
        (status = 200, description = "The definition", body = Attribute,
            headers(("ETag"))),
        (status = 404, description = "It is not defined", body = Problem),
    )
)]
async fn show(_: Staff, catalog: web::Data<Catalog>, code: web::Path<String>) -> Answer {
    let found = catalog.attribute(&code).await?;
    Ok(shown(found.version, &found))
}

/// Replaces the definition of an attribute; code and kind stay.
#[utoipa::path(
    put, path = "/v1/admin/attributes/{code}", tag = "catalog admin",
    request_body = AttributeInput,
    params(
        ("code" = String, Path, description = "What products call it"),
        ("If-Match" = String, Header, description = "The version that was read"),
    ),
    responses(
        (status = 200, description = "The definition as it is now", body = Attribute,
            headers(("ETag"), ("x-consistency-token"))),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
        (status = 422, description = "A field is not allowed", body = Problem),
    )
)]
async fn replace(
    editor: Editor,
    version: IfMatch,
    catalog: web::Data<Catalog>,
    code: web::Path<String>,
    body: Body<AttributeInput>,
) -> Answer {
    let changed = catalog.redefine_attribute(&code, version.0, body.value, &editor.actor()).await?;
    told(&catalog, shown(changed.version, &changed)).await
}

/// Forgets the definition of an attribute; products keep their values.
#[utoipa::path(
    delete, path = "/v1/admin/attributes/{code}", tag = "catalog admin",
    params(
        ("code" = String, Path, description = "What products call it"),
        ("If-Match" = String, Header, description = "The version that was read"),
    ),
    responses(
        (status = 204, description = "It is not defined any more",
            headers(("x-consistency-token"))),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
    )
)]
async fn delete(
    editor: Editor,
    version: IfMatch,
    catalog: web::Data<Catalog>,
    code: web::Path<String>,
) -> Answer {
    catalog.forget_attribute(&code, version.0, &editor.actor()).await?;
    told(&catalog, no_content()?).await
}
