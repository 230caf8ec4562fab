use actix_web::HttpResponse;
use actix_web::web::{Data, Payload};
use kernel::problem::{Problem, code};
use kernel::{Page, PageQuery, Timestamp};
use platform::http::{Answer, Body, Editor, Params, Staff, ok};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Ledger;
use crate::store::settlement;
use crate::view::SettlementView;

/// How long a file may be, in bytes.
const FILE_MAX: usize = 4 << 20;

/// What of the processor was taken, the newest first.
#[utoipa::path(get, path = "/v1/admin/ledger/settlements", tag = "ledger", params(PageQuery),
    responses((status = 200, description = "A page of settlements", body = Page<SettlementView>)))]
pub(super) async fn list(ledger: Data<Ledger>, _: Staff, query: Params<PageQuery>) -> Answer {
    let (limit, before) = (query.0.limit()?, query.0.position()?.unwrap_or(Uuid::max()));
    let found = settlement::settlements(&ledger.db, before, limit + 1).await?;
    let page = Page::cut(found, limit, |settlement| settlement.id);
    ok(&page.map(SettlementView::from))
}

/// Of which time to fetch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from": "2026-11-28T00:00:00Z", "until": "2026-11-29T00:00:00Z"}))]
pub(crate) struct FetchSettlement {
    /// From when on.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// Before when; now unless it is said.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// Asks the processor what it settled in a time, and takes it as a file is taken: all of it or nothing. Lines that were told
/// before are passed over, so that times may overlap; what happened in that time and should have been settled is a
/// difference if no line told of it. At most 20,000 amounts at a time.
#[utoipa::path(post, path = "/v1/admin/ledger/settlements/fetch", tag = "ledger",
    request_body = FetchSettlement,
    responses(
        (status = 200, description = "What became of it", body = SettlementView),
        (status = 204, description = "Nothing of it is new; nothing was written"),
        (status = 422, description = "The time is none, or has too many amounts; nothing was written",
            body = Problem),
        (status = 503, description = "The processor did not tell all of it; nothing was written",
            body = Problem),
    ))]
pub(super) async fn fetch(
    ledger: Data<Ledger>,
    editor: Editor,
    body: Body<FetchSettlement>,
) -> Answer {
    let FetchSettlement { from, until } = body.value;
    let until = until.unwrap_or(Timestamp::MAX_UTC);
    match ledger.fetch((from, until), &editor.actor()).await? {
        Some(settled) => ok(&settled),
        None => Ok(HttpResponse::NoContent().finish()),
    }
}

/// Takes a settlement of the processor, all of it or nothing: lines that match what happened are posted, the others
/// are differences. The same file again is the same settlement, and a line that an earlier file had is passed over.
/// Its first line is `id,type,payment_id,charge_id,gross,fee,net,currency,created_at,available_on`; `type` is
/// `charge`, `refund` or `dispute`, and `gross` is below zero when money leaves the shop. At most 20,000 lines and
/// 4 MiB.
#[utoipa::path(post, path = "/v1/admin/ledger/settlements", tag = "ledger",
    request_body(content((Option<String> = "text/csv"))),
    responses(
        (status = 200, description = "What became of it", body = SettlementView),
        (status = 413, description = "The file is too long; nothing was written", body = Problem),
        (status = 422, description = "A line is none, which `line` names; nothing was written",
            body = Problem),
    ))]
pub(super) async fn import(ledger: Data<Ledger>, editor: Editor, payload: Payload) -> Answer {
    let too_long = || {
        let detail = format!("A file has at most {FILE_MAX} bytes; send it in parts.");
        Problem::new(code::BODY_TOO_LARGE, detail)
    };
    let file = payload.to_bytes_limited(FILE_MAX).await.map_err(|_| too_long())?;
    let cut = |_| Problem::new(code::INVALID_REQUEST, "The file ended too early.");
    let file = file.map_err(cut)?;
    let text = std::str::from_utf8(&file);
    let text = text.map_err(|_| Problem::invalid("file", "must be in UTF-8"))?;
    ok(&ledger.settle(text, &editor.actor()).await?)
}
