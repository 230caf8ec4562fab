use actix_web::web::Data;
use kernel::problem::{Problem, code};
use kernel::{Page, PageQuery};
use platform::audit::{self, Entry};
use platform::http::{Answer, Body, Editor, Params, Staff, created, ok};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Orders;
use crate::store::coupon::{self, Coupon};

/// The longest code, in characters.
const CODE_MAX: usize = 40;
/// The most uses a coupon can be issued for.
const USES_MAX: i64 = 1_000_000_000;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "AUTUMN10", "percent": "10", "uses_max": 500}))]
pub(super) struct NewCoupon {
    /// What the shopper types: letters, digits and dashes.
    #[schema(pattern = "^[A-Za-z0-9-]{1,40}$")]
    code: String,
    /// How many percent it takes off the items: 0.01 to 100.
    #[serde(with = "rust_decimal::serde::str")]
    #[schema(value_type = String)]
    percent: Decimal,
    /// How often it can be used in all.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    uses_max: i64,
}

/// The coupons.
#[utoipa::path(get, path = "/v1/admin/promotions", tag = "admin", params(PageQuery),
    responses((status = 200, description = "By code", body = Page<Coupon>)))]
pub(super) async fn list(orders: Data<Orders>, _: Staff, query: Params<PageQuery>) -> Answer {
    let limit = query.0.limit()?;
    let after: Option<String> = query.0.position()?;
    let found = coupon::list(&orders.inner.db, after.as_deref(), i64::from(limit) + 1).await?;
    ok(&Page::cut(found, limit, |coupon| coupon.code.clone()))
}

/// Issues a coupon.
#[utoipa::path(post, path = "/v1/admin/promotions", tag = "admin", request_body = NewCoupon,
    responses(
        (status = 201, description = "The coupon", body = Coupon,
            headers(("Location"))),
        (status = 409, description = "`conflict`: there is a coupon of this code", body = Problem),
    ))]
pub(super) async fn create(orders: Data<Orders>, editor: Editor, body: Body<NewCoupon>) -> Answer {
    let new = body.value;
    let percent_bp = check(&new)?;
    let db = &orders.inner.db;
    let mut tx = db.begin("coupon.create").await?;
    if !coupon::create(&mut tx, &new.code, percent_bp, new.uses_max).await? {
        return Err(Problem::new(code::CONFLICT, "There is a coupon of this code.").into());
    }
    audit::record(&mut tx, &editor.actor(), &[entry(&new)?]).await?;
    tx.commit().await?;
    let coupon = coupon::find(db, &new.code).await?;
    created("/v1/admin/promotions", &coupon)
}

/// What the audit log keeps of a coupon.
#[derive(Serialize)]
struct Issued<'a> {
    code: &'a str,
    percent: Decimal,
    uses_max: i64,
}

fn entry(new: &NewCoupon) -> platform::sql::Result<Entry> {
    let issued = Issued { code: &new.code, percent: new.percent, uses_max: new.uses_max };
    Entry::created("promotion.create", audit::named("coupon", &new.code), &issued)
}

fn check(new: &NewCoupon) -> Result<i64, Problem> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if new.code.is_empty() || new.code.len() > CODE_MAX || !new.code.chars().all(plain) {
        let message = format!("must be 1 to {CODE_MAX} letters, digits and dashes");
        return Err(Problem::invalid("code", message));
    }
    if !(1..=USES_MAX).contains(&new.uses_max) {
        return Err(Problem::invalid("uses_max", format!("must be 1 to {USES_MAX}")));
    }
    let hundredths = (new.percent * Decimal::ONE_HUNDRED).normalize();
    let percent_bp = hundredths.to_i64().filter(|_| hundredths.scale() == 0);
    percent_bp
        .filter(|bp| (1..=10_000).contains(bp))
        .ok_or_else(|| Problem::invalid("percent", "must be 0.01 to 100, with two decimals"))
}
