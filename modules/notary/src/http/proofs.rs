use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Data, Path};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Permission, Problem};
use platform::http::{Answer, Params, Staff, demand, ok};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::files::PLAIN;
use super::problem::not_sealed;
use crate::error::LogError;
use crate::log::Head;
use crate::{Error, Notary, store};

/// The entry that is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct InclusionQuery {
    /// The `id` of an entry of the audit log.
    entry: Uuid,
}

/// The sizes that are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ConsistencyQuery {
    /// How many entries the older log had.
    from: u64,
    /// How many the newer one has; as many as are signed unless given.
    to: Option<u64>,
}

/// That an entry is in the log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "index": 1, "size": 2, "entry": "AQAGQ...", "hashes": ["CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="],
    "checkpoint": "stoa.example/ledger\n2\nVa8...\n\n— stoa.example/ledger Az3g...\n"
}))]
pub(super) struct InclusionView {
    /// Its place, from 0 on.
    index: u64,
    /// How many entries the log has that it is in.
    size: u64,
    /// The entry, in base64: a commitment, which does not tell what was written down.
    entry: String,
    /// The proof of RFC 6962, section 2.1.1, each hash in base64.
    hashes: Vec<String>,
    /// The checkpoint the proof leads to.
    checkpoint: String,
}

/// That a log goes on from another.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "from": 1, "to": 2, "hashes": ["CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="]
}))]
pub(super) struct ConsistencyView {
    /// How many entries the older log had.
    from: u64,
    /// How many the newer one has.
    to: u64,
    /// The proof of RFC 6962, section 2.1.2, each hash in base64.
    hashes: Vec<String>,
}

/// The proof that an entry is in the log.
#[utoipa::path(get, path = "/v1/admin/ledger/proofs/inclusion", tag = "admin", params(InclusionQuery),
    responses(
        (status = 200, description = "The proof", body = InclusionView),
        (status = 403, description = "`forbidden`: needs `audit.read`", body = Problem),
        (status = 404, description = "`not_found`: not sealed, or not yet", body = Problem),
        (status = 422, description = "`invalid_value`", body = Problem),
    ))]
pub(super) async fn inclusion(
    staff: Staff,
    notary: Data<Notary>,
    Params(query): Params<InclusionQuery>,
) -> Answer {
    demand(&staff, Permission::AuditRead)?;
    let (index, entry, head) = sealed(&notary, query.entry).await?;
    let size = head.checkpoint.size;
    let hashes = notary.files(move |log| Ok(log.inclusion(index, size)?)).await?;
    ok(&InclusionView {
        index,
        size,
        entry: STANDARD.encode(entry),
        hashes: hashes.iter().map(|hash| STANDARD.encode(hash)).collect(),
        checkpoint: head.note,
    })
}

/// The proof that a log of fewer entries is the beginning of one of more.
#[utoipa::path(get, path = "/v1/admin/ledger/proofs/consistency", tag = "admin",
    params(ConsistencyQuery),
    responses(
        (status = 200, description = "The proof", body = ConsistencyView),
        (status = 403, description = "`forbidden`: needs `audit.read`", body = Problem),
        (status = 422, description = "`invalid_value`: there are not so many entries, with `size`",
            body = Problem),
    ))]
pub(super) async fn consistency(
    staff: Staff,
    notary: Data<Notary>,
    Params(query): Params<ConsistencyQuery>,
) -> Answer {
    demand(&staff, Permission::AuditRead)?;
    let size = notary.head().await?.map_or(0, |head| head.checkpoint.size);
    let (from, to) = (query.from, query.to.unwrap_or(size));
    if to > size || from > to {
        return Err(Error::Log(LogError::Beyond { size: size.min(to) }).into());
    }
    let hashes = notary.files(move |log| Ok(log.consistency(from, to)?)).await?;
    let hashes = hashes.iter().map(|hash| STANDARD.encode(hash)).collect();
    ok(&ConsistencyView { from, to, hashes })
}

/// The receipt of an entry: entry, proof and checkpoint in one text that `stoa ledger verify-receipt`
/// checks without the shop (C2SP's tlog-proof; the entry is its extra data).
#[utoipa::path(get, path = "/v1/admin/ledger/receipts/{id}", tag = "admin",
    params(("id" = Uuid, Path, description = "The `id` of an entry of the audit log")),
    responses(
        (status = 200, description = "The receipt", body = String, content_type = "text/plain",
            example = "c2sp.org/tlog-proof@v1\nextra AQAGQ...\nindex 1\n\
                       CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
                       stoa.example/ledger\n2\nVa8...\n\n— stoa.example/ledger Az3g...\n"),
        (status = 403, description = "`forbidden`: needs `audit.read`", body = Problem),
        (status = 404, description = "`not_found`: not sealed, or not yet", body = Problem),
    ))]
pub(super) async fn receipt(staff: Staff, notary: Data<Notary>, id: Path<String>) -> Answer {
    demand(&staff, Permission::AuditRead)?;
    let id = id.parse().map_err(|_| not_sealed())?;
    let (index, entry, head) = sealed(&notary, id).await?;
    let receipt = notary.files(move |log| Ok(log.receipt(&head, index, &entry)?)).await?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, PLAIN)).body(receipt))
}

/// The entry of an id with its place, and a checkpoint that it is under: one that witnesses signed, if there is one.
async fn sealed(
    notary: &Notary,
    id: Uuid,
) -> Result<(u64, Vec<u8>, Head), platform::http::Failure> {
    let head = notary.head().await?.ok_or_else(not_sealed)?;
    let found = store::find(notary.db(), id).await?;
    let (index, entry) =
        found.filter(|(index, _)| *index < head.checkpoint.size).ok_or_else(not_sealed)?;
    let witnessed = notary.witnessed(&head).await?;
    let head = witnessed.filter(|it| index < it.checkpoint.size).unwrap_or(head);
    Ok((index, entry, head))
}
