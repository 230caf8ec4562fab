//! Statements over keys of people.

use kernel::id::CustomerId;
use kernel::ports::Purpose;
use platform::sql::{Db, Json, Result, Tx};
use uuid::Uuid;

platform::statements! {
    OWN = "select id, wrapped from person_key where made_for = $1 and purpose = $2";
    INSERT = "insert into person_key (id, made_for, purpose, person, wrapped, made_at)
              values ($1, $2, $3, $2, $4, $5) on conflict (made_for, purpose) do nothing";
    BY_IDS =
        "select id, wrapped from person_key
          where id in (select unhex(value, '-') from json_each($1))",
        "select id, wrapped from person_key
          where id in (select cast(value as uuid) from jsonb_array_elements_text($1))";
    HAND_OVER = "update person_key set person = $2 where person = $1";
    /// That nothing is sealed for somebody any more, also when nothing ever was.
    CLOSE = "insert into person_key (id, made_for, purpose, person, made_at, destroyed_at)
             values ($1, $2, $3, $2, $4, $4) on conflict (made_for, purpose) do nothing";
    DESTROY = "update person_key set wrapped = null, destroyed_at = $3
                where person = $1 and purpose = $2 and wrapped is not null returning id";
    IS_ERASED = "select count(*) from person_key
                  where made_for = $1 and purpose = 'service' and wrapped is null";
    LIVE_AFTER = "select id, wrapped from person_key where wrapped is not null and id > $1
                   order by id limit $2";
}

/// A key and how it is wrapped; not at all when it was destroyed.
pub type Wrapped = (Uuid, Option<Vec<u8>>);

fn word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Service => "service",
        Purpose::Records => "records",
    }
}

/// The key that was made for somebody.
pub async fn own(db: &Db, person: CustomerId, purpose: Purpose) -> Result<Option<Wrapped>> {
    db.query(OWN).bind(person.uuid()).bind(word(purpose)).optional().await
}

/// Stores a key unless there is one, or was.
pub async fn insert(
    tx: &mut Tx,
    id: Uuid,
    person: CustomerId,
    purpose: Purpose,
    wrapped: &[u8],
) -> Result<()> {
    let now = tx.now();
    let query = tx.query(INSERT).bind(id).bind(person.uuid()).bind(word(purpose));
    query.bind(wrapped).bind(now).execute().await.map(drop)
}

/// Those of these keys that were ever made.
pub async fn by_ids(db: &Db, ids: &[Uuid]) -> Result<Vec<Wrapped>> {
    db.query(BY_IDS).bind(Json(ids)).all().await
}

/// Makes the keys of somebody those of somebody else.
pub async fn hand_over(tx: &mut Tx, from: CustomerId, to: CustomerId) -> Result<()> {
    tx.query(HAND_OVER).bind(from.uuid()).bind(to.uuid()).execute().await.map(drop)
}

/// Destroys the keys of somebody for a purpose, and answers which; none is made for them any more.
pub async fn destroy(
    tx: &mut Tx,
    closing: Uuid,
    person: CustomerId,
    purpose: Purpose,
) -> Result<Vec<Uuid>> {
    let now = tx.now();
    let close = tx.query(CLOSE).bind(closing).bind(person.uuid()).bind(word(purpose));
    close.bind(now).execute().await?;
    let destroyed = tx.query(DESTROY).bind(person.uuid()).bind(word(purpose)).bind(now);
    let destroyed: Vec<(Uuid,)> = destroyed.all().await?;
    Ok(destroyed.into_iter().map(|(id,)| id).collect())
}

/// Whether somebody was erased.
pub async fn is_erased(tx: &mut Tx, person: CustomerId) -> Result<bool> {
    let (closed,): (i64,) = tx.query(IS_ERASED).bind(person.uuid()).one().await?;
    Ok(closed > 0)
}

/// Live keys after one, in the order of their ids.
pub async fn live_after(db: &Db, after: Uuid, limit: i64) -> Result<Vec<(Uuid, Vec<u8>)>> {
    db.query(LIVE_AFTER).bind(after).bind(limit).all().await
}
