use actix_web::web;
use chrono::NaiveDate;
use kernel::Problem;
use kernel::page::{LIMIT_DEFAULT, LIMIT_MAX};
use platform::http::{Answer, Params, Staff, ok};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::sales::period;
use crate::Analytics;
use crate::domain::TermSort;
use crate::terms::{self, Term};

/// The days, the order and the number of search terms that are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchQuery {
    /// The first day (UTC), such as `2026-11-01`; 30 days up to `to` unless given.
    #[param(value_type = Option<String>, format = Date)]
    from: Option<String>,
    /// The last day; today unless given. At most 400 days.
    #[param(value_type = Option<String>, format = Date)]
    to: Option<String>,
    /// `searches`, `without_results` or `clicks`: the most first, and only terms that have some;
    /// `searches` unless given.
    sort: Option<TermSort>,
    /// How many terms, 1 to 100; 24 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// What shoppers searched for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SearchView {
    /// The first day.
    #[schema(value_type = String, format = Date)]
    from: NaiveDate,
    /// The last day.
    #[schema(value_type = String, format = Date)]
    to: NaiveDate,
    /// The search terms, in order.
    items: Vec<TermView>,
}

/// What became of the searches for one text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "text": "desk lamp", "searches": 40, "without_results": 0, "clicks": 10,
    "clicks_per_100": 25, "position": 3
}))]
pub(super) struct TermView {
    /// The text; `(other)` stands for those that are not told apart, because there were too many or
    /// they looked like somebody's address or number.
    text: String,
    /// How often it was searched for.
    searches: i64,
    /// How often nothing was found.
    without_results: i64,
    /// How often a product that was found was looked at.
    clicks: i64,
    /// The click-through rate: clicks for each 100 searches, rounded down; null without searches.
    clicks_per_100: Option<i64>,
    /// Where the products that were looked at stood on average, rounded; null without clicks.
    position: Option<i64>,
}

impl From<Term> for TermView {
    fn from(term: Term) -> Self {
        let Term { text, searches, without_results, clicks, positions } = term;
        let clicks_per_100 = clicks.saturating_mul(100).checked_div(searches);
        let position = positions.saturating_add(clicks / 2).checked_div(clicks);
        Self { text, searches, without_results, clicks, clicks_per_100, position }
    }
}

/// What shoppers searched for: the most frequent texts, those that found nothing, and what was
/// looked at. The figures follow within some seconds.
#[utoipa::path(get, path = "/v1/admin/analytics/search", tag = "admin", params(SearchQuery),
    responses(
        (status = 200, description = "The search terms", body = SearchView),
        (status = 422, description = "`invalid_value`", body = Problem)))]
pub(super) async fn searches(
    _: Staff,
    analytics: web::Data<Analytics>,
    Params(query): Params<SearchQuery>,
) -> Answer {
    let period = period(&analytics, query.from.as_deref(), query.to.as_deref())?;
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::invalid("limit", format!("must be 1 to {LIMIT_MAX}")).into());
    }
    let sort = query.sort.unwrap_or_default();
    let terms = terms::top(&analytics.db, period, sort, limit).await?;
    let items = terms.into_iter().map(TermView::from).collect();
    ok(&SearchView { from: period.from, to: period.to, items })
}
