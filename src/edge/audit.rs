//! `/v1/admin/audit`: who changed what, over all modules.

use actix_web::web::{self, Data, ServiceConfig};
use kernel::page::{Page, PageQuery};
use kernel::{Permission, Problem, Timestamp};
use platform::audit::{Action, Sought};
use platform::http::{Answer, Params, Staff, demand, download, ok};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use crate::audit::{AuditLog, Export, Logged, Spot};

#[derive(OpenApi)]
#[openapi(paths(list, export), components(schemas(LogFormat)))]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// The endpoints of the log.
pub fn routes(log: AuditLog, config: &mut ServiceConfig) {
    config
        .app_data(Data::new(log))
        .route("/v1/admin/audit", web::get().to(list))
        .route("/v1/admin/audit/export", web::get().to(export));
}

/// Which entries are wanted, and which page of them.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Only what this account or API key did.
    actor: Option<Uuid>,
    /// Only what was done to this: a product, an order, an account, ...
    subject: Option<Uuid>,
    /// Only this action, e.g. `product.update`, or all of a kind: `product`.
    #[param(example = "product.update")]
    action: Option<String>,
    /// Only what happened in this module, e.g. `catalog`.
    module: Option<String>,
    /// Only from this time on.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// How many, 1 to 100; 24 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^([0-9a-fA-F]{2})+$")]
    cursor: Option<String>,
}

/// Which entries are wanted, and how.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WantedFile {
    /// How the file holds the entries.
    #[serde(rename = "format")]
    _format: LogFormat,
    /// Only what this account or API key did.
    actor: Option<Uuid>,
    /// Only what was done to this: a product, an order, an account, ...
    subject: Option<Uuid>,
    /// Only this action, e.g. `product.update`, or all of a kind: `product`.
    #[param(example = "product.update")]
    action: Option<String>,
    /// Only what happened in this module, e.g. `catalog`.
    module: Option<String>,
    /// Only from this time on.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only before this time; without it, what is there when the file is begun.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// What kind of file.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum LogFormat {
    /// A JSON object in each line.
    Jsonl,
}

/// What of the log is asked for, as it was written.
struct Asked {
    actor: Option<Uuid>,
    subject: Option<Uuid>,
    action: Option<String>,
    module: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Asked {
    /// The logs to look into, and for what.
    fn of(self, log: &AuditLog) -> Result<(AuditLog, Sought), Problem> {
        let Self { actor, subject, action, module, from, to } = self;
        let modules = || log.modules().collect::<Vec<_>>().join(", ");
        let unknown = || Problem::invalid("module", format!("must be one of {}", modules()));
        let log = match module {
            None => log.clone(),
            Some(module) => log.of(&module).ok_or_else(unknown)?,
        };
        let action = action.as_deref().map(Action::read);
        let sought = Sought { actor, subject, action, ..Sought::default() };
        Ok((log, sought.between(from, to)))
    }
}

/// Who changed what, when and from where: everything that the staff, API keys, commands and the shop
/// itself did, the newest first.
#[utoipa::path(get, path = "/v1/admin/audit", tag = "admin", params(Wanted),
    responses(
        (status = 200, description = "A page of entries", body = Page<Logged>),
        (status = 403, description = "`forbidden`: needs `audit.read`", body = Problem),
        (status = 422, description = "`invalid_value`", body = Problem),
    ))]
async fn list(staff: Staff, log: Data<AuditLog>, wanted: Params<Wanted>) -> Answer {
    demand(&staff, Permission::AuditRead)?;
    let Wanted { actor, subject, action, module, from, to, limit, cursor } = wanted.0;
    let query = PageQuery { limit, cursor };
    let (limit, before) = (query.limit()?, query.position::<Spot>()?);
    let asked = Asked { actor, subject, action, module, from, to };
    let (log, sought) = asked.of(&log)?;
    let found = log.newest(&sought, before.as_ref(), limit + 1).await?;
    ok(&Page::cut(found, limit, Logged::spot))
}

/// The same as a file, the oldest first. An answer that ends too early is not whole.
#[utoipa::path(get, path = "/v1/admin/audit/export", tag = "admin", params(WantedFile),
    responses(
        (status = 200, description = "The file", body = String, content_type = "application/x-ndjson"),
        (status = 403, description = "`forbidden`: needs `audit.read`", body = Problem),
        (status = 422, description = "`invalid_value`", body = Problem),
    ))]
async fn export(staff: Staff, log: Data<AuditLog>, wanted: Params<WantedFile>) -> Answer {
    demand(&staff, Permission::AuditRead)?;
    let WantedFile { actor, subject, action, module, from, to, .. } = wanted.0;
    let to = Some(to.unwrap_or_else(|| log.now()));
    let (log, sought) = Asked { actor, subject, action, module, from, to }.of(&log)?;
    let next = async |export: &mut Export| export.next().await;
    Ok(download("application/x-ndjson", "audit.jsonl", log.export(sought), next))
}
