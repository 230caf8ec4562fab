use actix_web::web::{Data, Payload};
use kernel::problem::{Problem, code};
use kernel::{Page, PageQuery};
use platform::http::{Answer, Editor, Params, Staff, ok};
use uuid::Uuid;

use crate::Ledger;
use crate::store::settlement;
use crate::view::SettlementView;

/// How long a file may be, in bytes.
const FILE_MAX: usize = 4 << 20;

/// The files of the processor that were taken, the newest first.
#[utoipa::path(get, path = "/v1/admin/ledger/settlements", tag = "ledger", params(PageQuery),
    responses((status = 200, description = "A page of settlements", body = Page<SettlementView>)))]
pub(super) async fn list(ledger: Data<Ledger>, _: Staff, query: Params<PageQuery>) -> Answer {
    let (limit, before) = (query.0.limit()?, query.0.position()?.unwrap_or(Uuid::max()));
    let found = settlement::settlements(&ledger.db, before, limit + 1).await?;
    let page = Page::cut(found, limit, |settlement| settlement.id);
    ok(&page.map(SettlementView::from))
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
