//! What a shop of before kept plain is sealed when its accounts are opened, so that nobody comes before
//! that is done.

use std::collections::HashMap;
use std::sync::Arc;

use kernel::id::CustomerId;
use kernel::ports::{PersonKey, Purpose};
use platform::personal::{self, ERASED, People};
use platform::sql::{self, Db, Error, Result};
use tokio::task::JoinSet;

use crate::secrets::Secrets;
use crate::store::erase::nobodys;
use crate::store::personal::{Personal, of_account, of_letter, of_passkey};
use crate::store::plain::{self, After, Kind, Plain};

/// How many rows are sealed with one commit.
const BATCH: i64 = 200;

/// Seals what is plain, batch by batch. Another node that does so at the same time is no harm: each row is
/// changed by the first.
pub(crate) async fn seal_plain(db: &Db, secrets: &Secrets) -> Result<()> {
    for kind in Kind::ALL {
        while seal_some(db, secrets, kind).await? {}
    }
    Ok(())
}

/// Seals a batch. False when there was nothing to seal.
async fn seal_some(db: &Db, secrets: &Secrets, kind: Kind) -> Result<bool> {
    let rows = plain::some(db, kind, BATCH).await?;
    if rows.is_empty() {
        return Ok(false);
    }
    let keys = keys(db.people()?, &rows).await?;
    let sealed = |row: Plain| match keys.get(&row.owner) {
        Some(key) => seal(secrets, kind, key, row),
        None => Ok(erased(row)),
    };
    let sealed: Vec<After> = rows.into_iter().map(sealed).collect::<Result<_>>()?;
    sql::retry(|| store(db, kind, &sealed)).await?;
    tracing::info!(rows = sealed.len(), ?kind, "what was plain is sealed");
    Ok(true)
}

async fn store(db: &Db, kind: Kind, sealed: &[After]) -> Result<()> {
    let mut tx = db.begin("auth.seal_plain").await?;
    plain::seal(&mut tx, kind, sealed).await?;
    tx.commit().await
}

/// The keys of the owners; none of who was erased. They are made side by side, since each is a commit.
async fn keys(people: &People, rows: &[Plain]) -> Result<HashMap<CustomerId, Arc<PersonKey>>> {
    let mut asked = JoinSet::new();
    for owner in rows.iter().map(|row| row.owner) {
        let people = people.clone();
        asked.spawn(async move { (owner, people.key(owner, Purpose::Service).await) });
    }
    let mut keys = HashMap::with_capacity(rows.len());
    while let Some(answer) = asked.join_next().await {
        match answer.map_err(|error| Error::Inconsistent(format!("keys: {error}")))? {
            (owner, Ok(key)) => drop(keys.insert(owner, key)),
            (_, Err(Error::Erased)) => {}
            (_, Err(error)) => return Err(error),
        }
    }
    Ok(keys)
}

fn seal(secrets: &Secrets, kind: Kind, key: &PersonKey, row: Plain) -> Result<After> {
    let Plain { id, owner, before, email, name } = row;
    let index = secrets.email_index(&email).as_str().to_owned();
    let sealed = match kind {
        Kind::Account => personal::seal(key, &of_account(owner), &Personal { email, name })?,
        Kind::Letter => personal::seal(key, &of_letter(id.into()), &email)?,
        Kind::Passkey => personal::seal(key, &of_passkey(id.into()), &name)?,
    };
    Ok(After { id, before, index, sealed })
}

/// Of somebody whose keys were destroyed already.
fn erased(row: Plain) -> After {
    let Plain { id, owner, before, .. } = row;
    After { id, before, index: nobodys(owner), sealed: ERASED.to_owned() }
}
