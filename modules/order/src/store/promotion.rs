//! Promotions, and what orders claimed of them.

use std::collections::BTreeMap;

use kernel::id::{CustomerId, OrderId};
use kernel::{Currency, Timestamp};
use platform::fault;
use platform::sql::{Db, Error, Json, Query, Result, Tx};
use serde_json::json;

use crate::domain::order::Order;
use crate::domain::promotion::{Kind, Promotion, Scope};

macro_rules! found {
    ($where:literal) => {
        concat!(
            "select code, name, automatic, kind, percent_bp, amount_minor, buy_quantity,
                    get_quantity, currency, min_items_minor, min_quantity, scope, class, priority,
                    valid_from, valid_until, uses, uses_max, per_customer_max, spent_minor,
                    budget_minor, active, customer_group, revision, created_at
               from promotion where ",
            $where
        )
    };
}

platform::statements! {
    FIND = found!("code = $1");
    AUTOMATIC = found!("automatic and active order by code limit $1");
    LIST = found!("cast($1 as text) is null or code > $1 order by code limit $2");
    CREATE = "insert into promotion (code, name, automatic, kind, percent_bp, amount_minor,
                     buy_quantity, get_quantity, currency, min_items_minor, min_quantity, scope,
                     class, priority, valid_from, valid_until, uses_max, per_customer_max,
                     budget_minor, customer_group, created_at)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                      $18, $19, $20, $21)
              on conflict (code) do nothing";
    /// What was used and spent stays within the new limits, and in the same currency.
    CHANGE = "update promotion set name = $2, automatic = $3, kind = $4, percent_bp = $5,
                     amount_minor = $6, buy_quantity = $7, get_quantity = $8, currency = $9,
                     min_items_minor = $10, min_quantity = $11, scope = $12, class = $13,
                     priority = $14, valid_from = $15, valid_until = $16, uses_max = $17,
                     per_customer_max = $18, budget_minor = $19, customer_group = $20,
                     revision = revision + 1
               where code = $1 and revision = $21 and uses <= $17 and spent_minor <= $19
                 and (uses = 0 or coalesce(currency, '') = coalesce($9, ''))";
    SWITCH = "update promotion set active = $3, revision = revision + 1
               where code = $1 and revision = $2";
    USED_BY =
        "select code, uses from promotion_use where key in (select value from json_each($1))",
        "select code, uses from promotion_use
          where key = any(array(select value from jsonb_array_elements_text($1)))";
    /// The limit may have been changed since the row was made.
    MAKE_USE =
        "insert into promotion_use (key, code, uses_max)
         select value->>'key', value->>'code', value->>'uses_max' from json_each($1) where true
         on conflict (key) do update set uses_max = excluded.uses_max
          where promotion_use.uses_max <> excluded.uses_max
            and promotion_use.uses <= excluded.uses_max",
        "insert into promotion_use (key, code, uses_max)
         select u.key, u.code, u.uses_max
           from jsonb_to_recordset($1) as u(key text, code text, uses_max bigint) order by u.key
         on conflict (key) do update set uses_max = excluded.uses_max
          where promotion_use.uses_max <> excluded.uses_max
            and promotion_use.uses <= excluded.uses_max";
    KEEP =
        "insert into order_promotion (order_id, code, amount_minor, use_key)
         select $1, value->>'code', value->>'amount_minor', value->>'use_key' from json_each($2)",
        "insert into order_promotion (order_id, code, amount_minor, use_key)
         select $1, c.code, c.amount_minor, c.use_key
           from jsonb_to_recordset($2) as c(code text, amount_minor bigint, use_key text)";
    /// Whoever comes second finds nothing to give back.
    GIVE_BACK = "update order_promotion set given_back_at = $2
                  where order_id = $1 and given_back_at is null
                 returning code, amount_minor, use_key";
    COUNT = "select count(*) from promotion";
    /// An order that failed has given everything back; one that is on its way to the shopper has not.
    MISCOUNTED =
        "with claimed as (
             select c.code, c.amount_minor, c.use_key
               from order_promotion c join orders o on o.id = c.order_id
              where case o.status when 'FAILED' then false
                                  when 'CANCELLED' then c.given_back_at is null
                                  when 'RETURNED' then c.given_back_at is null else true end)
         select code from promotion p
          where uses <> (select count(*) from claimed c where c.code = p.code)
             or spent_minor <> (select coalesce(cast(sum(c.amount_minor) as bigint), 0)
                                  from claimed c where c.code = p.code)
         union all
         select key from promotion_use u
          where uses <> (select count(*) from claimed c where c.use_key = u.key) limit 20";
}

platform::guard! {
    /// A promotion is used at most as often as it was issued for.
    PROMOTION_USES: "promotion.uses", table "promotion", key text "code", used "uses", limit "uses_max"
}
platform::guard! {
    /// A promotion gives away at most its budget.
    PROMOTION_BUDGET: "promotion.spent", table "promotion", key text "code", used "spent_minor", limit "budget_minor"
}
platform::guard! {
    /// A customer uses a promotion at most as often as one may.
    PROMOTION_CUSTOMER: "promotion_use.uses", table "promotion_use", key text "key", used "uses", limit "uses_max"
}

#[derive(platform::sql::Record)]
struct Row {
    code: String,
    name: String,
    automatic: bool,
    kind: String,
    percent_bp: i64,
    amount_minor: Option<i64>,
    buy_quantity: Option<i64>,
    get_quantity: Option<i64>,
    currency: Option<String>,
    min_items_minor: i64,
    min_quantity: i64,
    scope: Json<Scope>,
    class: String,
    priority: i64,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    uses: i64,
    uses_max: i64,
    per_customer_max: Option<i64>,
    spent_minor: i64,
    budget_minor: i64,
    active: bool,
    customer_group: Option<String>,
    revision: i64,
    created_at: Timestamp,
}

/// A promotion and when it was made.
pub struct Kept {
    /// The promotion.
    pub promotion: Promotion,
    /// 1 when made, one more with each change of the staff.
    pub revision: i64,
    /// Since when there is it.
    pub created_at: Timestamp,
}

/// What a kind is called, here and by the API.
pub const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Percentage => "percentage",
        Kind::Fixed(_) => "fixed",
        Kind::FreeShipping => "free_shipping",
        Kind::BuyXGetY { .. } => "buy_x_get_y",
    }
}

impl Row {
    fn kept(self) -> Result<Kept> {
        let nonsense = |what| Error::Inconsistent(format!("promotion {}: {what}", self.code));
        let kind = match (&*self.kind, self.amount_minor, self.buy_quantity, self.get_quantity) {
            ("percentage", ..) => Kind::Percentage,
            ("fixed", Some(amount), ..) => Kind::Fixed(amount),
            ("free_shipping", ..) => Kind::FreeShipping,
            ("buy_x_get_y", _, Some(buy), Some(get)) => Kind::BuyXGetY { buy, get },
            _ => return Err(nonsense("its kind")),
        };
        let currency = self.currency.as_deref().map(str::parse).transpose();
        let promotion = Promotion {
            currency: currency.map_err(|_| nonsense("its currency"))?,
            code: self.code,
            name: self.name,
            automatic: self.automatic,
            kind,
            percent_bp: self.percent_bp,
            min_items_minor: self.min_items_minor,
            min_quantity: self.min_quantity,
            scope: self.scope.0,
            class: self.class,
            priority: self.priority,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            uses: self.uses,
            uses_max: self.uses_max,
            per_customer_max: self.per_customer_max,
            spent_minor: self.spent_minor,
            budget_minor: self.budget_minor,
            active: self.active,
            customer_group: self.customer_group,
        };
        Ok(Kept { promotion, revision: self.revision, created_at: self.created_at })
    }
}

/// The promotion of a code.
pub async fn find(db: &Db, code: &str) -> Result<Option<Kept>> {
    let row: Option<Row> = db.query(FIND).bind(code).optional().await?;
    row.map(Row::kept).transpose()
}

/// The promotion of a code, inside a unit of work.
pub async fn load(tx: &mut Tx, code: &str) -> Result<Option<Kept>> {
    let row: Option<Row> = tx.query(FIND).bind(code).optional().await?;
    row.map(Row::kept).transpose()
}

/// The promotions that need no code, at most `limit` of them.
pub async fn automatic(db: &Db, limit: i64) -> Result<Vec<Promotion>> {
    let rows: Vec<Row> = db.query(AUTOMATIC).bind(limit).all().await?;
    rows.into_iter().map(|row| row.kept().map(|kept| kept.promotion)).collect()
}

/// Promotions after a code.
pub async fn list(db: &Db, after: Option<&str>, limit: i64) -> Result<Vec<Kept>> {
    let rows: Vec<Row> = db.query(LIST).bind(after).bind(limit).all().await?;
    rows.into_iter().map(Row::kept).collect()
}

/// Binds what the staff says of a promotion: 20 values, the first of them its code.
fn bind<'q>(query: Query<'q>, promotion: &'q Promotion) -> Query<'q> {
    let (amount, buy, get) = match promotion.kind {
        Kind::Fixed(amount) => (Some(amount), None, None),
        Kind::BuyXGetY { buy, get } => (None, Some(buy), Some(get)),
        Kind::Percentage | Kind::FreeShipping => (None, None, None),
    };
    query
        .bind(promotion.code.as_str())
        .bind(promotion.name.as_str())
        .bind(promotion.automatic)
        .bind(word(promotion.kind))
        .bind(promotion.percent_bp)
        .bind(amount)
        .bind(buy)
        .bind(get)
        .bind(promotion.currency.as_ref().map(Currency::code))
        .bind(promotion.min_items_minor)
        .bind(promotion.min_quantity)
        .bind(Json(&promotion.scope))
        .bind(promotion.class.as_str())
        .bind(promotion.priority)
        .bind(promotion.valid_from)
        .bind(promotion.valid_until)
        .bind(promotion.uses_max)
        .bind(promotion.per_customer_max)
        .bind(promotion.budget_minor)
        .bind(promotion.customer_group.as_deref())
}

/// Makes a promotion. False when there is one of this code.
pub async fn create(tx: &mut Tx, promotion: &Promotion) -> Result<bool> {
    let now = tx.now();
    Ok(bind(tx.query(CREATE), promotion).bind(now).execute().await? == 1)
}

/// Changes a promotion that still is in `revision`. False when it is not, or more of it was used than
/// it would allow.
pub async fn change(tx: &mut Tx, promotion: &Promotion, revision: i64) -> Result<bool> {
    Ok(bind(tx.query(CHANGE), promotion).bind(revision).execute().await? == 1)
}

/// Switches a promotion that still is in `revision` on or off. False when it is not.
pub async fn switch(tx: &mut Tx, code: &str, revision: i64, active: bool) -> Result<bool> {
    Ok(tx.query(SWITCH).bind(code).bind(revision).bind(active).execute().await? == 1)
}

/// How often a customer used those promotions that limit it.
pub async fn used_by(
    db: &Db,
    customer: CustomerId,
    promotions: &[Promotion],
) -> Result<BTreeMap<String, i64>> {
    let limited = promotions.iter().filter(|promotion| promotion.per_customer_max.is_some());
    let keys: Vec<String> = limited.map(|it| use_key(&it.code, customer)).collect();
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<(String, i64)> = db.query(USED_BY).bind(Json(keys)).all().await?;
    Ok(rows.into_iter().collect())
}

fn use_key(code: &str, customer: CustomerId) -> String {
    format!("{code}/{customer}")
}

/// What an order takes of a promotion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The promotion.
    pub code: String,
    /// What it takes off, in minor units.
    pub amount_minor: i64,
    /// How often one customer can use it.
    pub per_customer_max: Option<i64>,
}

/// Claims a use of each promotion, the customer's use of it, and its part of the budget. False when
/// one of them does not allow it: the unit of work is then to be dropped. The order that names the
/// promotion is inserted later: its reference shares the row, and two who share it cannot both take it.
pub async fn claim(tx: &mut Tx, customer: CustomerId, taken: &[Taken]) -> Result<bool> {
    if taken.is_empty() {
        return Ok(true);
    }
    let key = |it: &Taken| it.per_customer_max.map(|_| use_key(&it.code, customer));
    let uses: Vec<_> = taken.iter().map(|it| (it.code.as_str(), 1)).collect();
    let spent: Vec<_> = taken.iter().map(|it| (it.code.as_str(), it.amount_minor)).collect();
    let by_customer: Vec<_> = taken.iter().filter_map(key).map(|key| (key, 1)).collect();
    if PROMOTION_USES.take(tx, &uses).await?.is_err()
        || PROMOTION_BUDGET.take(tx, &spent).await?.is_err()
    {
        return Ok(false);
    }
    if !by_customer.is_empty() {
        let row = |it: &Taken| {
            let (key, uses_max) = (key(it)?, it.per_customer_max?);
            Some(json!({"key": key, "code": it.code, "uses_max": uses_max}))
        };
        let rows: Vec<_> = taken.iter().filter_map(row).collect();
        tx.query(MAKE_USE).bind(Json(rows)).execute().await?;
        if PROMOTION_CUSTOMER.take(tx, &by_customer).await?.is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Keeps with an order what was claimed for it.
pub async fn keep(
    tx: &mut Tx,
    order: OrderId,
    customer: CustomerId,
    taken: &[Taken],
) -> Result<()> {
    if taken.is_empty() {
        return Ok(());
    }
    let row = |it: &Taken| {
        let key = it.per_customer_max.map(|_| use_key(&it.code, customer));
        json!({"code": it.code, "amount_minor": it.amount_minor, "use_key": key})
    };
    let rows: Vec<_> = taken.iter().map(row).collect();
    tx.query(KEEP).bind(order.uuid()).bind(Json(rows)).execute().await.map(drop)
}

/// Gives back what an order claimed of promotions, once: a second call finds nothing.
pub async fn give_back(tx: &mut Tx, order: &Order) -> Result<()> {
    let is_plain = order.coupon.is_none() && order.promotions.is_empty();
    if is_plain || fault::bug("coupon_is_not_given_back") {
        return Ok(());
    }
    let now = tx.now();
    let rows: Vec<(String, i64, Option<String>)> =
        tx.query(GIVE_BACK).bind(order.id.uuid()).bind(now).all().await?;
    let uses: Vec<_> = rows.iter().map(|(code, ..)| (code, 1)).collect();
    // What the coupons of old took off an order of nothing is nothing.
    let spent: Vec<_> = rows
        .iter()
        .filter(|(_, amount, _)| *amount > 0)
        .map(|(code, amount, _)| (code, *amount))
        .collect();
    let by_customer: Vec<_> =
        rows.iter().filter_map(|(_, _, key)| Some((key.as_ref()?, 1))).collect();
    let given = (uses.is_empty() || PROMOTION_USES.give(tx, &uses).await?.is_ok())
        && (spent.is_empty() || PROMOTION_BUDGET.give(tx, &spent).await?.is_ok())
        && (by_customer.is_empty() || PROMOTION_CUSTOMER.give(tx, &by_customer).await?.is_ok());
    if given {
        return Ok(());
    }
    Err(Error::Inconsistent(format!(
        "order {} claimed more of promotions than was used",
        order.number
    )))
}
