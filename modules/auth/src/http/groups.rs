use actix_web::web::{self, Data, Path, ServiceConfig};
use kernel::id::CustomerId;
use kernel::{Permission, Problem};
use platform::http::{Answer, Body, Editor, demand, ok};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::answer::CustomerAnswer;
use crate::Accounts;
use crate::usecase;

#[derive(OpenApi)]
#[openapi(paths(give))]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) fn routes(config: &mut ServiceConfig) {
    config.route("/v1/admin/customers/{id}/group", web::put().to(give));
}

/// The customer group of somebody.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GiveGroup {
    /// The name of a group, which price lists and promotions can be for; null is none.
    #[schema(example = "trade", pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 50)]
    group: Option<String>,
}

/// Put somebody into a customer group
///
/// They have its prices and promotions from their next access token on.
#[utoipa::path(put, path = "/v1/admin/customers/{id}/group", tag = "auth admin",
    request_body = GiveGroup,
    params(("id" = Uuid, Path, description = "The account")),
    responses(
        (status = 200, description = "The account", body = CustomerAnswer),
        (status = 403, description = "`forbidden`: needs `customers.write`", body = Problem),
        (status = 404, description = "`not_found`: there is no such account, or it is a guest", body = Problem),
        (status = 409, description = "`conflict`: somebody else changed the group", body = Problem),
        (status = 422, description = "`invalid_value`", body = Problem),
    ))]
async fn give(
    editor: Editor,
    accounts: Data<Accounts>,
    id: Path<String>,
    body: Body<GiveGroup>,
) -> Answer {
    demand(&editor, Permission::CustomersWrite)?;
    let id: CustomerId = id.parse().map_err(|_| Problem::not_found("such account"))?;
    let group = body.value.group.as_deref();
    let account = usecase::give_group(&accounts, id, group, &editor.actor()).await?;
    ok(&CustomerAnswer::from(account))
}
