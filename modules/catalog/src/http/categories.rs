use actix_web::{HttpRequest, web};
use kernel::Problem;
use kernel::page::Page;
use platform::cache::Loaded;
use platform::http::{Answer, Body, Editor, Failure, IfMatch, Staff, no_content, ok};
use utoipa::OpenApi;
use uuid::Uuid;

use super::defined::{made, shown};
use super::told::{After, told};
use crate::domain::{Category, CategoryInput, CategoryNode};
use crate::pages::{CATEGORY_TTL, ListPage};
use crate::{Catalog, Error};

#[derive(OpenApi)]
#[openapi(
    paths(tree, list, create, show, replace, delete),
    components(schemas(Category, CategoryInput, CategoryNode))
)]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/categories", web::get().to(tree))
        .route("/v1/admin/categories", web::get().to(list))
        .route("/v1/admin/categories", web::post().to(create))
        .route("/v1/admin/categories/{id}", web::get().to(show))
        .route("/v1/admin/categories/{id}", web::put().to(replace))
        .route("/v1/admin/categories/{id}", web::delete().to(delete));
}

/// The tree of the shop's categories, each with how many products are in it and below it.
#[utoipa::path(
    get, path = "/v1/categories", tag = "catalog",
    params(
        ("x-consistency-token" = Option<i64>, Header, description = "As a write answered it"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of what is known already"),
    ),
    responses(
        (status = 200, description = "Those at the top", body = Page<CategoryNode>,
            headers(("ETag"))),
        (status = 304, description = "It is what If-None-Match says", headers(("ETag"))),
    )
)]
async fn tree(request: HttpRequest, catalog: web::Data<Catalog>, after: After) -> Answer {
    after.wait(&catalog).await;
    let cached = format!("categories\n{}", catalog.pages.edition());
    let page = catalog.pages.list(&cached, || tree_page(&catalog)).await?;
    Ok(page.body.answer(&request))
}

async fn tree_page(catalog: &Catalog) -> Result<Loaded<ListPage>, Failure> {
    let page = Page { items: catalog.category_tree().await?, next_cursor: None };
    ListPage::loaded(&page, true, CATEGORY_TTL)
}

fn category_id(text: &str) -> Result<Uuid, Error> {
    Uuid::try_parse(text).map_err(|_| Error::NotFound)
}

/// Every category, empty ones too.
#[utoipa::path(
    get, path = "/v1/admin/categories", tag = "catalog admin",
    responses((status = 200, description = "By path", body = Page<Category>))
)]
async fn list(_: Staff, catalog: web::Data<Catalog>) -> Answer {
    ok(&Page { items: catalog.categories().await?, next_cursor: None })
}

/// Creates a category.
#[utoipa::path(
    post, path = "/v1/admin/categories", tag = "catalog admin", request_body = CategoryInput,
    responses(
        (status = 201, description = "The category", body = Category,
            headers(("ETag"), ("Location"), ("x-consistency-token"))),
        (status = 422, description = "A field is not allowed", body = Problem),
    )
)]
async fn create(editor: Editor, catalog: web::Data<Catalog>, body: Body<CategoryInput>) -> Answer {
    let category = catalog.create_category(body.value, &editor.actor()).await?;
    let location = format!("/v1/admin/categories/{}", category.id);
    told(&catalog, made(location, &category)).await
}

/// One category.
#[utoipa::path(
    get, path = "/v1/admin/categories/{id}", tag = "catalog admin",
    params(("id" = Uuid, Path, description = "The id")),
    responses(
        (status = 200, description = "The category", body = Category,
            headers(("ETag"))),
        (status = 404, description = "There is no such category", body = Problem),
    )
)]
async fn show(_: Staff, catalog: web::Data<Catalog>, id: web::Path<String>) -> Answer {
    let category = catalog.category(&category_id(&id)?.to_string()).await?;
    Ok(shown(category.version, &category))
}

/// Renames, moves or describes a category; what is below it goes along.
#[utoipa::path(
    put, path = "/v1/admin/categories/{id}", tag = "catalog admin", request_body = CategoryInput,
    params(
        ("id" = Uuid, Path, description = "The id"),
        ("If-Match" = String, Header, description = "The version that was read"),
    ),
    responses(
        (status = 200, description = "The category as it is now", body = Category,
            headers(("ETag"), ("x-consistency-token"))),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
        (status = 422, description = "A field is not allowed, or it would be below itself",
            body = Problem),
    )
)]
async fn replace(
    editor: Editor,
    version: IfMatch,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
    body: Body<CategoryInput>,
) -> Answer {
    let id = category_id(&id)?;
    let changed = catalog.update_category(id, version.0, body.value, &editor.actor()).await?;
    told(&catalog, shown(changed.version, &changed)).await
}

/// Deletes a category that is empty.
#[utoipa::path(
    delete, path = "/v1/admin/categories/{id}", tag = "catalog admin",
    params(
        ("id" = Uuid, Path, description = "The id"),
        ("If-Match" = String, Header, description = "The version that was read"),
    ),
    responses(
        (status = 204, description = "It is gone",
            headers(("x-consistency-token"))),
        (status = 409, description = "Products or categories are below it", body = Problem),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
    )
)]
async fn delete(
    editor: Editor,
    version: IfMatch,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
) -> Answer {
    catalog.delete_category(category_id(&id)?, version.0, &editor.actor()).await?;
    told(&catalog, no_content()?).await
}
