use actix_web::web::{Data, Path};
use kernel::problem::Problem;
use kernel::{Page, PageQuery};
use platform::http::{Answer, Body, Editor, Params, Staff, ok};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::Ledger;
use crate::store::difference;
use crate::usecase;
use crate::view::DifferenceView;

/// Which differences are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Whether only those are wanted that nobody has resolved.
    #[serde(default)]
    open: bool,
    /// How many, 1 to 100; 24 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^([0-9a-fA-F]{2})+$")]
    cursor: Option<String>,
}

/// Where the processor and the journal differ, with the reason, the first first.
#[utoipa::path(get, path = "/v1/admin/ledger/differences", tag = "ledger", params(Wanted),
    responses((status = 200, description = "A page of differences", body = Page<DifferenceView>)))]
pub(super) async fn list(ledger: Data<Ledger>, _: Staff, wanted: Params<Wanted>) -> Answer {
    let Wanted { open, limit, cursor } = wanted.0;
    let query = PageQuery { limit, cursor };
    let (limit, after) = (query.limit()?, query.position()?.unwrap_or(Uuid::nil()));
    let found = difference::differences(&ledger.db, open, after, limit + 1).await?;
    let found = found.into_iter().map(DifferenceView::try_from).collect::<Result<_, _>>()?;
    ok(&Page::cut(found, limit, |difference: &DifferenceView| difference.id))
}

/// What came of a difference.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ResolveDifference, example = json!({
    "note": "The processor confirmed the higher fee.", "accept": true
}))]
pub(super) struct Resolve {
    /// What was found out, in 1 to 1000 characters.
    #[schema(min_length = 1, max_length = 1000)]
    note: String,
    /// Whether the line is posted as the processor told it. For a difference of an amount or a fee, where what was
    /// expected and did not come is an adjustment; and for a line that came before the shop had heard of what it settles.
    #[serde(default)]
    accept: bool,
}

/// Takes a difference off the list.
#[utoipa::path(post, path = "/v1/admin/ledger/differences/{id}/resolve", tag = "ledger",
    params(("id" = Uuid, Path, description = "The difference")), request_body = Resolve,
    responses(
        (status = 200, description = "The difference as it is now", body = DifferenceView),
        (status = 409, description = "`conflict`: it was resolved already, or cannot be accepted",
            body = Problem),
    ))]
pub(super) async fn resolve(
    ledger: Data<Ledger>,
    editor: Editor,
    id: Path<String>,
    body: Body<Resolve>,
) -> Answer {
    let id = id.parse().map_err(|_| Problem::not_found("such difference"))?;
    let Resolve { note, accept } = body.value;
    ok(&usecase::resolve(&ledger, id, &note, accept, &editor.actor()).await?)
}
