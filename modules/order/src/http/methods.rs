use actix_web::web::{Data, Path};
use kernel::problem::{Problem, code};
use kernel::{Money, Page};
use platform::audit::{self, Entry};
use platform::http::{Answer, Body, Editor, Failure, IfMatch, Staff, no_content, ok};
use platform::sql::Tx;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::versioned::{made, shown, stale};
use super::words::{check_code, check_name};
use crate::Orders;
use crate::domain::shipping::{MethodKind, ShippingRate};
use crate::store::shipping::{self as store, KeptMethod, ZoneRate};

/// The most rates of a method.
const RATES_MAX: usize = 1_000;
/// The most that a parcel can weigh, in grams.
const WEIGHT_MAX: i64 = 1_000_000_000;

/// What a method costs, where and for which parcels. Of the zones that a parcel goes to only the
/// rates of the smallest count, and of these the cheapest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RateShape {
    /// The code of a zone; anywhere when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    /// What it costs. Other sums are in this currency.
    price: Money,
    /// The least the goods weigh, in grams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    min_weight_g: Option<i64>,
    /// The most they weigh, in grams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    max_weight_g: Option<i64>,
    /// The least they are worth, before promotions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_items: Option<Money>,
    /// What they are worth less than.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_items: Option<Money>,
    /// From which worth on it costs nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    free_above: Option<Money>,
}

/// A method as the staff writes it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "code": "shop", "name": "Fetch it in the shop", "kind": "pickup", "rates": [
        {"price": {"amount": "1.90", "currency": "EUR"}, "max_weight_g": 5000,
         "free_above": {"amount": "50.00", "currency": "EUR"}}
    ]
}))]
pub(super) struct MethodInput {
    /// What orders call it, kept for life.
    #[schema(pattern = "^[A-Za-z0-9-]{1,40}$")]
    code: String,
    /// Its name, for people; the code when it is left out.
    #[schema(max_length = 200)]
    name: Option<String>,
    /// Who brings the goods. What is fetched has no zones.
    #[serde(default)]
    kind: MethodKind,
    /// Whether shoppers can choose it; they can unless said otherwise.
    active: Option<bool>,
    /// What it costs.
    #[schema(min_items = 1, max_items = 1000)]
    rates: Vec<RateShape>,
}

/// A way goods can go.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "code": "shop", "name": "Fetch it in the shop", "kind": "pickup", "active": true,
    "rates": [{"price": {"amount": "0.00", "currency": "EUR"}}], "version": 1
}))]
pub(super) struct MethodView {
    code: String,
    name: String,
    kind: MethodKind,
    active: bool,
    rates: Vec<RateShape>,
    /// 1 when made, one more with each change.
    version: i64,
}

impl From<KeptMethod> for MethodView {
    fn from(kept: KeptMethod) -> Self {
        let KeptMethod { code, name, kind, active, rates, version } = kept;
        let shape = |ZoneRate { zone, rate }: ZoneRate| {
            let money = |minor| Money::from_minor(minor, rate.currency);
            RateShape {
                zone,
                price: money(rate.price_minor),
                min_weight_g: Some(rate.min_weight_g).filter(|grams| *grams > 0),
                max_weight_g: rate.max_weight_g,
                min_items: Some(rate.min_items_minor).filter(|minor| *minor > 0).map(money),
                max_items: rate.max_items_minor.map(money),
                free_above: rate.free_above_minor.map(money),
            }
        };
        let rates = rates.into_iter().map(shape).collect();
        Self { code, name, kind, active, rates, version }
    }
}

fn absent() -> Problem {
    Problem::not_found("such shipping method")
}

fn subject(code: &str) -> uuid::Uuid {
    audit::named("shipping_method", code)
}

/// The shipping methods. A shop without one has those of the settings.
#[utoipa::path(get, path = "/v1/admin/shipping/methods", tag = "admin",
    responses((status = 200, description = "By code", body = Page<MethodView>)))]
pub(super) async fn list(orders: Data<Orders>, _: Staff) -> Answer {
    let found = store::methods(&orders.inner.db).await?;
    ok(&Page { items: found.into_iter().map(MethodView::from).collect(), next_cursor: None })
}

/// One method.
#[utoipa::path(get, path = "/v1/admin/shipping/methods/{code}", tag = "admin",
    params(("code" = String, Path, description = "The code")),
    responses((status = 200, description = "The method", body = MethodView, headers(("ETag")))))]
pub(super) async fn show(orders: Data<Orders>, _: Staff, code: Path<String>) -> Answer {
    let methods = store::methods(&orders.inner.db).await?;
    let method = methods.into_iter().find(|method| method.code == *code).ok_or_else(absent)?;
    Ok(shown(method.version, &MethodView::from(method)))
}

/// Makes a method. With the first one, those of the settings are offered no more.
#[utoipa::path(post, path = "/v1/admin/shipping/methods", tag = "admin",
    request_body = MethodInput,
    responses(
        (status = 201, description = "The method", body = MethodView,
            headers(("Location"), ("ETag"))),
        (status = 409, description = "`conflict`: there is a method of this code", body = Problem),
    ))]
pub(super) async fn create(
    orders: Data<Orders>,
    editor: Editor,
    body: Body<MethodInput>,
) -> Answer {
    let method = check(body.value, 1)?;
    let mut tx = orders.inner.db.begin("shipping_method.create").await?;
    if !store::create_method(&mut tx, &method).await? {
        let detail = format!("There is a method of this code, or {} in all.", store::METHODS_MAX);
        return Err(Problem::new(code::CONFLICT, detail).into());
    }
    set_rates(&mut tx, &method).await?;
    let method = MethodView::from(method);
    let entry = Entry::created("shipping_method.create", subject(&method.code), &method)?;
    audit::record(&mut tx, &editor.actor(), &[entry]).await?;
    tx.commit().await?;
    orders.inner.shipping.forget();
    Ok(made(format!("/v1/admin/shipping/methods/{}", method.code), &method))
}

/// Replaces a method that still is in the version of If-Match; the code stays.
#[utoipa::path(put, path = "/v1/admin/shipping/methods/{code}", tag = "admin",
    request_body = MethodInput,
    params(
        ("code" = String, Path, description = "The code"),
        ("If-Match" = String, Header, description = "The version that was read"),
    ),
    responses(
        (status = 200, description = "The method as it is now", body = MethodView,
            headers(("ETag"))),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
    ))]
pub(super) async fn replace(
    orders: Data<Orders>,
    editor: Editor,
    version: IfMatch,
    code: Path<String>,
    body: Body<MethodInput>,
) -> Answer {
    let mut after = check(body.value, version.0)?;
    let mut tx = orders.inner.db.begin("shipping_method.change").await?;
    let before = load(&mut tx, &code).await?;
    if after.code != before.code {
        return Err(Problem::invalid("code", "a method keeps its code").into());
    }
    if before.version != version.0 || !store::change_method(&mut tx, &after).await? {
        return Err(stale(before.version).into());
    }
    set_rates(&mut tx, &after).await?;
    after.version += 1;
    let (before, after) = (MethodView::from(before), MethodView::from(after));
    let entry = Entry::changed("shipping_method.change", subject(&after.code), &before, &after)?;
    audit::record(&mut tx, &editor.actor(), &[entry]).await?;
    tx.commit().await?;
    orders.inner.shipping.forget();
    Ok(shown(after.version, &after))
}

/// Deletes a method; orders that go by it still do.
#[utoipa::path(delete, path = "/v1/admin/shipping/methods/{code}", tag = "admin",
    params(
        ("code" = String, Path, description = "The code"),
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
    code: Path<String>,
) -> Answer {
    let mut tx = orders.inner.db.begin("shipping_method.delete").await?;
    let before = load(&mut tx, &code).await?;
    if before.version != version.0 || !store::delete_method(&mut tx, &before).await? {
        return Err(stale(before.version).into());
    }
    let method = MethodView::from(before);
    let entry = Entry::deleted("shipping_method.delete", subject(&method.code), &method)?;
    audit::record(&mut tx, &editor.actor(), &[entry]).await?;
    tx.commit().await?;
    orders.inner.shipping.forget();
    no_content()
}

async fn load(tx: &mut Tx, code: &str) -> Result<KeptMethod, Failure> {
    check_code("code", code).map_err(|_| absent())?;
    Ok(store::load_method(tx, code).await?.ok_or_else(absent)?)
}

async fn set_rates(tx: &mut Tx, method: &KeptMethod) -> Result<(), Failure> {
    if store::set_rates(tx, method).await? {
        return Ok(());
    }
    Err(Problem::invalid("rates", "must be for zones that there are").into())
}

fn check(input: MethodInput, version: i64) -> Result<KeptMethod, Problem> {
    let MethodInput { code, name, kind, active, rates } = input;
    check_code("code", &code)?;
    let name = name.unwrap_or_else(|| code.clone());
    check_name("name", &name)?;
    if !(1..=RATES_MAX).contains(&rates.len()) {
        return Err(Problem::invalid("rates", format!("must be 1 to {RATES_MAX}")));
    }
    let rates = rates.into_iter().enumerate().map(|(n, shape)| rate(n, shape, kind));
    let rates = rates.collect::<Result<_, _>>()?;
    Ok(KeptMethod { code, name, kind, active: active.unwrap_or(true), rates, version })
}

fn rate(n: usize, shape: RateShape, kind: MethodKind) -> Result<ZoneRate, Problem> {
    let refused =
        |name: &str, message: &str| Problem::invalid(format!("rates[{n}].{name}"), message);
    if shape.zone.is_some() && kind == MethodKind::Pickup {
        return Err(refused("zone", "what is fetched has no zone"));
    }
    if let Some(zone) = &shape.zone {
        check_code(&format!("rates[{n}].zone"), zone)?;
    }
    let currency = shape.price.currency();
    let sums = [
        ("price", Some(shape.price)),
        ("min_items", shape.min_items),
        ("max_items", shape.max_items),
        ("free_above", shape.free_above),
    ];
    for (name, sum) in sums.iter().filter_map(|(name, sum)| Some((*name, (*sum)?))) {
        if sum.currency() != currency {
            return Err(refused(name, "must be in the currency of the price"));
        }
        if sum.minor() < 0 {
            return Err(refused(name, "must not be negative"));
        }
    }
    for (name, grams) in
        [("min_weight_g", shape.min_weight_g), ("max_weight_g", shape.max_weight_g)]
    {
        if grams.is_some_and(|grams| !(0..=WEIGHT_MAX).contains(&grams)) {
            return Err(refused(name, &format!("must be 0 to {WEIGHT_MAX} grams")));
        }
    }
    let min_weight_g = shape.min_weight_g.unwrap_or(0);
    if shape.max_weight_g.is_some_and(|most| most < min_weight_g) {
        return Err(refused("max_weight_g", "must not be less than min_weight_g"));
    }
    let min_items_minor = shape.min_items.map_or(0, Money::minor);
    if shape.max_items.is_some_and(|limit| limit.minor() <= min_items_minor) {
        return Err(refused("max_items", "must be more than min_items"));
    }
    let rate = ShippingRate {
        places: None,
        currency,
        min_weight_g,
        max_weight_g: shape.max_weight_g,
        min_items_minor,
        max_items_minor: shape.max_items.map(Money::minor),
        price_minor: shape.price.minor(),
        free_above_minor: shape.free_above.map(Money::minor),
    };
    Ok(ZoneRate { zone: shape.zone, rate })
}
