use kernel::id::LocationId;
use platform::sql::{Db, Result, Tx};
use uuid::Uuid;

use crate::domain::Location;

/// The most locations there are.
const LOCATIONS_MAX: i64 = 100;

platform::statements! {
    LOCATION_LIST = "select id, code, name, country, postal_code, priority, active, serves_orders,
                            version from location order by priority, code limit $1";
    LOCATION = "select id, code, name, country, postal_code, priority, active, serves_orders,
                       version from location where code = $1";
    OPEN_LOCATION = "insert into location (id, code, name, country, postal_code, priority, active,
                                           serves_orders, version)
                     select $1, $2, $3, $4, $5, $6, $7, $8, 1
                      where (select count(*) from location) < $9
                         on conflict (code) do nothing";
    CHANGE_LOCATION = "update location set name = $3, country = $4, postal_code = $5, priority = $6,
                              active = $7, serves_orders = $8, version = version + 1
                        where code = $1 and version = $2";
    /// One that was only adjusted so far serves no orders, and nobody has been told of it.
    NOTE_LOCATION = "insert into location (id, code, name) values ($1, $2, $2)
                         on conflict (code) do nothing";
    /// The location of the settings serves orders unless somebody decided otherwise.
    OPEN_OURS = "insert into location (id, code, name, serves_orders, version)
                 values ($1, $2, $2, true, 1)
                     on conflict (code) do update set serves_orders = true, version = 1
                        where location.version = 0
                 returning id, code, name, country, postal_code, priority, active, serves_orders,
                           version";
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    code: String,
    name: String,
    country: Option<String>,
    postal_code: Option<String>,
    priority: i64,
    active: bool,
    serves_orders: bool,
    version: i64,
}

impl Row {
    fn location(self) -> Location {
        Location {
            id: self.id.into(),
            code: self.code,
            name: self.name,
            country: self.country,
            postal_code: self.postal_code,
            priority: self.priority,
            active: self.active,
            serves_orders: self.serves_orders,
            version: self.version,
        }
    }
}

/// Every location, by priority.
pub(crate) async fn list(db: &Db) -> Result<Vec<Location>> {
    let rows: Vec<Row> = db.query(LOCATION_LIST).bind(LOCATIONS_MAX).all().await?;
    Ok(rows.into_iter().map(Row::location).collect())
}

/// The location of this code.
pub(crate) async fn find(db: &Db, code: &str) -> Result<Option<Location>> {
    Ok(db.query(LOCATION).bind(code).optional::<Row>().await?.map(Row::location))
}

/// The same, as a unit of work sees it.
pub(crate) async fn find_in(tx: &mut Tx, code: &str) -> Result<Option<Location>> {
    Ok(tx.query(LOCATION).bind(code).optional::<Row>().await?.map(Row::location))
}

/// Writes a new location; false when there is one of this code or there are too many.
pub(crate) async fn open(tx: &mut Tx, new: &Location) -> Result<bool> {
    let written = tx
        .query(OPEN_LOCATION)
        .bind(new.id.uuid())
        .bind(new.code.as_str())
        .bind(new.name.as_str())
        .bind(new.country.as_deref())
        .bind(new.postal_code.as_deref())
        .bind(new.priority)
        .bind(new.active)
        .bind(new.serves_orders)
        .bind(LOCATIONS_MAX)
        .execute()
        .await?;
    Ok(written == 1)
}

/// Changes a location that still is in a version; false when it is not.
pub(crate) async fn change(tx: &mut Tx, to: &Location, version: i64) -> Result<bool> {
    let changed = tx
        .query(CHANGE_LOCATION)
        .bind(to.code.as_str())
        .bind(version)
        .bind(to.name.as_str())
        .bind(to.country.as_deref())
        .bind(to.postal_code.as_deref())
        .bind(to.priority)
        .bind(to.active)
        .bind(to.serves_orders)
        .execute()
        .await?;
    Ok(changed == 1)
}

/// Makes sure that a location is known.
pub(crate) async fn note(tx: &mut Tx, code: &str) -> Result<()> {
    tx.query(NOTE_LOCATION).bind(LocationId::new().uuid()).bind(code).execute().await.map(drop)
}

/// Opens the location of the settings, unless somebody has decided what it is.
pub(crate) async fn open_ours(tx: &mut Tx, code: &str) -> Result<Option<Location>> {
    let row = tx.query(OPEN_OURS).bind(LocationId::new().uuid()).bind(code).optional::<Row>();
    Ok(row.await?.map(Row::location))
}
