use actix_web::http::header::{ETAG, LOCATION};
use actix_web::web::{self, Data, Path, ServiceConfig};
use actix_web::{HttpResponse, HttpResponseBuilder};
use kernel::id::CustomerId;
use kernel::page::{Page, PageQuery};
use kernel::ports::Role;
use kernel::{Permission, Permissions, Problem};
use platform::http::{Answer, Body, Editor, IfMatch, Params, Staff, demand, etag, no_content, ok};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::answer::CustomerAnswer;
use crate::Accounts;
use crate::domain::role::{NewRole, OwnRole, RoleChange};
use crate::store;
use crate::usecase;

#[derive(OpenApi)]
#[openapi(paths(list, create, show, replace, delete, staff, give))]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/v1/admin/roles", web::get().to(list))
        .route("/v1/admin/roles", web::post().to(create))
        .route("/v1/admin/roles/{name}", web::get().to(show))
        .route("/v1/admin/roles/{name}", web::put().to(replace))
        .route("/v1/admin/roles/{name}", web::delete().to(delete))
        .route("/v1/admin/staff", web::get().to(staff))
        .route("/v1/admin/staff/{id}/role", web::put().to(give));
}

/// A role in the list of all.
#[derive(Serialize, ToSchema)]
struct RoleAnswer {
    /// What it is called.
    name: String,
    /// Whether every shop has it; then it cannot be changed.
    built_in: bool,
    /// What it may do.
    #[schema(value_type = Vec<Permission>)]
    permissions: Permissions,
}

fn versioned(mut response: HttpResponseBuilder, role: &OwnRole) -> HttpResponse {
    response.insert_header((ETAG, etag(role.version))).json(role)
}

/// The roles of the shop
#[utoipa::path(get, path = "/v1/admin/roles", tag = "auth admin",
    responses(
        (status = 200, description = "Those of every shop, then its own by name", body = Page<RoleAnswer>),
        (status = 403, description = "`forbidden`: needs `roles.write`", body = Problem),
    ))]
async fn list(staff: Staff, accounts: Data<Accounts>) -> Answer {
    demand(&staff, Permission::RolesWrite)?;
    let built_in = Role::ALL.map(|role| RoleAnswer {
        name: role.word().to_owned(),
        built_in: true,
        permissions: role.permissions(),
    });
    let own = store::roles::all(accounts.db()).await?.into_iter().map(|role| RoleAnswer {
        name: role.name,
        built_in: false,
        permissions: role.permissions,
    });
    ok(&Page { items: built_in.into_iter().chain(own).collect(), next_cursor: None })
}

/// Make a role
#[utoipa::path(post, path = "/v1/admin/roles", tag = "auth admin", request_body = NewRole,
    responses(
        (status = 201, description = "The role", body = OwnRole,
            headers(("ETag"), ("Location"))),
        (status = 403, description = "`forbidden`: more than the caller may, in `permissions`", body = Problem),
        (status = 409, description = "`code_taken`", body = Problem),
        (status = 422, description = "`invalid_value`", body = Problem),
    ))]
async fn create(editor: Editor, accounts: Data<Accounts>, body: Body<NewRole>) -> Answer {
    demand(&editor, Permission::RolesWrite)?;
    let role = usecase::create_role(&accounts, body.value, &editor, &editor.actor()).await?;
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, format!("/v1/admin/roles/{}", role.name)));
    Ok(versioned(response, &role))
}

/// A role that the shop made. Its ETag is what a change of it sends as If-Match.
#[utoipa::path(get, path = "/v1/admin/roles/{name}", tag = "auth admin",
    params(("name" = String, Path, description = "The name")),
    responses(
        (status = 200, description = "The role", body = OwnRole,
            headers(("ETag"))),
        (status = 404, description = "`not_found`", body = Problem),
    ))]
async fn show(staff: Staff, accounts: Data<Accounts>, name: Path<String>) -> Answer {
    demand(&staff, Permission::RolesWrite)?;
    Ok(versioned(HttpResponse::Ok(), &usecase::role(&accounts, &name).await?))
}

/// Change what a role may do
///
/// It holds for everybody who has the role, within seconds on every node.
#[utoipa::path(put, path = "/v1/admin/roles/{name}", tag = "auth admin", request_body = RoleChange,
    params(
        ("name" = String, Path, description = "The name"),
        ("If-Match" = String, Header, description = "The version that was read"),
    ),
    responses(
        (status = 200, description = "The role as it is now", body = OwnRole,
            headers(("ETag"))),
        (status = 403, description = "`forbidden`: more than the caller may, in `permissions`", body = Problem),
        (status = 412, description = "`version_conflict`: `current_version`", body = Problem),
    ))]
async fn replace(
    editor: Editor,
    version: IfMatch,
    accounts: Data<Accounts>,
    name: Path<String>,
    body: Body<RoleChange>,
) -> Answer {
    demand(&editor, Permission::RolesWrite)?;
    let permissions = body.value.permissions;
    let role =
        usecase::change_role(&accounts, &name, version.0, permissions, &editor, &editor.actor())
            .await?;
    Ok(versioned(HttpResponse::Ok(), &role))
}

/// Delete a role that nobody has
#[utoipa::path(delete, path = "/v1/admin/roles/{name}", tag = "auth admin",
    params(
        ("name" = String, Path, description = "The name"),
        ("If-Match" = String, Header, description = "The version that was read"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 409, description = "`conflict`: somebody has it", body = Problem),
        (status = 412, description = "`version_conflict`: `current_version`", body = Problem),
    ))]
async fn delete(
    editor: Editor,
    version: IfMatch,
    accounts: Data<Accounts>,
    name: Path<String>,
) -> Answer {
    demand(&editor, Permission::RolesWrite)?;
    usecase::delete_role(&accounts, &name, version.0, &editor.actor()).await?;
    no_content()
}

/// Everybody who works in the shop
#[utoipa::path(get, path = "/v1/admin/staff", tag = "auth admin", params(PageQuery),
    responses(
        (status = 200, description = "The oldest account first", body = Page<CustomerAnswer>),
        (status = 403, description = "`forbidden`: needs `roles.write`", body = Problem),
    ))]
async fn staff(staff: Staff, accounts: Data<Accounts>, query: Params<PageQuery>) -> Answer {
    demand(&staff, Permission::RolesWrite)?;
    let (limit, after) = (query.0.limit()?, query.0.position()?);
    let found = store::accounts::staff(accounts.db(), after, i64::from(limit) + 1).await?;
    ok(&Page::cut(found, limit, |account| account.id).map(CustomerAnswer::from))
}

/// The role of somebody.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GiveRole {
    /// The name of a role: one of every shop but `guest`, or one that the shop made.
    #[schema(example = "support", min_length = 2, max_length = 40)]
    role: String,
}

/// Give somebody a role
///
/// Their sessions end. Nobody gives away what they may not do, or changes their own role.
#[utoipa::path(put, path = "/v1/admin/staff/{id}/role", tag = "auth admin", request_body = GiveRole,
    params(("id" = Uuid, Path, description = "The account")),
    responses(
        (status = 200, description = "The account", body = CustomerAnswer),
        (status = 403, description = "`forbidden`: more than the caller may, or their own role", body = Problem),
        (status = 409, description = "`conflict`: somebody else changed the role", body = Problem),
        (status = 404, description = "`not_found`", body = Problem),
        (status = 422, description = "`invalid_value`", body = Problem),
    ))]
async fn give(
    editor: Editor,
    accounts: Data<Accounts>,
    id: Path<String>,
    body: Body<GiveRole>,
) -> Answer {
    demand(&editor, Permission::RolesWrite)?;
    let id: CustomerId = id.parse().map_err(|_| Problem::not_found("such account"))?;
    let account =
        usecase::give_role(&accounts, id, &body.value.role, &editor, &editor.actor()).await?;
    ok(&CustomerAnswer::from(account))
}
