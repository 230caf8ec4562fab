use std::collections::BTreeMap;

use actix_web::web::{Data, Path};
use kernel::id::{CustomerId, DecisionId, OrderId};
use kernel::ports::Decision;
use kernel::{Money, Page, PageQuery, Problem, Timestamp};
use platform::http::{Answer, Body, Editor, Failure, Params, Staff, ok};
use platform::sql;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Fraud;
use crate::domain::real;
use crate::domain::rules::Reason;
use crate::store::{self, DecisionRow, Verdict, Wanted};
use crate::usecase;

/// What was decided about an attempt to pay, and by what. Who it was is in the order alone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198f2a4-6f0e-7c3a-9d61-0a4f3c1b2d11", "order_id": "0198f2a4-6f0e-7c3a-9d61-0a4f3c1b2d12",
    "at": "2026-11-29T16:00:00Z", "amount": {"amount": "499.00", "currency": "EUR"},
    "decision": "review", "score": 0.871, "model": "2026-11-29",
    "features": {"amount_to_median": 5.2, "terminal_risk_7d": 0.5},
    "reasons": [{"rule": "score"}], "outcome": "authorized"
}))]
pub(super) struct DecisionView {
    /// The decision.
    id: DecisionId,
    /// The order that was to be paid.
    order_id: OrderId,
    /// When it was decided.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// How much was to be paid.
    amount: Money,
    /// What was decided.
    decision: Decision,
    /// How likely it is fraud by the model, from 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    score: f64,
    /// Which model said so.
    model: String,
    /// What the model was told, by name. `customer` is the account, `terminal` is where the goods go.
    features: BTreeMap<String, f64>,
    /// Why it was not simply allowed, and what was noted beside that.
    reasons: Vec<Reason>,
    /// What the processor said: `authorized` or `failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "authorized")]
    outcome: Option<String>,
    /// What the staff found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    judged_at: Option<Timestamp>,
    /// Who of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    judged_by: Option<CustomerId>,
}

impl TryFrom<DecisionRow> for DecisionView {
    type Error = sql::Error;

    fn try_from(row: DecisionRow) -> sql::Result<Self> {
        Ok(Self {
            amount: row.amount()?,
            decision: row.decision()?,
            verdict: row.verdict()?,
            id: row.id.into(),
            order_id: row.order_id.into(),
            at: row.at,
            score: real(row.score_ppm) / 1e6,
            model: row.model,
            features: row.features.0,
            reasons: row.reasons.0,
            outcome: row.outcome,
            judged_at: row.judged_at,
            judged_by: row.judged_by.map(CustomerId::from),
        })
    }
}

/// Which decisions are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DecisionsQuery {
    /// Only those that were decided like this; not together with `order_id`.
    decision: Option<Decision>,
    /// Only those about this order.
    order_id: Option<OrderId>,
    /// How many, 1 to 100; 24 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^([0-9a-fA-F]{2})+$")]
    cursor: Option<String>,
}

/// What an attempt to pay turned out to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"verdict": "fraud"}))]
pub(super) struct Judgement {
    /// `fraud`, or `genuine`.
    verdict: Verdict,
}

fn page(found: Vec<DecisionRow>, limit: u32) -> Answer {
    let Page { items, next_cursor } = Page::cut(found, limit, |row| DecisionId::from(row.id));
    let items = items.into_iter().map(DecisionView::try_from).collect::<sql::Result<Vec<_>>>()?;
    ok(&Page { items, next_cursor })
}

/// What was decided about attempts to pay, the newest first.
#[utoipa::path(get, path = "/v1/admin/fraud/decisions", tag = "admin", params(DecisionsQuery),
    responses(
        (status = 200, description = "A page of decisions", body = Page<DecisionView>),
        (status = 422, description = "`invalid_value`", body = Problem)))]
pub(super) async fn list(
    _: Staff,
    fraud: Data<Fraud>,
    Params(query): Params<DecisionsQuery>,
) -> Answer {
    let DecisionsQuery { decision, order_id, limit, cursor } = query;
    let pages = PageQuery { limit, cursor };
    let (limit, before) = (pages.limit()?, pages.position()?);
    let wanted = match (decision, order_id) {
        (Some(_), Some(_)) => {
            return Err(Problem::invalid("decision", "cannot be given with order_id").into());
        }
        (Some(decision), None) => Wanted::Decided(decision),
        (None, Some(order)) => Wanted::Order(order),
        (None, None) => Wanted::All,
    };
    let found = store::list(&fraud.db, wanted, before, limit + 1).await;
    page(found.map_err(Failure::from)?, limit)
}

/// What the staff is to look at: decisions to review without a verdict, the oldest first.
#[utoipa::path(get, path = "/v1/admin/fraud/reviews", tag = "admin", params(PageQuery),
    responses(
        (status = 200, description = "A page of decisions", body = Page<DecisionView>),
        (status = 422, description = "`invalid_value`", body = Problem)))]
pub(super) async fn reviews(
    _: Staff,
    fraud: Data<Fraud>,
    Params(query): Params<PageQuery>,
) -> Answer {
    let (limit, after) = (query.limit()?, query.position()?);
    let found = store::to_review(&fraud.db, after, limit + 1).await;
    page(found.map_err(Failure::from)?, limit)
}

/// Say what an attempt to pay turned out to be
///
/// The model learns from it (`stoa fraud train --shop`), and features count it once the attempt is a week
/// old. A later verdict takes the place of an earlier one.
#[utoipa::path(post, path = "/v1/admin/fraud/decisions/{id}/verdict", tag = "admin",
    request_body = Judgement,
    params(("id" = Uuid, Path, description = "The decision")),
    responses(
        (status = 200, description = "The decision as it is now", body = DecisionView),
        (status = 404, description = "`not_found`", body = Problem),
        (status = 422, description = "`invalid_value`", body = Problem)))]
pub(super) async fn judge(
    editor: Editor,
    fraud: Data<Fraud>,
    id: Path<String>,
    body: Body<Judgement>,
) -> Answer {
    let id: DecisionId = id.parse().map_err(|_| Problem::not_found("such decision"))?;
    let verdict = body.value.verdict;
    let decision = usecase::judge::judge(&fraud, id, verdict, &editor.actor()).await?;
    ok(&DecisionView::try_from(decision)?)
}
