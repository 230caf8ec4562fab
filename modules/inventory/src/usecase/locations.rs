use kernel::events::LocationChanged;
use kernel::id::LocationId;
use platform::audit::{self, Actor, Entry};
use platform::sql::{self, Db, Tx, retry};

use crate::domain::{Location, LocationInput};
use crate::error::LocationError;
use crate::store::location as store;

/// Opens the location of the settings, unless it is there already.
pub(crate) async fn prepare(db: &Db, code: &str) -> sql::Result<()> {
    if store::find(db, code).await?.is_some_and(|location| location.version > 0) {
        return Ok(());
    }
    retry(|| async {
        let mut tx = db.begin("inventory.prepare").await?;
        if let Some(ours) = store::open_ours(&mut tx, code).await? {
            tell(&mut tx, &ours)?;
        }
        tx.commit().await
    })
    .await
}

/// Opens a location.
pub(crate) async fn create(
    db: &Db,
    input: LocationInput,
    actor: &Actor,
) -> Result<Location, LocationError> {
    let new = input.location(LocationId::new(), 1)?;
    retry(|| async {
        let mut tx = db.begin("location.create").await?;
        if !store::open(&mut tx, &new).await? {
            return Err(LocationError::Refused);
        }
        tell(&mut tx, &new)?;
        let entry = Entry::created("location.create", new.id.uuid(), &new)?;
        audit::record(&mut tx, actor, &[entry]).await?;
        tx.commit().await?;
        Ok(new.clone())
    })
    .await
}

/// Changes a location that still is in a version; its code stays.
pub(crate) async fn replace(
    db: &Db,
    code: &str,
    version: i64,
    input: LocationInput,
    actor: &Actor,
) -> Result<Location, LocationError> {
    retry(|| async {
        let mut tx = db.begin("location.update").await?;
        let before = store::find_in(&mut tx, code).await?.ok_or(LocationError::Unknown)?;
        if before.version != version {
            return Err(LocationError::Stale { current: before.version });
        }
        if input.code != code {
            return Err(LocationError::CodeStays);
        }
        let after = input.clone().location(before.id, version + 1)?;
        if !store::change(&mut tx, &after, version).await? {
            return Err(LocationError::Stale { current: version + 1 });
        }
        tell(&mut tx, &after)?;
        let entry = Entry::changed("location.update", after.id.uuid(), &before, &after)?;
        audit::record(&mut tx, actor, &[entry]).await?;
        tx.commit().await?;
        Ok(after)
    })
    .await
}

fn tell(tx: &mut Tx, location: &Location) -> sql::Result<()> {
    let event = LocationChanged {
        location_id: location.id,
        code: location.code.clone(),
        is_for_sale: location.is_for_sale(),
    };
    tx.emit(&event, location.version)
}
