//! Coupons: a percentage off, a limited number of times.

use kernel::Timestamp;
use platform::sql::{Db, Result, Tx};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

platform::statements! {
    FIND = "select code, percent_bp, uses, uses_max, created_at from coupon where code = $1";
    CREATE = "insert into coupon (code, percent_bp, uses_max, created_at) values ($1, $2, $3, $4)
              on conflict (code) do nothing";
    LIST = "select code, percent_bp, uses, uses_max, created_at from coupon
             where cast($1 as text) is null or code > $1 order by code limit $2";
    COUNT = "select count(*) from coupon";
    MISCOUNTED = "select code from coupon c
                   where uses <> (select count(*) from orders o
                                   where o.coupon = c.code and o.status <> 'FAILED'
                                     and not (o.status = 'CANCELLED' and o.confirmed_at is null))
                   limit 20";
}

platform::guard! {
    /// A coupon is used at most as often as it was issued for.
    COUPON_USES: "coupon.uses", table "coupon", key text "code", used "uses", limit "uses_max"
}

/// A coupon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Coupon {
    /// What the shopper types.
    pub code: String,
    /// How many percent it takes off the items.
    #[schema(value_type = String)]
    pub percent: Decimal,
    /// How often it was used.
    pub uses: i64,
    /// How often it can be.
    pub uses_max: i64,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

#[derive(platform::sql::Record)]
struct Row {
    code: String,
    percent_bp: i64,
    uses: i64,
    uses_max: i64,
    created_at: Timestamp,
}

impl From<Row> for Coupon {
    fn from(row: Row) -> Self {
        Self {
            code: row.code,
            percent: Decimal::new(row.percent_bp, 2),
            uses: row.uses,
            uses_max: row.uses_max,
            created_at: row.created_at,
        }
    }
}

/// The coupon of a code.
pub async fn find(db: &Db, code: &str) -> Result<Option<Coupon>> {
    let row: Option<Row> = db.query(FIND).bind(code).optional().await?;
    Ok(row.map(Coupon::from))
}

/// Makes a coupon. False when there is one of this code.
pub async fn create(tx: &mut Tx, code: &str, percent_bp: i64, uses_max: i64) -> Result<bool> {
    let now = tx.now();
    let made =
        tx.query(CREATE).bind(code).bind(percent_bp).bind(uses_max).bind(now).execute().await?;
    Ok(made == 1)
}

/// Coupons after a code.
pub async fn list(db: &Db, after: Option<&str>, limit: i64) -> Result<Vec<Coupon>> {
    let rows: Vec<Row> = db.query(LIST).bind(after).bind(limit).all().await?;
    Ok(rows.into_iter().map(Coupon::from).collect())
}
