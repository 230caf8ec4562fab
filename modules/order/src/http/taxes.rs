use actix_web::web::{Data, Path};
use kernel::problem::{Problem, code};
use kernel::{Page, PageQuery, Timestamp};
use platform::audit::{self, Entry};
use platform::http::{Answer, Body, Editor, IfMatch, Params, Staff, no_content, ok};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::versioned::{made, shown, stale};
use crate::Orders;
use crate::domain::rate::{Rate, STANDARD, Said, rate_ppm};
use crate::domain::tax::percent;
use crate::store::tax::{self as store, Kept, RATES_MAX};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"country": "DE", "category": "books", "rate": "7"}))]
pub(super) struct NewRate {
    /// ISO 3166-1 alpha-2 code of the country.
    #[schema(pattern = "^[A-Z]{2}$")]
    country: String,
    /// What ISO 3166-2 has behind the country's code, e.g. `QC`: the rate comes on top of the country's.
    #[serde(default)]
    #[schema(pattern = "^[A-Z0-9]{0,3}$")]
    region: String,
    /// The products it is for; `standard` stands for all that have no rate of their own, and
    /// `shipping` for the shipping, which else has the highest of the goods.
    #[schema(max_length = 50)]
    category: Option<String>,
    /// The rate in percent, with at most four decimals: 0 to 100.
    #[schema(value_type = String)]
    rate: Decimal,
    /// Since when it holds; from now on when it is left out. The latest that holds counts.
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_from: Option<Timestamp>,
    /// Until when; that moment is too late.
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_until: Option<Timestamp>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"rate": "7", "valid_until": "2027-01-01T00:00:00Z"}))]
pub(super) struct ChangeRate {
    /// The rate in percent, with at most four decimals: 0 to 100.
    #[schema(value_type = String)]
    rate: Decimal,
    /// Until when it holds; that moment is too late.
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_until: Option<Timestamp>,
}

/// The tax of products in a place.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "019abf3e-5f0e-7c0c-8a44-9f6a3d1c2b10", "country": "DE", "region": "", "category": "books",
    "rate": "7", "valid_from": "2026-01-01T00:00:00Z", "version": 1
}))]
pub(super) struct RateView {
    id: Uuid,
    country: String,
    region: String,
    category: String,
    /// In percent.
    #[schema(value_type = String)]
    rate: Decimal,
    #[schema(value_type = String, format = DateTime)]
    valid_from: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_until: Option<Timestamp>,
    /// 1 when made, one more with each change.
    version: i64,
}

fn view(kept: Kept) -> RateView {
    let Kept { id, rate, version } = kept;
    RateView {
        id,
        country: rate.country,
        region: rate.region,
        category: rate.category,
        rate: percent(rate.ppm),
        valid_from: rate.valid_from,
        valid_until: rate.valid_until,
        version,
    }
}

fn absent() -> Problem {
    Problem::not_found("such tax rate")
}

fn id_of(text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| absent())
}

/// The taxes of places and products. A country that has none here has that of the settings.
#[utoipa::path(get, path = "/v1/admin/tax-rates", tag = "admin", params(PageQuery),
    responses((status = 200, description = "In the order they were made", body = Page<RateView>)))]
pub(super) async fn list(orders: Data<Orders>, _: Staff, query: Params<PageQuery>) -> Answer {
    let limit = query.0.limit()?;
    let after = query.0.position()?.unwrap_or(Uuid::nil());
    let found = store::list(&orders.inner.db, after, i64::from(limit) + 1).await?;
    let found = found.into_iter().map(view).collect();
    ok(&Page::cut(found, limit, |rate: &RateView| rate.id))
}

/// One rate.
#[utoipa::path(get, path = "/v1/admin/tax-rates/{id}", tag = "admin",
    params(("id" = Uuid, Path, description = "The rate")),
    responses((status = 200, description = "The rate", body = RateView, headers(("ETag")))))]
pub(super) async fn show(orders: Data<Orders>, _: Staff, id: Path<String>) -> Answer {
    let found = store::find(&orders.inner.db, id_of(&id)?).await?.ok_or_else(absent)?;
    Ok(shown(found.version, &view(found)))
}

/// Makes a rate. Orders that were placed keep the tax they were charged.
#[utoipa::path(post, path = "/v1/admin/tax-rates", tag = "admin", request_body = NewRate,
    responses(
        (status = 201, description = "The rate", body = RateView, headers(("Location"), ("ETag"))),
        (status = 409, description = "`conflict`: there is one of this place, category and time",
            body = Problem),
    ))]
pub(super) async fn create(orders: Data<Orders>, editor: Editor, body: Body<NewRate>) -> Answer {
    let db = &orders.inner.db;
    let new = body.value;
    let rate = Said {
        country: new.country,
        region: new.region,
        category: new.category.unwrap_or_else(|| STANDARD.to_owned()),
        percent: new.rate,
        valid_from: new.valid_from.unwrap_or_else(|| db.clock().now()),
        valid_until: new.valid_until,
    };
    let rate = rate.rate()?;
    let id = Uuid::now_v7();
    let mut tx = db.begin("tax_rate.create").await?;
    if !store::create(&mut tx, id, &rate).await? {
        let detail = format!(
            "There is a rate of this place and category that begins then, or {RATES_MAX} in all."
        );
        return Err(Problem::new(code::CONFLICT, detail).into());
    }
    let rate = view(Kept { id, rate, version: 1 });
    let entry = Entry::created("tax_rate.create", id, &rate)?;
    audit::record(&mut tx, &editor.actor(), &[entry]).await?;
    tx.commit().await?;
    orders.inner.taxes.forget();
    Ok(made(format!("/v1/admin/tax-rates/{id}"), &rate))
}

/// Changes how high a rate is and until when it holds.
#[utoipa::path(put, path = "/v1/admin/tax-rates/{id}", tag = "admin", request_body = ChangeRate,
    params(
        ("id" = Uuid, Path, description = "The rate"),
        ("If-Match" = String, Header, description = "The version that was read"),
    ),
    responses(
        (status = 200, description = "The rate as it is now", body = RateView, headers(("ETag"))),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
    ))]
pub(super) async fn change(
    orders: Data<Orders>,
    editor: Editor,
    version: IfMatch,
    id: Path<String>,
    body: Body<ChangeRate>,
) -> Answer {
    let mut tx = orders.inner.db.begin("tax_rate.change").await?;
    let before = store::load(&mut tx, id_of(&id)?).await?.ok_or_else(absent)?;
    let rate = Rate {
        ppm: rate_ppm(body.value.rate)?,
        valid_until: body.value.valid_until,
        ..before.rate.clone()
    };
    rate.check_window()?;
    let mut after = Kept { id: before.id, rate, version: version.0 };
    if before.version != version.0 || !store::change(&mut tx, &after).await? {
        return Err(stale(before.version).into());
    }
    after.version += 1;
    let (before, after) = (view(before), view(after));
    let entry = Entry::changed("tax_rate.change", after.id, &before, &after)?;
    audit::record(&mut tx, &editor.actor(), &[entry]).await?;
    tx.commit().await?;
    orders.inner.taxes.forget();
    Ok(shown(after.version, &after))
}

/// Takes a rate away, as if it had never been: to end it, say until when it holds.
#[utoipa::path(delete, path = "/v1/admin/tax-rates/{id}", tag = "admin",
    params(
        ("id" = Uuid, Path, description = "The rate"),
        ("If-Match" = String, Header, description = "The version that was read"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
    ))]
pub(super) async fn delete(
    orders: Data<Orders>,
    editor: Editor,
    version: IfMatch,
    id: Path<String>,
) -> Answer {
    let mut tx = orders.inner.db.begin("tax_rate.delete").await?;
    let before = store::load(&mut tx, id_of(&id)?).await?.ok_or_else(absent)?;
    if before.version != version.0 || !store::delete(&mut tx, &before).await? {
        return Err(stale(before.version).into());
    }
    let entry = Entry::deleted("tax_rate.delete", before.id, &view(before))?;
    audit::record(&mut tx, &editor.actor(), &[entry]).await?;
    tx.commit().await?;
    orders.inner.taxes.forget();
    no_content()
}
