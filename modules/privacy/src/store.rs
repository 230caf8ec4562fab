//! Statements over keys of people.

use kernel::id::{CustomerId, EventId};
use kernel::ports::Purpose;
use platform::sql::{Db, Json, Result, Tx};
use serde_json::json;
use uuid::Uuid;

platform::statements! {
    OWN = "select id, wrapped from person_key where made_for = $1 and purpose = $2";
    INSERT = "insert into person_key (id, made_for, purpose, wrapped, made_at)
              values ($1, $2, $3, $4, $5) on conflict (made_for, purpose) do nothing";
    BY_IDS =
        "select id, wrapped from person_key
          where id in (select unhex(value, '-') from json_each($1))",
        "select id, wrapped from person_key
          where id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))";
    MERGE = "insert into merged (guest, account) values ($1, $2) on conflict (guest) do nothing";
    GUESTS = "select guest from merged where account = $1 order by guest";
    /// That nothing is sealed for them any more, also when nothing ever was.
    CLOSE =
        "insert into person_key (id, made_for, purpose, made_at, destroyed_at)
         select unhex(value->>'id', '-'), unhex(value->>'person', '-'), $2, $3, $3
           from json_each($1) where true on conflict (made_for, purpose) do nothing",
        "insert into person_key (id, made_for, purpose, made_at, destroyed_at)
         select c.id, c.person, $2, $3, $3 from jsonb_to_recordset($1) as c(id uuid, person uuid)
             on conflict (made_for, purpose) do nothing";
    DESTROY =
        "update person_key set wrapped = null, destroyed_at = $3
          where made_for in (select unhex(value, '-') from json_each($1))
            and purpose = $2 and wrapped is not null",
        "update person_key set wrapped = null, destroyed_at = $3
          where made_for = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))
            and purpose = $2 and wrapped is not null";
    /// Also those that another process destroyed, which may be at hand in this one.
    MADE_FOR =
        "select id from person_key
          where made_for in (select unhex(value, '-') from json_each($1)) and purpose = $2",
        "select id from person_key
          where made_for = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))
            and purpose = $2";
    IS_KNOWN = "select count(*) from person_key where made_for = $1";
    IS_CLOSED = "select count(*) from person_key
                  where made_for = $1 and purpose = $2 and wrapped is null";
    WRAP_AGAIN =
        concat!(platform::json_rows!(),
        "update person_key set wrapped = unhex(value->>'wrapped') from given
          where id = unhex(value->>'id', '-') and wrapped is not null"),
        "update person_key set wrapped = decode(w.wrapped, 'hex')
           from jsonb_to_recordset($1) as w(id uuid, wrapped text)
          where person_key.id = w.id and person_key.wrapped is not null";
    LIVE_AFTER = "select id, wrapped from person_key where wrapped is not null and id > $1
                   order by id limit $2";
    ERASED_AFTER =
        "select made_for, count(*) filter (where purpose = 'records') from person_key
          where wrapped is null and made_for > $1 group by made_for order by made_for limit $2";
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

/// Notes that a guest logged in to an account.
pub async fn merge(tx: &mut Tx, guest: CustomerId, account: CustomerId) -> Result<()> {
    tx.query(MERGE).bind(guest.uuid()).bind(account.uuid()).execute().await.map(drop)
}

/// The guests who logged in to an account.
pub async fn guests(tx: &mut Tx, account: CustomerId) -> Result<Vec<CustomerId>> {
    let guests: Vec<(Uuid,)> = tx.query(GUESTS).bind(account.uuid()).all().await?;
    Ok(guests.into_iter().map(|(guest,)| guest.into()).collect())
}

/// Destroys the keys that were made for these people for a purpose; none is made for them any more. Answers all
/// that nobody may have at hand any more.
pub async fn destroy(tx: &mut Tx, people: &[CustomerId], purpose: Purpose) -> Result<Vec<Uuid>> {
    let now = tx.now();
    let row = |person: &CustomerId| json!({"id": EventId::new(), "person": person});
    let rows: Vec<_> = people.iter().map(row).collect();
    let close = tx.query(CLOSE).bind(Json(rows)).bind(word(purpose)).bind(now);
    close.execute().await?;
    let destroy = tx.query(DESTROY).bind(Json(people)).bind(word(purpose)).bind(now);
    destroy.execute().await?;
    let gone: Vec<(Uuid,)> =
        tx.query(MADE_FOR).bind(Json(people)).bind(word(purpose)).all().await?;
    Ok(gone.into_iter().map(|(id,)| id).collect())
}

/// Whether there is or was a key of somebody.
pub async fn is_known(db: &Db, person: CustomerId) -> Result<bool> {
    let (count,): (i64,) = db.query(IS_KNOWN).bind(person.uuid()).one().await?;
    Ok(count > 0)
}

/// Whether nothing is sealed for somebody for this purpose any more.
pub async fn is_closed(tx: &mut Tx, person: CustomerId, purpose: Purpose) -> Result<bool> {
    let closed = tx.query(IS_CLOSED).bind(person.uuid()).bind(word(purpose));
    let (closed,): (i64,) = closed.one().await?;
    Ok(closed > 0)
}

/// Exchanges how keys are wrapped, and answers how many; not of those that were destroyed meanwhile.
pub async fn wrap_again(tx: &mut Tx, wrapped: &[(Uuid, Vec<u8>)]) -> Result<u64> {
    let row = |(id, wrapped): &(Uuid, Vec<u8>)| json!({"id": id, "wrapped": hex::encode(wrapped)});
    let rows: Vec<_> = wrapped.iter().map(row).collect();
    tx.query(WRAP_AGAIN).bind(Json(rows)).execute().await
}

/// Those after somebody whose keys are destroyed, by their ids, and whether those of what the law wants kept are too.
pub async fn erased_after(
    db: &Db,
    after: CustomerId,
    limit: i64,
) -> Result<Vec<(CustomerId, bool)>> {
    let rows: Vec<(Uuid, i64)> =
        db.query(ERASED_AFTER).bind(after.uuid()).bind(limit).all().await?;
    Ok(rows.into_iter().map(|(person, records)| (person.into(), records > 0)).collect())
}

/// Live keys after one, in the order of their ids.
pub async fn live_after(db: &Db, after: Uuid, limit: i64) -> Result<Vec<(Uuid, Vec<u8>)>> {
    db.query(LIVE_AFTER).bind(after).bind(limit).all().await
}
