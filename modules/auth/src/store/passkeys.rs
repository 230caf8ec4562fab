//! Passkeys, and what browsers were asked to sign.

use kernel::Timestamp;
use kernel::id::{CustomerId, PasskeyId};
use platform::sql::{Db, Json, Result, Tx};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;
use webauthn_rs::prelude::Passkey;

use super::personal;

platform::statements! {
    /// Whoever erases somebody holds their row, so that nothing is left of them; SQLite has one writer.
    INSERT =
        "insert into passkey (id, customer_id, credential_id, name, credential, made_at)
         select $1, c.id, $3, $4, $5, $6 from customer c where c.id = $2 and c.erased_at is null
             on conflict (credential_id) do nothing",
        "insert into passkey (id, customer_id, credential_id, name, credential, made_at)
         select $1, c.id, $3, $4, $5, $6 from customer c where c.id = $2 and c.erased_at is null
            for key share on conflict (credential_id) do nothing";
    OF_OWNER =
        "select id, name, made_at, last_used_at, credential from passkey
          where customer_id = $1 order by id limit $2";
    COUNT = "select count(*) from passkey where customer_id = $1";
    BY_CREDENTIAL = "select id, customer_id, credential from passkey where credential_id = $1";
    USED =
        "update passkey set credential = $2, last_used_at = $3 where id = $1 and credential = $4";
    DELETE = "delete from passkey where id = $1 and customer_id = $2";
    OPEN =
        "insert into passkey_ceremony (id, customer_id, state, expires_at) values ($1, $2, $3, $4)";
    CLOSE =
        "delete from passkey_ceremony where id = $1 and expires_at > $2 returning customer_id, state";
    PRUNE =
        "delete from passkey_ceremony where id in
            (select id from passkey_ceremony where expires_at <= $1 order by expires_at limit $2)";
}

/// A passkey as its owner knows it.
pub(crate) struct StoredPasskey {
    pub id: PasskeyId,
    /// What its owner calls it.
    pub name: String,
    pub made_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub credential: Passkey,
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    name: String,
    made_at: Timestamp,
    last_used_at: Option<Timestamp>,
    credential: Json<Passkey>,
}

/// Whose passkey signed.
pub(crate) struct Signer {
    pub id: PasskeyId,
    pub customer: CustomerId,
    pub credential: Passkey,
}

/// Stores a passkey with its name sealed. False when it is known, to whomever it belongs, or its owner was
/// erased.
pub(crate) async fn insert(
    tx: &mut Tx,
    id: PasskeyId,
    customer: CustomerId,
    name: &str,
    passkey: &Passkey,
) -> Result<bool> {
    let now = tx.now();
    let query = tx.query(INSERT).bind(id.uuid()).bind(customer.uuid());
    let query = query.bind(hex::encode(passkey.cred_id())).bind(name).bind(Json(passkey)).bind(now);
    Ok(query.execute().await? == 1)
}

pub(crate) async fn of_owner(
    db: &Db,
    customer: CustomerId,
    most: i64,
) -> Result<Vec<StoredPasskey>> {
    let rows: Vec<Row> = db.query(OF_OWNER).bind(customer.uuid()).bind(most).all().await?;
    let ring = db.people()?.ring(rows.iter().map(|row| row.name.as_str())).await?;
    let stored = |row: Row| {
        let id = row.id.into();
        let name: Option<String> =
            personal::opened(&ring, &personal::of_passkey(id), Some(&row.name))?;
        let (made_at, last_used_at) = (row.made_at, row.last_used_at);
        let (name, credential) = (name.unwrap_or_default(), row.credential.0);
        Ok(StoredPasskey { id, name, made_at, last_used_at, credential })
    };
    rows.into_iter().map(stored).collect()
}

pub(crate) async fn count(tx: &mut Tx, customer: CustomerId) -> Result<i64> {
    let (count,): (i64,) = tx.query(COUNT).bind(customer.uuid()).one().await?;
    Ok(count)
}

pub(crate) async fn by_credential(db: &Db, credential_id: &[u8]) -> Result<Option<Signer>> {
    let query = db.query(BY_CREDENTIAL).bind(hex::encode(credential_id));
    let row: Option<(Uuid, Uuid, Json<Passkey>)> = query.optional().await?;
    Ok(row.map(|(id, customer, credential)| Signer {
        id: id.into(),
        customer: customer.into(),
        credential: credential.0,
    }))
}

/// Notes a use and what it changed of the passkey. False when another use came between.
pub(crate) async fn used(
    tx: &mut Tx,
    id: PasskeyId,
    before: &Passkey,
    after: &Passkey,
) -> Result<bool> {
    let now = tx.now();
    let query = tx.query(USED).bind(id.uuid()).bind(Json(after)).bind(now).bind(Json(before));
    Ok(query.execute().await? == 1)
}

/// False when there is no such passkey of theirs.
pub(crate) async fn delete(tx: &mut Tx, id: PasskeyId, customer: CustomerId) -> Result<bool> {
    Ok(tx.query(DELETE).bind(id.uuid()).bind(customer.uuid()).execute().await? == 1)
}

/// Keeps what a browser was asked.
pub(crate) async fn open(
    tx: &mut Tx,
    id: Uuid,
    customer: Option<CustomerId>,
    state: &impl Serialize,
    until: Timestamp,
) -> Result<()> {
    let query = tx.query(OPEN).bind(id).bind(customer.map(CustomerId::uuid));
    query.bind(Json(state)).bind(until).execute().await.map(drop)
}

/// Takes out what a browser was asked: whom, and what. None when it was answered, or is too old.
pub(crate) async fn close<T: DeserializeOwned + Send + Sync + Unpin + 'static>(
    tx: &mut Tx,
    id: Uuid,
) -> Result<Option<(Option<CustomerId>, T)>> {
    let now = tx.now();
    let row: Option<(Option<Uuid>, Json<T>)> =
        tx.query(CLOSE).bind(id).bind(now).optional().await?;
    Ok(row.map(|(customer, state)| (customer.map(CustomerId::from), state.0)))
}

/// Deletes what nobody answered in time, so many at most.
pub(crate) async fn prune(tx: &mut Tx, most: i64) -> Result<u64> {
    let now = tx.now();
    tx.query(PRUNE).bind(now).bind(most).execute().await
}
