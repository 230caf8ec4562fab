use actix_web::web::{Data, Path};
use kernel::Page;
use kernel::problem::{Problem, code};
use platform::audit::{self, Entry};
use platform::http::{Answer, Body, Editor, IfMatch, Staff, no_content, ok};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::versioned::{made, shown, stale};
use super::words::{check_code, check_name};
use crate::Orders;
use crate::domain::shipping::Place;
use crate::store::shipping::{self as store, Zone};

/// The most places of a zone.
const PLACES_MAX: usize = 1_000;

/// A zone as the staff writes it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "code": "highlands", "name": "Scottish Highlands",
    "places": [{"country": "GB", "postal_prefix": "IV"}, {"country": "GB", "postal_prefix": "KW"}]
}))]
pub(super) struct ZoneInput {
    /// What rates call it, kept for life.
    #[schema(pattern = "^[A-Za-z0-9-]{1,40}$")]
    code: String,
    /// Its name, for people; the code when it is left out.
    #[schema(max_length = 200)]
    name: Option<String>,
    /// Where it is: countries, regions of them, or how postal codes begin there.
    #[schema(min_items = 1, max_items = 1000)]
    places: Vec<Place>,
}

/// Where parcels go to.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "code": "de", "name": "Germany", "places": [{"country": "DE"}], "version": 1
}))]
pub(super) struct ZoneView {
    code: String,
    name: String,
    places: Vec<Place>,
    /// 1 when made, one more with each change.
    version: i64,
}

impl From<Zone> for ZoneView {
    fn from(Zone { code, name, places, version }: Zone) -> Self {
        Self { code, name, places, version }
    }
}

fn absent() -> Problem {
    Problem::not_found("such shipping zone")
}

fn subject(code: &str) -> uuid::Uuid {
    audit::named("shipping_zone", code)
}

/// The shipping zones.
#[utoipa::path(get, path = "/v1/admin/shipping/zones", tag = "admin",
    responses((status = 200, description = "By code", body = Page<ZoneView>)))]
pub(super) async fn list(orders: Data<Orders>, _: Staff) -> Answer {
    let found = store::zones(&orders.inner.db).await?;
    ok(&Page { items: found.into_iter().map(ZoneView::from).collect(), next_cursor: None })
}

/// One zone.
#[utoipa::path(get, path = "/v1/admin/shipping/zones/{code}", tag = "admin",
    params(("code" = String, Path, description = "The code")),
    responses((status = 200, description = "The zone", body = ZoneView, headers(("ETag")))))]
pub(super) async fn show(orders: Data<Orders>, _: Staff, code: Path<String>) -> Answer {
    let zones = store::zones(&orders.inner.db).await?;
    let zone = zones.into_iter().find(|zone| zone.code == *code).ok_or_else(absent)?;
    Ok(shown(zone.version, &ZoneView::from(zone)))
}

/// Makes a zone, which shipping methods can then have rates for.
#[utoipa::path(post, path = "/v1/admin/shipping/zones", tag = "admin", request_body = ZoneInput,
    responses(
        (status = 201, description = "The zone", body = ZoneView, headers(("Location"), ("ETag"))),
        (status = 409, description = "`conflict`: there is a zone of this code", body = Problem),
    ))]
pub(super) async fn create(orders: Data<Orders>, editor: Editor, body: Body<ZoneInput>) -> Answer {
    let zone = check(body.value, 1)?;
    let mut tx = orders.inner.db.begin("shipping_zone.create").await?;
    if !store::create_zone(&mut tx, &zone).await? {
        let detail = format!("There is a zone of this code, or {} in all.", store::ZONES_MAX);
        return Err(Problem::new(code::CONFLICT, detail).into());
    }
    let zone = ZoneView::from(zone);
    let entry = Entry::created("shipping_zone.create", subject(&zone.code), &zone)?;
    audit::record(&mut tx, &editor.actor(), &[entry]).await?;
    tx.commit().await?;
    orders.inner.shipping.forget();
    Ok(made(format!("/v1/admin/shipping/zones/{}", zone.code), &zone))
}

/// Replaces a zone that still is in the version of If-Match; the code stays.
#[utoipa::path(put, path = "/v1/admin/shipping/zones/{code}", tag = "admin",
    request_body = ZoneInput,
    params(
        ("code" = String, Path, description = "The code"),
        ("If-Match" = String, Header, description = "The version that was read"),
    ),
    responses(
        (status = 200, description = "The zone as it is now", body = ZoneView, headers(("ETag"))),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
    ))]
pub(super) async fn replace(
    orders: Data<Orders>,
    editor: Editor,
    version: IfMatch,
    code: Path<String>,
    body: Body<ZoneInput>,
) -> Answer {
    let mut after = check(body.value, version.0)?;
    let mut tx = orders.inner.db.begin("shipping_zone.change").await?;
    let before = load(&mut tx, &code).await?;
    if after.code != before.code {
        return Err(Problem::invalid("code", "a zone keeps its code").into());
    }
    if before.version != version.0 || !store::change_zone(&mut tx, &after).await? {
        return Err(stale(before.version).into());
    }
    after.version += 1;
    let (before, after) = (ZoneView::from(before), ZoneView::from(after));
    let entry = Entry::changed("shipping_zone.change", subject(&after.code), &before, &after)?;
    audit::record(&mut tx, &editor.actor(), &[entry]).await?;
    tx.commit().await?;
    orders.inner.shipping.forget();
    Ok(shown(after.version, &after))
}

/// Deletes a zone that no method has a rate for.
#[utoipa::path(delete, path = "/v1/admin/shipping/zones/{code}", tag = "admin",
    params(
        ("code" = String, Path, description = "The code"),
        ("If-Match" = String, Header, description = "The version that was read"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 409, description = "`conflict`: methods have rates for it", body = Problem),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
    ))]
pub(super) async fn delete(
    orders: Data<Orders>,
    editor: Editor,
    version: IfMatch,
    code: Path<String>,
) -> Answer {
    let mut tx = orders.inner.db.begin("shipping_zone.delete").await?;
    let before = load(&mut tx, &code).await?;
    if before.version != version.0 {
        return Err(stale(before.version).into());
    }
    if !store::delete_zone(&mut tx, &before).await? {
        let detail = "Shipping methods have rates for the zone; change them first.";
        return Err(Problem::new(code::CONFLICT, detail).into());
    }
    let zone = ZoneView::from(before);
    let entry = Entry::deleted("shipping_zone.delete", subject(&zone.code), &zone)?;
    audit::record(&mut tx, &editor.actor(), &[entry]).await?;
    tx.commit().await?;
    orders.inner.shipping.forget();
    no_content()
}

async fn load(tx: &mut platform::sql::Tx, code: &str) -> Result<Zone, platform::http::Failure> {
    check_code("code", code).map_err(|_| absent())?;
    Ok(store::load_zone(tx, code).await?.ok_or_else(absent)?)
}

fn check(input: ZoneInput, version: i64) -> Result<Zone, Problem> {
    let ZoneInput { code, name, mut places } = input;
    check_code("code", &code)?;
    let name = name.unwrap_or_else(|| code.clone());
    check_name("name", &name)?;
    if !(1..=PLACES_MAX).contains(&places.len()) {
        return Err(Problem::invalid("places", format!("must be 1 to {PLACES_MAX}")));
    }
    for (n, place) in places.iter().enumerate() {
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        let field = |name: &str| format!("places[{n}].{name}");
        if !crate::domain::address::is_country(&place.country) {
            let message = "must be an ISO 3166-1 alpha-2 code";
            return Err(Problem::invalid(field("country"), message));
        }
        for (name, text, most) in
            [("region", &place.region, 3), ("postal_prefix", &place.postal_prefix, 10)]
        {
            if text.len() > most || !plain(text) {
                let message = format!("must be at most {most} capital letters and digits");
                return Err(Problem::invalid(field(name), message));
            }
        }
    }
    let key =
        |place: &Place| (place.country.clone(), place.region.clone(), place.postal_prefix.clone());
    places.sort_by_key(key);
    places.dedup();
    Ok(Zone { code, name, places, version })
}
