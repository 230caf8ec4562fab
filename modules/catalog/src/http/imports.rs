use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt;
use kernel::id::ImportId;
use kernel::page::{Page, PageQuery};
use kernel::{Problem, Timestamp};
use platform::audit::Actor;
use platform::http::{Answer, Editor, Failure, OptionalKey, Params, Staff, answer, stored};
use platform::idempotency::{self, Claim, Key};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use super::files;
use crate::Catalog;
use crate::domain::{Format, Job, JobStatus};
use crate::import::Upload;

#[derive(OpenApi)]
#[openapi(
    paths(create, list, show, errors, cancel),
    components(schemas(ImportView, Format, JobStatus))
)]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route(PATH, web::post().to(create))
        .route(PATH, web::get().to(list))
        .route("/v1/admin/imports/{id}", web::get().to(show))
        .route("/v1/admin/imports/{id}/errors", web::get().to(errors))
        .route("/v1/admin/imports/{id}/cancel", web::post().to(cancel));
}

const PATH: &str = "/v1/admin/imports";

/// An import that was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportView {
    /// The import.
    id: ImportId,
    /// How the file holds its products.
    format: Format,
    /// Whether it only decides and writes nothing.
    dry_run: bool,
    /// Where it stands.
    status: JobStatus,
    /// How much of the file is read.
    bytes: i64,
    /// How long the file is.
    bytes_total: i64,
    /// Records that are done.
    records: i64,
    /// Products that are new.
    created: i64,
    /// Products that changed.
    updated: i64,
    /// Products that were as the file says.
    unchanged: i64,
    /// Lines that were left out; `errors` tells why.
    failed: i64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
}

impl From<Job> for ImportView {
    fn from(job: Job) -> Self {
        Self {
            id: job.id,
            format: job.format,
            dry_run: job.dry_run,
            status: job.status,
            bytes: job.bytes,
            bytes_total: job.bytes_total,
            records: job.records,
            created: job.created,
            updated: job.updated,
            unchanged: job.unchanged,
            failed: job.failed,
            detail: job.detail,
            created_at: job.created_at,
            started_at: job.started_at,
            ended_at: job.ended_at,
        }
    }
}

/// What is to be imported.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportParams {
    /// How the file holds what is in it.
    pub(super) format: Format,
    /// Decide about every line, tell what would be left out, and write nothing.
    #[serde(default)]
    pub(super) dry_run: bool,
}

/// Takes a file of products and imports it when its turn has come. `Content-Encoding: gzip` is
/// understood.
#[utoipa::path(
    post, path = "/v1/admin/imports", tag = "catalog admin",
    params(
        ImportParams,
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe"),
    ),
    request_body(content((Option<String> = "application/x-ndjson"), (Option<String> = "text/csv"))),
    responses(
        (status = 202, description = "It will be done; Location tells how far it is", body = ImportView,
            headers(("Location"))),
        (status = 409, description = "Too many imports wait", body = Problem),
        (status = 413, description = "The file is too long; nothing was kept", body = Problem),
    )
)]
pub(crate) async fn create(
    editor: Editor,
    request: HttpRequest,
    catalog: web::Data<Catalog>,
    key: OptionalKey,
    params: Params<ImportParams>,
    payload: web::Payload,
) -> Answer {
    let (id, params) = (ImportId::new(), params.0);
    let bytes_max = catalog.settings.import_bytes_max;
    let mut upload = catalog.import_folder()?.receive(id, params.format, bytes_max).await?;
    take(&mut upload, &request, payload).await?;
    let (bytes_total, sha256) = upload.finish().await?;
    let asked = format!("{sha256} {} {}", params.format.word(), params.dry_run);
    let key = key.0.map(|key| Key::new(editor.id, &format!("POST {PATH}"), &key, asked.as_bytes()));
    let mut tx = catalog.db.begin("catalog.import.create").await?;
    if let Some(key) = &key {
        let claim = idempotency::claim(&mut tx, key).await?;
        if let Some(problem) = claim.problem() {
            return Err(problem.into());
        }
        if let Claim::Done(before) = claim {
            return Ok(stored(before, true));
        }
    }
    let job = asked_for(id, &params, bytes_total, editor.actor(), tx.now());
    catalog.ask_for_import(&mut tx, &job).await?;
    let json = serde_json::to_string(&ImportView::from(job)).map_err(Failure::internal)?;
    let accepted = idempotency::Answer { status: 202, body: json };
    if let Some(key) = &key {
        idempotency::finish(&mut tx, &key.scope, &key.key, &accepted).await?;
    }
    tx.commit().await?;
    upload.keep();
    catalog.import_folder()?.tell_asked();
    let mut response = answer(accepted.status, accepted.body);
    if let Ok(location) = format!("{PATH}/{id}").parse() {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

async fn take(
    upload: &mut Upload,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<(), Failure> {
    let mut body = files::unpacked(request, payload);
    while let Some(piece) = body.next().await {
        upload.write(&piece?).await?;
    }
    Ok(())
}

fn asked_for(
    id: ImportId,
    params: &ImportParams,
    bytes_total: i64,
    actor: Actor,
    now: Timestamp,
) -> Job {
    Job {
        id,
        format: params.format,
        dry_run: params.dry_run,
        status: JobStatus::Queued,
        actor,
        bytes: 0,
        bytes_total,
        records: 0,
        created: 0,
        updated: 0,
        unchanged: 0,
        failed: 0,
        detail: None,
        created_at: now,
        started_at: None,
        ended_at: None,
    }
}

fn import_id(text: &str) -> Result<ImportId, Problem> {
    text.parse().map_err(|_| Problem::not_found("such import"))
}

/// Imports that were asked for, the newest first.
#[utoipa::path(
    get, path = "/v1/admin/imports", tag = "catalog admin", params(PageQuery),
    responses((status = 200, description = "A page of imports", body = Page<ImportView>))
)]
pub(crate) async fn list(_: Staff, catalog: web::Data<Catalog>, page: Params<PageQuery>) -> Answer {
    let before: Option<Uuid> = page.0.position()?;
    let jobs = catalog.import_jobs(before, page.0.limit()?).await?;
    Ok(HttpResponse::Ok().json(jobs.map(ImportView::from)))
}

/// How far an import has come.
#[utoipa::path(
    get, path = "/v1/admin/imports/{id}", tag = "catalog admin",
    params(("id" = Uuid, Path, description = "The id")),
    responses(
        (status = 200, description = "The import", body = ImportView),
        (status = 404, description = "There is no such import", body = Problem),
    )
)]
pub(crate) async fn show(_: Staff, catalog: web::Data<Catalog>, id: web::Path<String>) -> Answer {
    let job = catalog.import_job(import_id(&id)?).await?;
    Ok(HttpResponse::Ok().json(ImportView::from(job)))
}

/// Every line that an import left out so far: line, field, message.
#[utoipa::path(
    get, path = "/v1/admin/imports/{id}/errors", tag = "catalog admin",
    params(("id" = Uuid, Path, description = "The id")),
    responses(
        (status = 200, description = "CSV", body = String, content_type = "text/csv"),
        (status = 404, description = "There is no such import, or it has not begun", body = Problem),
    )
)]
pub(crate) async fn errors(_: Staff, catalog: web::Data<Catalog>, id: web::Path<String>) -> Answer {
    let id = import_id(&id)?;
    let file = catalog.import_errors(id).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{id}.errors.csv\"")))
        .streaming(Box::pin(files::pieces(file))))
}

/// Ends an import that is not over. What it has done stays done.
#[utoipa::path(
    post, path = "/v1/admin/imports/{id}/cancel", tag = "catalog admin",
    params(("id" = Uuid, Path, description = "The id")),
    responses(
        (status = 200, description = "The import", body = ImportView),
        (status = 404, description = "There is no such import", body = Problem),
        (status = 409, description = "It is over already", body = Problem),
    )
)]
pub(crate) async fn cancel(
    editor: Editor,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
) -> Answer {
    let job = catalog.cancel_import(import_id(&id)?, &editor.actor()).await?;
    Ok(HttpResponse::Ok().json(ImportView::from(job)))
}
