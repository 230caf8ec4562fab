use actix_web::web::{Data, Path};
use kernel::problem::{Problem, code};
use kernel::{Money, Page, PageQuery, Timestamp};
use platform::audit::{self, Entry};
use platform::http::{Answer, Body, Editor, Failure, IfMatch, Params, Staff, created, ok};
use platform::sql::Tx;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::promotion_body::{KindWord, NewPromotion, check};
use super::versioned::{shown, stale};
use super::words::check_code;
use crate::Orders;
use crate::domain::promotion::{Kind, NO_BUDGET, Promotion, Targets};
use crate::error::OrderError;
use crate::store::promotion::{self as store, Kept};

/// A promotion.
#[derive(Serialize, ToSchema)]
pub(super) struct PromotionView {
    code: String,
    name: String,
    kind: KindWord,
    automatic: bool,
    #[schema(value_type = String)]
    percent: Decimal,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    buy_quantity: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    get_quantity: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_items: Option<Money>,
    min_quantity: i64,
    include: Targets,
    exclude: Targets,
    class: String,
    priority: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_from: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_until: Option<Timestamp>,
    /// How often it was used.
    uses: i64,
    /// How often it can be.
    uses_max: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_customer_max: Option<i64>,
    /// What it may give away in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<Money>,
    /// What it gave away; told where its sums have a currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    spent: Option<Money>,
    /// Whether it is in use.
    active: bool,
    /// The only customer group it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_group: Option<String>,
    /// 1 when made, one more with each change of the staff.
    revision: i64,
    /// Since when there is it.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

fn view(kept: Kept) -> PromotionView {
    let Kept { promotion, revision, created_at } = kept;
    let money = |minor| promotion.currency.map(|currency| Money::from_minor(minor, currency));
    let (kind, amount, buy_quantity, get_quantity) = match promotion.kind {
        Kind::Percentage => (KindWord::Percentage, None, None, None),
        Kind::Fixed(amount) => (KindWord::Fixed, money(amount), None, None),
        Kind::FreeShipping => (KindWord::FreeShipping, None, None, None),
        Kind::BuyXGetY { buy, get } => (KindWord::BuyXGetY, None, Some(buy), Some(get)),
    };
    PromotionView {
        kind,
        automatic: promotion.automatic,
        percent: Decimal::new(promotion.percent_bp, 2),
        amount,
        buy_quantity,
        get_quantity,
        min_items: money(promotion.min_items_minor).filter(|least| least.minor() > 0),
        min_quantity: promotion.min_quantity,
        budget: money(promotion.budget_minor).filter(|budget| budget.minor() < NO_BUDGET),
        spent: money(promotion.spent_minor),
        code: promotion.code,
        name: promotion.name,
        include: promotion.scope.include,
        exclude: promotion.scope.exclude,
        class: promotion.class,
        priority: promotion.priority,
        valid_from: promotion.valid_from,
        valid_until: promotion.valid_until,
        uses: promotion.uses,
        uses_max: promotion.uses_max,
        per_customer_max: promotion.per_customer_max,
        active: promotion.active,
        customer_group: promotion.customer_group,
        revision,
        created_at,
    }
}

/// The promotions.
#[utoipa::path(get, path = "/v1/admin/promotions", tag = "admin", params(PageQuery),
    responses((status = 200, description = "By code", body = Page<PromotionView>)))]
pub(super) async fn list(orders: Data<Orders>, _: Staff, query: Params<PageQuery>) -> Answer {
    let limit = query.0.limit()?;
    let after: Option<String> = query.0.position()?;
    let found = store::list(&orders.inner.db, after.as_deref(), i64::from(limit) + 1).await?;
    let found = found.into_iter().map(view).collect();
    ok(&Page::cut(found, limit, |promotion: &PromotionView| promotion.code.clone()))
}

/// Issues a promotion: a coupon, or one that applies by itself.
#[utoipa::path(post, path = "/v1/admin/promotions", tag = "admin", request_body = NewPromotion,
    responses(
        (status = 201, description = "The promotion", body = PromotionView,
            headers(("Location"))),
        (status = 409, description = "`conflict`: there is a promotion of this code", body = Problem),
    ))]
pub(super) async fn create(
    orders: Data<Orders>,
    editor: Editor,
    body: Body<NewPromotion>,
) -> Answer {
    let promotion = check(body.value)?;
    let db = &orders.inner.db;
    let mut tx = db.begin("promotion.create").await?;
    if !store::create(&mut tx, &promotion).await? {
        return Err(Problem::new(code::CONFLICT, "There is a coupon of this code.").into());
    }
    audit::record(&mut tx, &editor.actor(), &[entry(&promotion)?]).await?;
    tx.commit().await?;
    orders.inner.automatic.forget();
    let kept = store::find(db, &promotion.code).await?;
    created("/v1/admin/promotions", &kept.map(view))
}

fn absent() -> Problem {
    Problem::not_found("such promotion")
}

async fn load(tx: &mut Tx, code: &str) -> Result<Kept, Failure> {
    check_code("code", code).map_err(|_| absent())?;
    Ok(store::load(tx, code).await?.ok_or_else(absent)?)
}

/// One promotion.
#[utoipa::path(get, path = "/v1/admin/promotions/{code}", tag = "admin",
    params(("code" = String, Path, description = "The code")),
    responses((status = 200, description = "The promotion", body = PromotionView,
        headers(("ETag")))))]
pub(super) async fn show(orders: Data<Orders>, _: Staff, code: Path<String>) -> Answer {
    check_code("code", &code).map_err(|_| absent())?;
    let kept = store::find(&orders.inner.db, &code).await?.ok_or_else(absent)?;
    Ok(shown(kept.revision, &view(kept)))
}

/// Replaces a promotion that still is in the revision of If-Match: it keeps its code, its uses and
/// whether it is in use. Orders that were placed keep what they got.
#[utoipa::path(put, path = "/v1/admin/promotions/{code}", tag = "admin",
    request_body = NewPromotion,
    params(
        ("code" = String, Path, description = "The code"),
        ("If-Match" = String, Header, description = "The revision that was read"),
    ),
    responses(
        (status = 200, description = "The promotion as it is now", body = PromotionView,
            headers(("ETag"))),
        (status = 409, description = "`conflict`: more of it was used than it would allow, or in another currency",
            body = Problem),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
    ))]
pub(super) async fn replace(
    orders: Data<Orders>,
    editor: Editor,
    revision: IfMatch,
    code: Path<String>,
    body: Body<NewPromotion>,
) -> Answer {
    let new = check(body.value)?;
    let db = &orders.inner.db;
    let mut tx = db.begin("promotion.change").await?;
    let before = load(&mut tx, &code).await?;
    if new.code != before.promotion.code {
        return Err(Problem::invalid("code", "a promotion keeps its code").into());
    }
    if before.revision != revision.0 {
        return Err(stale(before.revision).into());
    }
    if !store::change(&mut tx, &new, revision.0).await? {
        let detail = "More of it was used than it would allow, or in another currency.";
        return Err(Problem::new(code::CONFLICT, detail).into());
    }
    // What checkouts use of it meanwhile is no change of the staff.
    let Promotion { uses, spent_minor, active, .. } = before.promotion;
    let after = Promotion { uses, spent_minor, active, ..new };
    let created_at = before.created_at;
    let after = view(Kept { promotion: after, revision: revision.0 + 1, created_at });
    let subject = audit::named("coupon", &after.code);
    let entry = Entry::changed("promotion.change", subject, &view(before), &after)?;
    audit::record(&mut tx, &editor.actor(), &[entry]).await?;
    tx.commit().await?;
    orders.inner.automatic.forget();
    Ok(shown(after.revision, &after))
}

/// Puts a promotion into use again.
#[utoipa::path(post, path = "/v1/admin/promotions/{code}/activate", tag = "admin",
    params(("code" = String, Path, description = "The code")),
    responses((status = 200, description = "The promotion as it is now", body = PromotionView,
        headers(("ETag")))))]
pub(super) async fn activate(orders: Data<Orders>, editor: Editor, code: Path<String>) -> Answer {
    switch(&orders, &editor, &code, true).await
}

/// Takes a promotion out of use. Orders that were placed keep what they got.
#[utoipa::path(post, path = "/v1/admin/promotions/{code}/deactivate", tag = "admin",
    params(("code" = String, Path, description = "The code")),
    responses((status = 200, description = "The promotion as it is now", body = PromotionView,
        headers(("ETag")))))]
pub(super) async fn deactivate(orders: Data<Orders>, editor: Editor, code: Path<String>) -> Answer {
    switch(&orders, &editor, &code, false).await
}

async fn switch(orders: &Orders, editor: &Editor, code: &str, active: bool) -> Answer {
    #[derive(Serialize)]
    struct Switched {
        active: bool,
    }
    let db = &orders.inner.db;
    let mut tx = db.begin("promotion.switch").await?;
    let before = load(&mut tx, code).await?;
    let was = before.promotion.active;
    if was != active {
        if !store::switch(&mut tx, code, before.revision, active).await? {
            return Err(OrderError::Stale.into());
        }
        let action = if active { "promotion.activate" } else { "promotion.deactivate" };
        let subject = audit::named("coupon", code);
        let (was, is) = (Switched { active: was }, Switched { active });
        let entry = Entry::changed(action, subject, &was, &is)?;
        audit::record(&mut tx, &editor.actor(), &[entry]).await?;
    }
    tx.commit().await?;
    orders.inner.automatic.forget();
    let kept = store::find(db, code).await?.ok_or_else(absent)?;
    Ok(shown(kept.revision, &view(kept)))
}

/// What the audit log keeps of a promotion: a plain coupon in three words.
#[derive(Serialize)]
struct Issued<'a> {
    code: &'a str,
    percent: Decimal,
    uses_max: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_minor: Option<i64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    automatic: bool,
}

fn entry(new: &Promotion) -> platform::sql::Result<Entry> {
    let amount = match new.kind {
        Kind::Fixed(minor) => new.currency.map(|currency| Money::from_minor(minor, currency)),
        _ => None,
    };
    let issued = Issued {
        code: &new.code,
        percent: Decimal::new(new.percent_bp, 2).normalize(),
        uses_max: new.uses_max,
        kind: (new.kind != Kind::Percentage).then_some(store::word(new.kind)),
        amount,
        budget_minor: Some(new.budget_minor).filter(|budget| *budget < NO_BUDGET),
        automatic: new.automatic,
    };
    Entry::created("promotion.create", audit::named("coupon", &new.code), &issued)
}
