use actix_web::web;
use chrono::NaiveDate;
use kernel::id::ProductId;
use kernel::page::{LIMIT_DEFAULT, LIMIT_MAX};
use kernel::{Money, Problem};
use platform::http::{Answer, Params, Staff, ok};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Analytics;
use crate::domain::{InvalidPeriod, Period};
use crate::store;

/// The days that are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SalesQuery {
    /// The first day (UTC), such as `2026-11-01`; 30 days up to `to` unless given.
    #[param(value_type = Option<String>, format = Date)]
    from: Option<String>,
    /// The last day; today unless given. At most 400 days.
    #[param(value_type = Option<String>, format = Date)]
    to: Option<String>,
}

/// The days and the number of products that are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TopQuery {
    /// The first day (UTC), such as `2026-11-01`; 30 days up to `to` unless given.
    #[param(value_type = Option<String>, format = Date)]
    from: Option<String>,
    /// The last day; today unless given. At most 400 days.
    #[param(value_type = Option<String>, format = Date)]
    to: Option<String>,
    /// How many products, 1 to 100; 24 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// What was sold on each day.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SalesView {
    /// The first day.
    #[schema(value_type = String, format = Date)]
    from: NaiveDate,
    /// The last day.
    #[schema(value_type = String, format = Date)]
    to: NaiveDate,
    /// One entry for each day and currency in which something was sold, in order.
    items: Vec<DayView>,
}

/// What was sold on one day in one currency: confirmed orders less cancelled ones. What was given back of
/// them stands beside it and counts on the day of the order, whenever it was given: `revenue` less `refunds`
/// is what the shop has of the orders of a day.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "day": "2026-11-22", "orders": 3, "units": 5,
    "goods": {"amount": "99.95", "currency": "EUR"},
    "revenue": {"amount": "104.85", "currency": "EUR"},
    "refunds": {"amount": "19.99", "currency": "EUR"}
}))]
pub(super) struct DayView {
    /// The UTC day of the orders' confirmation.
    #[schema(value_type = String, format = Date)]
    day: NaiveDate,
    /// How many orders.
    orders: i64,
    /// How many units.
    units: i64,
    /// The price of the units before discount, shipping and tax.
    goods: Money,
    /// What the orders cost the customers.
    revenue: Money,
    /// What of it was given back: refunds of orders, units that were called off, returns, and what goods that
    /// were exchanged paid of an order that was sent instead (which is in `revenue`). What an edit made
    /// an order cost less is in `revenue` already, and refunds of a payment alone are not counted.
    refunds: Money,
}

/// The products of which most units were sold.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TopView {
    /// The first day.
    #[schema(value_type = String, format = Date)]
    from: NaiveDate,
    /// The last day.
    #[schema(value_type = String, format = Date)]
    to: NaiveDate,
    /// The products, most units first.
    items: Vec<ProductView>,
}

/// What was sold of one product in one currency.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "product_id": "0198f2a4-6f0e-7c3a-9d61-0a4f3c1b2d11", "units": 5,
    "goods": {"amount": "99.95", "currency": "EUR"},
    "refunded_units": 1, "refunds": {"amount": "19.99", "currency": "EUR"}
}))]
pub(super) struct ProductView {
    /// The product.
    product_id: ProductId,
    /// How many units.
    units: i64,
    /// Their price before discount, shipping and tax.
    goods: Money,
    /// How many of these units were paid back: called off, returned, or kept by the customer.
    refunded_units: i64,
    /// What was given back for these units, as the customer had paid it.
    refunds: Money,
}

pub(super) fn period(
    analytics: &Analytics,
    from: Option<&str>,
    to: Option<&str>,
) -> Result<Period, InvalidPeriod> {
    Period::new(from, to, analytics.db.clock().now().date_naive())
}

/// What was sold on each day, by currency.
#[utoipa::path(get, path = "/v1/admin/analytics/sales", tag = "admin", params(SalesQuery),
    responses(
        (status = 200, description = "The days on which something was sold", body = SalesView),
        (status = 422, description = "`invalid_value`", body = Problem)))]
pub(super) async fn sales(
    _: Staff,
    analytics: web::Data<Analytics>,
    Params(query): Params<SalesQuery>,
) -> Answer {
    let period = period(&analytics, query.from.as_deref(), query.to.as_deref())?;
    let days = store::sales(&analytics.db, period).await?;
    let view = |day: store::DaySales| DayView {
        day: day.day,
        orders: day.orders,
        units: day.units,
        goods: day.goods,
        revenue: day.revenue,
        refunds: day.refunds,
    };
    let items = days.into_iter().map(view).collect();
    ok(&SalesView { from: period.from, to: period.to, items })
}

/// The products of which most units were sold.
#[utoipa::path(get, path = "/v1/admin/analytics/top-products", tag = "admin", params(TopQuery),
    responses(
        (status = 200, description = "The products, most units first", body = TopView),
        (status = 422, description = "`invalid_value`", body = Problem)))]
pub(super) async fn top_products(
    _: Staff,
    analytics: web::Data<Analytics>,
    Params(query): Params<TopQuery>,
) -> Answer {
    let period = period(&analytics, query.from.as_deref(), query.to.as_deref())?;
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::invalid("limit", format!("must be 1 to {LIMIT_MAX}")).into());
    }
    let products = store::top(&analytics.db, period, limit).await?;
    let view = |product: store::ProductSales| ProductView {
        product_id: product.product_id,
        units: product.units,
        goods: product.goods,
        refunded_units: product.refunded_units,
        refunds: product.refunds,
    };
    let items = products.into_iter().map(view).collect();
    ok(&TopView { from: period.from, to: period.to, items })
}
