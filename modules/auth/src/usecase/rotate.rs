use std::path::Path;

use kernel::Timestamp;
use platform::audit::{self, Actor, Entry};
use platform::sql::Db;

use crate::error::OpenError;
use crate::keys;

/// Makes a new key that signs access tokens, after the log has it on disk: when the file cannot be made
/// the command says so, and no key signs of which nobody knows.
pub(crate) async fn rotate_keys(
    db: &Db,
    folder: &Path,
    actor: &Actor,
) -> Result<Timestamp, OpenError> {
    let mut tx = db.begin("auth.rotate").await?;
    let now = tx.now();
    let told = serde_json::json!({"signs_from": keys::signs_from(now)});
    let subject = audit::named("signing_key", &now.timestamp().to_string());
    audit::record(&mut tx, actor, &[Entry::done("signing_key.rotate", subject, &told)?]).await?;
    tx.commit().await?;
    keys::rotate(folder, now)
}
