use std::path::Path;

use kernel::Timestamp;
use platform::audit::{self, Actor, Entry};
use platform::sql::Db;

use crate::error::{AccountError, OpenError};
use crate::keys;

/// Makes a new key that signs access tokens. The file is made inside of the unit of work that tells of
/// it, after everything that can fail but the commit: a key of which the log does not know is the
/// worse of the two mistakes.
pub(crate) async fn rotate_keys(
    db: &Db,
    folder: &Path,
    actor: &Actor,
) -> Result<Timestamp, OpenError> {
    let storage = |error| OpenError::from(AccountError::from(error));
    let mut tx = db.begin("auth.rotate").await.map_err(storage)?;
    let now = tx.now();
    let told = serde_json::json!({"signs_from": keys::signs_from(now)});
    let subject = audit::named("signing_key", &now.timestamp().to_string());
    let entry = Entry::created("signing_key.rotate", subject, &told).map_err(storage)?;
    audit::record(&mut tx, actor, &[entry]).await.map_err(storage)?;
    let signs_from = keys::rotate(folder, now)?;
    tx.commit().await.map_err(storage)?;
    Ok(signs_from)
}
