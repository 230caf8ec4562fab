//! Shipping zones and methods.

use std::collections::HashMap;

use kernel::Currency;
use platform::sql::{Db, Error, Json, Result, Tx};
use serde_json::json;

use crate::domain::shipping::{Method, MethodKind, Place, ShippingRate};

/// The most zones of a shop.
pub const ZONES_MAX: i64 = 500;
/// The most methods of a shop.
pub const METHODS_MAX: i64 = 200;

platform::statements! {
    ZONES = "select code, name, version from shipping_zone order by code limit $1";
    ZONE = "select code, name, version from shipping_zone where code = $1";
    PLACES = "select zone, country, region, postal_prefix from shipping_place
               order by zone, country, region, postal_prefix";
    PLACES_OF = "select zone, country, region, postal_prefix from shipping_place where zone = $1
                  order by country, region, postal_prefix";
    CREATE_ZONE = "insert into shipping_zone (code, name)
                   select $1, $2 where (select count(*) from shipping_zone) < $3
                   on conflict (code) do nothing";
    CHANGE_ZONE = "update shipping_zone set name = $3, version = version + 1
                    where code = $1 and version = $2";
    DROP_PLACES = "delete from shipping_place where zone = $1";
    ADD_PLACES =
        "insert into shipping_place (zone, country, region, postal_prefix)
         select $1, value->>'country', value->>'region', value->>'postal_prefix' from json_each($2)",
        "insert into shipping_place (zone, country, region, postal_prefix)
         select $1, p.country, p.region, p.postal_prefix
           from jsonb_to_recordset($2) as p(country text, region text, postal_prefix text)";
    DELETE_ZONE = "delete from shipping_zone where code = $1 and version = $2
                      and not exists (select 1 from shipping_rate where zone = $1)";
    METHODS = "select code, name, kind, active, version from shipping_method order by code limit $1";
    METHOD = "select code, name, kind, active, version from shipping_method where code = $1";
    RATES = "select method, zone, currency, min_weight_g, max_weight_g, min_items_minor,
                    max_items_minor, price_minor, free_above_minor
               from shipping_rate order by method, n";
    RATES_OF = "select method, zone, currency, min_weight_g, max_weight_g, min_items_minor,
                       max_items_minor, price_minor, free_above_minor
                  from shipping_rate where method = $1 order by n";
    CREATE_METHOD = "insert into shipping_method (code, name, kind, active)
                     select $1, $2, $3, $4 where (select count(*) from shipping_method) < $5
                     on conflict (code) do nothing";
    CHANGE_METHOD = "update shipping_method set name = $3, kind = $4, active = $5,
                            version = version + 1
                      where code = $1 and version = $2";
    DROP_RATES = "delete from shipping_rate where method = $1";
    /// Rates of zones that there are: those of others are left out.
    ADD_RATES =
        "insert into shipping_rate (method, n, zone, currency, min_weight_g, max_weight_g,
                min_items_minor, max_items_minor, price_minor, free_above_minor)
         select $1, value->>'n', value->>'zone', value->>'currency', value->>'min_weight_g',
                value->>'max_weight_g', value->>'min_items_minor', value->>'max_items_minor',
                value->>'price_minor', value->>'free_above_minor'
           from json_each($2)
          where value->>'zone' is null or value->>'zone' in (select code from shipping_zone)",
        "insert into shipping_rate (method, n, zone, currency, min_weight_g, max_weight_g,
                min_items_minor, max_items_minor, price_minor, free_above_minor)
         select $1, r.n, r.zone, r.currency, r.min_weight_g, r.max_weight_g, r.min_items_minor,
                r.max_items_minor, r.price_minor, r.free_above_minor
           from jsonb_to_recordset($2) as r(n bigint, zone text, currency text,
                min_weight_g bigint, max_weight_g bigint, min_items_minor bigint,
                max_items_minor bigint, price_minor bigint, free_above_minor bigint)
          where r.zone is null or r.zone in (select code from shipping_zone)";
    DELETE_METHOD = "delete from shipping_method where code = $1 and version = $2";
}

/// A zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// What rates call it.
    pub code: String,
    /// Its name, for people.
    pub name: String,
    /// Its places.
    pub places: Vec<Place>,
    /// 1 when made, one more with each change.
    pub version: i64,
}

/// A method as the staff keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptMethod {
    /// What the API calls it.
    pub code: String,
    /// Its name, for people.
    pub name: String,
    /// Who brings the goods.
    pub kind: MethodKind,
    /// Whether shoppers can choose it.
    pub active: bool,
    /// What it costs; the places of a rate are those of its zone.
    pub rates: Vec<ZoneRate>,
    /// 1 when made, one more with each change.
    pub version: i64,
}

/// A rate and the zone that it is for; none is anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneRate {
    /// The zone.
    pub zone: Option<String>,
    /// The rate. Its places are not read with a method, as they are the zone's.
    pub rate: ShippingRate,
}

#[derive(platform::sql::Record)]
struct MethodRow {
    code: String,
    name: String,
    kind: String,
    active: bool,
    version: i64,
}

#[derive(platform::sql::Record)]
struct RateRow {
    method: String,
    zone: Option<String>,
    currency: String,
    min_weight_g: i64,
    max_weight_g: Option<i64>,
    min_items_minor: i64,
    max_items_minor: Option<i64>,
    price_minor: i64,
    free_above_minor: Option<i64>,
}

impl RateRow {
    fn rate(self) -> Result<ZoneRate> {
        let wrong = |_| Error::Inconsistent(format!("shipping method {}: currency", self.method));
        let currency: Currency = self.currency.parse().map_err(wrong)?;
        let rate = ShippingRate {
            places: None,
            currency,
            min_weight_g: self.min_weight_g,
            max_weight_g: self.max_weight_g,
            min_items_minor: self.min_items_minor,
            max_items_minor: self.max_items_minor,
            price_minor: self.price_minor,
            free_above_minor: self.free_above_minor,
        };
        Ok(ZoneRate { zone: self.zone, rate })
    }
}

const fn word(kind: MethodKind) -> &'static str {
    match kind {
        MethodKind::Carrier => "carrier",
        MethodKind::Pickup => "pickup",
    }
}

impl MethodRow {
    fn kept(self, rates: Vec<RateRow>) -> Result<KeptMethod> {
        let kind = match &*self.kind {
            "carrier" => MethodKind::Carrier,
            "pickup" => MethodKind::Pickup,
            _ => return Err(Error::Inconsistent(format!("shipping method {}: kind", self.code))),
        };
        let rates = rates.into_iter().map(RateRow::rate).collect::<Result<_>>()?;
        let Self { code, name, active, version, .. } = self;
        Ok(KeptMethod { code, name, kind, active, rates, version })
    }
}

type PlaceRow = (String, String, String, String);

fn place((_, country, region, postal_prefix): PlaceRow) -> Place {
    Place { country, region, postal_prefix }
}

fn zone((code, name, version): (String, String, i64), places: Vec<PlaceRow>) -> Zone {
    Zone { code, name, places: places.into_iter().map(place).collect(), version }
}

fn by<K: Eq + std::hash::Hash, T>(rows: Vec<T>, key: impl Fn(&T) -> K) -> HashMap<K, Vec<T>> {
    let mut of_key: HashMap<K, Vec<T>> = HashMap::new();
    for row in rows {
        of_key.entry(key(&row)).or_default().push(row);
    }
    of_key
}

/// Every zone, by code.
pub async fn zones(db: &Db) -> Result<Vec<Zone>> {
    let rows: Vec<(String, String, i64)> = db.query(ZONES).bind(ZONES_MAX).all().await?;
    let places: Vec<PlaceRow> = db.query(PLACES).all().await?;
    let mut places = by(places, |row| row.0.clone());
    let zone = |row: (String, String, i64)| {
        let places = places.remove(&row.0).unwrap_or_default();
        zone(row, places)
    };
    Ok(rows.into_iter().map(zone).collect())
}

/// A zone.
pub async fn load_zone(tx: &mut Tx, code: &str) -> Result<Option<Zone>> {
    let row: Option<(String, String, i64)> = tx.query(ZONE).bind(code).optional().await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(zone(row, tx.query(PLACES_OF).bind(code).all().await?)))
}

/// Makes a zone. False when there is one of this code, or there are too many.
pub async fn create_zone(tx: &mut Tx, new: &Zone) -> Result<bool> {
    let made = tx
        .query(CREATE_ZONE)
        .bind(new.code.as_str())
        .bind(new.name.as_str())
        .bind(ZONES_MAX)
        .execute()
        .await?;
    if made == 0 {
        return Ok(false);
    }
    add_places(tx, new).await.map(|()| true)
}

/// Changes a zone. False when it is in another version by now.
pub async fn change_zone(tx: &mut Tx, changed: &Zone) -> Result<bool> {
    let query = tx.query(CHANGE_ZONE).bind(changed.code.as_str()).bind(changed.version);
    if query.bind(changed.name.as_str()).execute().await? == 0 {
        return Ok(false);
    }
    tx.query(DROP_PLACES).bind(changed.code.as_str()).execute().await?;
    add_places(tx, changed).await.map(|()| true)
}

async fn add_places(tx: &mut Tx, zone: &Zone) -> Result<()> {
    let place = |place: &Place| {
        json!({"country": place.country, "region": place.region,
               "postal_prefix": place.postal_prefix})
    };
    let places: Vec<_> = zone.places.iter().map(place).collect();
    tx.query(ADD_PLACES).bind(zone.code.as_str()).bind(Json(places)).execute().await.map(drop)
}

/// Takes a zone away. False when rates are for it or it is in another version by now, and the unit of
/// work must be given up.
pub async fn delete_zone(tx: &mut Tx, gone: &Zone) -> Result<bool> {
    tx.query(DROP_PLACES).bind(gone.code.as_str()).execute().await?;
    let query = tx.query(DELETE_ZONE).bind(gone.code.as_str()).bind(gone.version);
    Ok(query.execute().await? == 1)
}

/// Every method, by code.
pub async fn methods(db: &Db) -> Result<Vec<KeptMethod>> {
    let rows: Vec<MethodRow> = db.query(METHODS).bind(METHODS_MAX).all().await?;
    let rates: Vec<RateRow> = db.query(RATES).all().await?;
    let mut rates = by(rates, |row| row.method.clone());
    let kept = |row: MethodRow| {
        let rates = rates.remove(&row.code).unwrap_or_default();
        row.kept(rates)
    };
    rows.into_iter().map(kept).collect()
}

/// A method.
pub async fn load_method(tx: &mut Tx, code: &str) -> Result<Option<KeptMethod>> {
    let row: Option<MethodRow> = tx.query(METHOD).bind(code).optional().await?;
    let Some(row) = row else { return Ok(None) };
    row.kept(tx.query(RATES_OF).bind(code).all().await?).map(Some)
}

/// Makes a method. False when there is one of this code, or there are too many.
pub async fn create_method(tx: &mut Tx, new: &KeptMethod) -> Result<bool> {
    let made = tx
        .query(CREATE_METHOD)
        .bind(new.code.as_str())
        .bind(new.name.as_str())
        .bind(word(new.kind))
        .bind(new.active)
        .bind(METHODS_MAX)
        .execute()
        .await?;
    Ok(made == 1)
}

/// Changes a method, but not its rates. False when it is in another version by now.
pub async fn change_method(tx: &mut Tx, changed: &KeptMethod) -> Result<bool> {
    let done = tx
        .query(CHANGE_METHOD)
        .bind(changed.code.as_str())
        .bind(changed.version)
        .bind(changed.name.as_str())
        .bind(word(changed.kind))
        .bind(changed.active)
        .execute()
        .await?;
    Ok(done == 1)
}

/// Gives a method its rates in the place of those it had. False when a zone is not there, and the
/// unit of work must be given up.
pub async fn set_rates(tx: &mut Tx, method: &KeptMethod) -> Result<bool> {
    tx.query(DROP_RATES).bind(method.code.as_str()).execute().await?;
    let row = |(n, ZoneRate { zone, rate }): (usize, &ZoneRate)| {
        json!({
            "n": n, "zone": zone, "currency": rate.currency,
            "min_weight_g": rate.min_weight_g, "max_weight_g": rate.max_weight_g,
            "min_items_minor": rate.min_items_minor, "max_items_minor": rate.max_items_minor,
            "price_minor": rate.price_minor, "free_above_minor": rate.free_above_minor,
        })
    };
    let rows: Vec<_> = method.rates.iter().enumerate().map(row).collect();
    let query = tx.query(ADD_RATES).bind(method.code.as_str()).bind(Json(rows));
    Ok(query.execute().await? == method.rates.len() as u64)
}

/// Takes a method away. False when it is in another version by now.
pub async fn delete_method(tx: &mut Tx, gone: &KeptMethod) -> Result<bool> {
    tx.query(DROP_RATES).bind(gone.code.as_str()).execute().await?;
    let query = tx.query(DELETE_METHOD).bind(gone.code.as_str()).bind(gone.version);
    Ok(query.execute().await? == 1)
}

/// How parcels can be sent, for checkouts.
#[derive(Debug, Default)]
pub struct Shipping {
    /// Whether the shop keeps methods here at all.
    pub is_kept: bool,
    /// Those that shoppers can choose, with the places of their rates.
    pub methods: Vec<Method>,
}

/// Everything that decides how parcels can be sent.
pub async fn shipping(db: &Db) -> Result<Shipping> {
    let kept = methods(db).await?;
    let places = if kept.is_empty() { vec![] } else { db.query(PLACES).all().await? };
    let places = by::<String, PlaceRow>(places, |row| row.0.clone());
    let of_zone = |zone: String| {
        let rows = places.get(&zone).cloned().unwrap_or_default();
        rows.into_iter().map(place).collect()
    };
    let method = |kept: KeptMethod| Method {
        rates: kept
            .rates
            .into_iter()
            .map(|it| ShippingRate { places: it.zone.map(of_zone), ..it.rate })
            .collect(),
        code: kept.code,
        name: kept.name,
        kind: kept.kind,
    };
    Ok(Shipping {
        is_kept: !kept.is_empty(),
        methods: kept.into_iter().filter(|kept| kept.active).map(method).collect(),
    })
}
