use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Data, Path};
use kernel::{Permission, Problem};
use platform::http::{Answer, Staff, demand};

use crate::Notary;

/// The newest checkpoint: the log's name, its size and root, and the signature (C2SP's tlog-checkpoint).
/// Whoever keeps one finds out when anything before it is changed. Behind the log's signature are those of its witnesses, once
/// they have signed it.
#[utoipa::path(get, path = "/v1/admin/ledger/checkpoint", tag = "admin",
    responses(
        (status = 200, description = "A signed note", body = String, content_type = "text/plain",
            example = "stoa.example/ledger\n2\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
                       — stoa.example/ledger Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+Z...\n"),
        (status = 403, description = "`forbidden`: needs `audit.read`", body = Problem),
        (status = 404, description = "`not_found`: nothing was signed yet", body = Problem),
    ))]
pub(super) async fn checkpoint(staff: Staff, notary: Data<Notary>) -> Answer {
    demand(&staff, Permission::AuditRead)?;
    let head = notary.head().await?.ok_or_else(|| Problem::not_found("checkpoint yet"))?;
    let witnessed = notary.witnessed(&head).await?;
    let head = witnessed.filter(|it| it.checkpoint == head.checkpoint).unwrap_or(head);
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, PLAIN)).body(head.note))
}

pub(super) const PLAIN: &str = "text/plain; charset=utf-8";

/// A tile of the tree or a bundle of entries by its place, such as `0/x001/067` or `entries/000.p/7` (C2SP's
/// tlog-tiles). What is full never changes.
#[utoipa::path(get, path = "/v1/admin/ledger/tile/{path}", tag = "admin",
    params(("path" = String, Path, description = "The place behind `tile/`", example = "0/000.p/7")),
    responses(
        (status = 200, description = "Hashes of 32 bytes, or entries behind their length in two bytes",
            body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 403, description = "`forbidden`: needs `audit.read`", body = Problem),
        (status = 404, description = "`not_found`: no such file, or no longer, because it is full",
            body = Problem),
    ))]
pub(super) async fn tile(staff: Staff, notary: Data<Notary>, path: Path<String>) -> Answer {
    demand(&staff, Permission::AuditRead)?;
    let path = format!("tile/{path}");
    let bytes = notary.files(move |log| Ok(log.file(&path)?)).await?;
    let bytes = bytes.ok_or_else(|| Problem::not_found("such file of the log"))?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/octet-stream")).body(bytes))
}
