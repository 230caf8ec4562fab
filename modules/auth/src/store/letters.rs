//! Letters.

use kernel::Timestamp;
use kernel::id::{CustomerId, LetterId};
use platform::sql::{Db, Error, Result, Tx};
use uuid::Uuid;

use crate::domain::{LetterKind, LetterToken};

platform::statements! {
    INSERT =
        "insert into letter (id, customer_id, kind, address, token_hash, written_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)";
    /// What was opened by letters before a newer one is opened no more.
    SUPERSEDE =
        "update letter set used_at = $1 where customer_id = $2 and kind = $3 and used_at is null";
    FIND = "select customer_id, kind, address, expires_at, used_at from letter where id = $1";
    OPENED_BY =
        "select customer_id, address from letter
          where token_hash = $1 and kind = $2 and used_at is null and expires_at > $3";
    USE =
        "update letter set used_at = $3
          where token_hash = $1 and kind = $2 and used_at is null and expires_at > $3
         returning customer_id, address";
    NEWEST =
        "select id from letter
          where customer_id = $1 and kind = $2 and used_at is null and expires_at > $3
          order by id desc limit 1";
    USE_BY_ID = "update letter set used_at = $2 where id = $1 and used_at is null";
    PRUNE =
        "delete from letter where id in
            (select id from letter where expires_at <= $1 order by expires_at limit $2)";
}

/// A letter that may have to be sent.
pub(crate) struct StoredLetter {
    pub kind: LetterKind,
    pub address: String,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

#[derive(platform::sql::Record)]
struct Row {
    kind: String,
    address: String,
    expires_at: Timestamp,
    used_at: Option<Timestamp>,
}

/// Whom a token belongs to, and where it was sent.
pub(crate) struct Opened {
    pub customer: CustomerId,
    pub address: String,
}

fn opened(row: Option<(Option<Uuid>, String)>) -> Option<Opened> {
    let (customer, address) = row?;
    Some(Opened { customer: customer?.into(), address })
}

pub(crate) async fn insert(
    tx: &mut Tx,
    id: LetterId,
    customer: Option<CustomerId>,
    kind: LetterKind,
    address: &str,
    token: &LetterToken,
) -> Result<()> {
    let now = tx.now();
    tx.query(INSERT)
        .bind(id.uuid())
        .bind(customer.map(CustomerId::uuid))
        .bind(kind.word())
        .bind(address)
        .bind(token.hash())
        .bind(now)
        .bind(now + kind.lifetime())
        .execute()
        .await
        .map(drop)
}

pub(crate) async fn supersede(tx: &mut Tx, customer: CustomerId, kind: LetterKind) -> Result<()> {
    let now = tx.now();
    let query = tx.query(SUPERSEDE).bind(now).bind(customer.uuid()).bind(kind.word());
    query.execute().await.map(drop)
}

pub(crate) async fn find(db: &Db, id: LetterId) -> Result<Option<StoredLetter>> {
    let row: Option<Row> = db.query(FIND).bind(id.uuid()).optional().await?;
    let Some(Row { kind, address, expires_at, used_at }) = row else { return Ok(None) };
    let strange = || Error::Inconsistent(format!("letter.kind is {kind:?}"));
    let kind = LetterKind::of_word(&kind).ok_or_else(strange)?;
    Ok(Some(StoredLetter { kind, address, expires_at, used_at }))
}

/// Whom a token belongs to that was not used yet.
pub(crate) async fn opened_by(
    db: &Db,
    token: &LetterToken,
    kind: LetterKind,
) -> Result<Option<Opened>> {
    let query = db.query(OPENED_BY).bind(token.hash()).bind(kind.word()).bind(db.clock().now());
    Ok(opened(query.optional().await?))
}

/// Uses a token up. None when it was used, has expired, or never was.
pub(crate) async fn take(
    tx: &mut Tx,
    token: &LetterToken,
    kind: LetterKind,
) -> Result<Option<Opened>> {
    let now = tx.now();
    let query = tx.query(USE).bind(token.hash()).bind(kind.word()).bind(now);
    Ok(opened(query.optional().await?))
}

/// The newest letter of a kind to somebody that was not used yet.
pub(crate) async fn newest(
    db: &Db,
    customer: CustomerId,
    kind: LetterKind,
) -> Result<Option<LetterId>> {
    let query = db.query(NEWEST).bind(customer.uuid()).bind(kind.word()).bind(db.clock().now());
    let row: Option<(Uuid,)> = query.optional().await?;
    Ok(row.map(|(id,)| id.into()))
}

/// Uses a letter up. False when it was used before.
pub(crate) async fn take_by_id(tx: &mut Tx, id: LetterId) -> Result<bool> {
    let now = tx.now();
    Ok(tx.query(USE_BY_ID).bind(id.uuid()).bind(now).execute().await? == 1)
}

/// Deletes letters of which nothing can come any more, so many at most.
pub(crate) async fn prune(tx: &mut Tx, most: i64) -> Result<u64> {
    let now = tx.now();
    tx.query(PRUNE).bind(now).bind(most).execute().await
}
