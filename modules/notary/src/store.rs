//! The tables of the log.

use std::collections::HashMap;

use kernel::Timestamp;
use platform::sql::{Db, Error, Json, Result, Tx};
use serde::Serialize;
use uuid::Uuid;

platform::statements! {
    /// Takes or renews the right to give out places, and holds the row to the end of the unit of work:
    /// nobody else gives any out meanwhile.
    LEAD = "update sequencer set owner = $1, lease_until = $2
             where owner is null or owner = $1 or lease_until <= $3 returning head";
    HEAD = "select head from sequencer";
    ADVANCE = "update sequencer set head = $2 where head = $1";
    KNOWN =
        "select id, source from sealed where (id, source) in
                (select unhex(value->>0, '-'), value->>1 from json_each($1))",
        "select e.id, e.source from jsonb_array_elements($1) s
           join sealed e on e.id = cast(s.value->>0 as uuid) and e.source = s.value->>1";
    ADD =
        concat!(platform::json_rows!(),
        "insert into sealed (pos, source, id, leaf)
         select value->>'pos', value->>'source', unhex(value->>'id', '-'), unhex(value->>'leaf')
           from given order by key"),
        "insert into sealed (pos, source, id, leaf)
         select e.pos, e.source, e.id, decode(e.leaf, 'hex')
           from jsonb_to_recordset($1) as e(pos bigint, source text, id uuid, leaf text)";
    LEAVES = "select pos, leaf from sealed where pos >= $1 order by pos limit $2";
    BETWEEN = "select pos, leaf from sealed where pos >= $1 and pos < $2";
    FIND = "select pos, leaf from sealed where id = $1 order by source limit 1";
    OF_SOURCE =
        "select id, pos, leaf from sealed where source = $2
            and id in (select unhex(value, '-') from json_each($1))",
        "select id, pos, leaf from sealed where source = $2
            and id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))";
    SEALED_OF_SOURCE = "select count(*) from sealed where source = $1 and pos < $2";
    LIVE_KEYS =
        "select subject, id, sealed_key from subject_key where destroyed_at is null
            and subject in (select unhex(value, '-') from json_each($1))",
        "select subject, id, sealed_key from subject_key where destroyed_at is null
            and subject = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))";
    KEYS =
        "select id, sealed_key from subject_key
          where id in (select unhex(value, '-') from json_each($1))",
        "select id, sealed_key from subject_key
          where id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))";
    MAKE_KEYS =
        concat!(platform::json_rows!(),
        "insert into subject_key (id, subject, sealed_key, made_at)
         select unhex(value->>'id', '-'), unhex(value->>'subject', '-'), unhex(value->>'sealed_key'),
                $2 from given order by key"),
        "insert into subject_key (id, subject, sealed_key, made_at)
         select k.id, k.subject, decode(k.sealed_key, 'hex'), $2
           from jsonb_to_recordset($1) as k(id uuid, subject uuid, sealed_key text)";
    DESTROY = "update subject_key set sealed_key = null, destroyed_at = $2
                where subject = $1 and destroyed_at is null";
}

fn unsigned(number: i64) -> Result<u64> {
    u64::try_from(number).map_err(|_| Error::Inconsistent(format!("{number} is no place")))
}

fn signed(number: u64) -> Result<i64> {
    i64::try_from(number).map_err(|_| Error::Inconsistent(format!("{number} is no place")))
}

/// Takes the right to give out places until a time, and answers how many were given out; none when
/// another node has it.
pub(crate) async fn lead(tx: &mut Tx, node: &str, until: Timestamp) -> Result<Option<u64>> {
    let now = tx.now();
    let head: Option<(i64,)> = tx.query(LEAD).bind(node).bind(until).bind(now).optional().await?;
    head.map(|(head,)| unsigned(head)).transpose()
}

/// How many places were given out.
pub(crate) async fn head(db: &Db) -> Result<u64> {
    let (head,): (i64,) = db.query(HEAD).one().await?;
    unsigned(head)
}

/// The name of an entry: its id and its source, such as `catalog.audit`.
pub(crate) type Name = (Uuid, String);

/// Which of these entries have a place.
pub(crate) async fn known(tx: &mut Tx, names: &[Name]) -> Result<Vec<Name>> {
    tx.query(KNOWN).bind(Json(names)).all().await
}

/// An entry of the log with its place.
#[derive(Debug, Clone, PartialEq, Eq, platform::sql::Record)]
pub(crate) struct Sealed {
    pub pos: i64,
    pub leaf: Vec<u8>,
}

#[derive(Serialize)]
struct Added<'e> {
    pos: u64,
    source: &'e str,
    id: Uuid,
    leaf: String,
}

/// Gives entries the places from `head` on. Whoever does so leads.
pub(crate) async fn add(tx: &mut Tx, head: u64, entries: &[(Name, Vec<u8>)]) -> Result<u64> {
    let added = entries.iter().zip(head..).map(|(((id, source), leaf), pos)| Added {
        pos,
        source,
        id: *id,
        leaf: hex::encode(leaf),
    });
    let added: Vec<Added<'_>> = added.collect();
    let next = head + added.len() as u64;
    tx.query(ADD).bind(Json(added)).execute().await?;
    let moved = tx.query(ADVANCE).bind(signed(head)?).bind(signed(next)?).execute().await?;
    if moved == 1 { Ok(next) } else { Err(Error::Inconsistent("the log's head moved".to_owned())) }
}

/// Entries from a place on, in order and without a gap.
pub(crate) async fn leaves(db: &Db, from: u64, limit: u64) -> Result<Vec<Vec<u8>>> {
    let rows: Vec<Sealed> = db.query(LEAVES).bind(signed(from)?).bind(signed(limit)?).all().await?;
    let mut leaves = Vec::with_capacity(rows.len());
    for (row, expected) in rows.into_iter().zip(signed(from)?..) {
        if row.pos != expected {
            return Err(Error::Inconsistent(format!("the log has no entry {expected}")));
        }
        leaves.push(row.leaf);
    }
    Ok(leaves)
}

/// Entries by their places, from one on, as far as they are there.
pub(crate) async fn by_place(db: &Db, from: u64, count: u64) -> Result<HashMap<u64, Vec<u8>>> {
    let query = db.query(BETWEEN).bind(signed(from)?).bind(signed(from + count)?);
    let rows: Vec<Sealed> = query.all().await?;
    rows.into_iter().map(|row| Ok((unsigned(row.pos)?, row.leaf))).collect()
}

/// The entry of an id and its place.
pub(crate) async fn find(db: &Db, id: Uuid) -> Result<Option<(u64, Vec<u8>)>> {
    let found: Option<Sealed> = db.query(FIND).bind(id).optional().await?;
    found.map(|sealed| Ok((unsigned(sealed.pos)?, sealed.leaf))).transpose()
}

/// Those of these ids of a source that are sealed, by their ids.
pub(crate) async fn of_source(
    db: &Db,
    source: &str,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, (u64, Vec<u8>)>> {
    let rows: Vec<(Uuid, i64, Vec<u8>)> =
        db.query(OF_SOURCE).bind(Json(ids)).bind(source).all().await?;
    let sealed = |(id, pos, leaf)| Ok((id, (unsigned(pos)?, leaf)));
    rows.into_iter().map(sealed).collect()
}

/// How many entries of a source have a place before one.
pub(crate) async fn count(db: &Db, source: &str, before: u64) -> Result<u64> {
    let (count,): (i64,) =
        db.query(SEALED_OF_SOURCE).bind(source).bind(signed(before)?).one().await?;
    unsigned(count)
}

/// A subject's key on its way into the table.
#[derive(Serialize)]
pub(crate) struct NewKey {
    pub id: Uuid,
    pub subject: Uuid,
    /// In hex.
    pub sealed_key: String,
}

/// The live keys of subjects: the subject, the key's id, the sealed key.
pub(crate) async fn live_keys(
    tx: &mut Tx,
    subjects: &[Uuid],
) -> Result<Vec<(Uuid, Uuid, Vec<u8>)>> {
    tx.query(LIVE_KEYS).bind(Json(subjects)).all().await
}

pub(crate) async fn make_keys(tx: &mut Tx, keys: &[NewKey]) -> Result<()> {
    let now = tx.now();
    tx.query(MAKE_KEYS).bind(Json(keys)).bind(now).execute().await.map(drop)
}

/// Keys by their ids; a key that was destroyed is none.
pub(crate) async fn keys(db: &Db, ids: &[Uuid]) -> Result<HashMap<Uuid, Option<Vec<u8>>>> {
    let rows: Vec<(Uuid, Option<Vec<u8>>)> = db.query(KEYS).bind(Json(ids)).all().await?;
    Ok(rows.into_iter().collect())
}

/// Destroys the live key of a subject; answers whether there was one.
pub(crate) async fn destroy(tx: &mut Tx, subject: Uuid) -> Result<bool> {
    let now = tx.now();
    Ok(tx.query(DESTROY).bind(subject).bind(now).execute().await? > 0)
}
