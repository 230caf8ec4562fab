//! The vault's tables.

use kernel::Timestamp;
use platform::sql::{Db, Result, Tx};
use uuid::Uuid;

platform::statements! {
    /// Nothing when there is one already that is in use.
    INSERT_KEY = "insert into data_key (id, purpose, wrapped, created_at) values ($1, $2, $3, $4)
                  on conflict (purpose) where retired_at is null do nothing";
    KEY_IN_USE = "select id, wrapped from data_key where purpose = $1 and retired_at is null";
    KEY = "select wrapped from data_key where id = $1";
    KEYS = "select id, purpose, wrapped from data_key";
    RETIRE = "update data_key set retired_at = $1 where purpose = 'card' and retired_at is null";
    WRAP_AGAIN = "update data_key set wrapped = $3 where id = $1 and wrapped = $2";
    /// Under a key that is in use, or not at all.
    INSERT_CARD =
        "insert into card (token, data_key, sealed, fingerprint, brand, last4, exp_month, exp_year,
                           created_at)
         select $1, k.id, $3, $4, $5, $6, $7, $8, $9 from data_key k
          where k.id = $2 and k.retired_at is null";
    CARD = "select token, fingerprint, brand, last4, exp_month, exp_year from card where token = $1";
    /// Cards that wait to be sealed again.
    SEALED_BEFORE = "select c.token, c.data_key, c.sealed from card c
                      where c.data_key in (select id from data_key where retired_at is not null)
                      limit $1";
    SEAL_AGAIN = "update card set data_key = $3, sealed = $4 where token = $1 and data_key = $2";
    /// A retired key under which nothing is sealed.
    DELETE_KEYS = "delete from data_key where retired_at is not null
                    and not exists (select 1 from card where card.data_key = data_key.id)";
    DELETE_EXPIRED = "delete from card where token in (
                          select token from card
                           where exp_year < $1 or (exp_year = $1 and exp_month < $2) limit $3)";
    SEALED = "select token, data_key, sealed, fingerprint, last4 from card
               where token > $1 order by token limit $2";
}

/// What a data key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It seals card numbers.
    Card,
    /// It tells the same card again.
    Fingerprint,
}

impl Purpose {
    /// The stored word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Fingerprint => "fingerprint",
        }
    }

    /// What stands for this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Card, Self::Fingerprint].into_iter().find(|purpose| purpose.word() == word)
    }
}

/// What may be known of a card.
#[derive(Debug, Clone, PartialEq, Eq, platform::sql::Record)]
pub struct CardOnFile {
    /// What stands for it.
    pub token: String,
    /// The same for the same number.
    pub fingerprint: String,
    /// Its scheme.
    pub brand: String,
    /// Its last four digits.
    pub last4: String,
    /// The month it expires, 1 to 12.
    pub exp_month: i64,
    /// The year it expires.
    pub exp_year: i64,
}

/// A number as it is stored.
#[derive(platform::sql::Record)]
pub struct SealedCard {
    pub token: String,
    pub data_key: Uuid,
    pub sealed: Vec<u8>,
}

pub async fn insert_key(tx: &mut Tx, purpose: Purpose, wrapped: &[u8]) -> Result<()> {
    let (id, now) = (kernel::id::EventId::new().uuid(), tx.now());
    let insert = tx.query(INSERT_KEY).bind(id).bind(purpose.word()).bind(wrapped).bind(now);
    insert.execute().await.map(drop)
}

pub async fn key_in_use(db: &Db, purpose: Purpose) -> Result<Option<(Uuid, Vec<u8>)>> {
    db.query(KEY_IN_USE).bind(purpose.word()).optional().await
}

pub async fn data_key(db: &Db, id: Uuid) -> Result<Option<Vec<u8>>> {
    let found: Option<(Vec<u8>,)> = db.query(KEY).bind(id).optional().await?;
    Ok(found.map(|(wrapped,)| wrapped))
}

/// Every data key, with its purpose, as it is wrapped.
pub async fn data_keys(db: &Db) -> Result<Vec<(Uuid, String, Vec<u8>)>> {
    db.query(KEYS).all().await
}

pub async fn retire(tx: &mut Tx) -> Result<()> {
    let now = tx.now();
    tx.query(RETIRE).bind(now).execute().await.map(drop)
}

/// Nothing is done when it was wrapped again by somebody else.
pub async fn wrap_again(tx: &mut Tx, id: Uuid, before: &[u8], after: &[u8]) -> Result<()> {
    tx.query(WRAP_AGAIN).bind(id).bind(before).bind(after).execute().await.map(drop)
}

/// False when the key is not in use any more.
pub async fn insert_card(
    tx: &mut Tx,
    card: &CardOnFile,
    (key, sealed): (Uuid, &[u8]),
) -> Result<bool> {
    let now: Timestamp = tx.now();
    let insert = tx.query(INSERT_CARD).bind(card.token.as_str()).bind(key).bind(sealed);
    let insert = insert.bind(card.fingerprint.as_str()).bind(card.brand.as_str());
    let insert = insert.bind(card.last4.as_str()).bind(card.exp_month).bind(card.exp_year);
    Ok(insert.bind(now).execute().await? == 1)
}

pub async fn card(db: &Db, token: &str) -> Result<Option<CardOnFile>> {
    db.query(CARD).bind(token).optional().await
}

pub async fn sealed_before(db: &Db, limit: i64) -> Result<Vec<SealedCard>> {
    db.query(SEALED_BEFORE).bind(limit).all().await
}

/// Nothing is done when it was sealed again by somebody else.
pub async fn seal_again(
    tx: &mut Tx,
    token: &str,
    before: Uuid,
    (after, sealed): (Uuid, &[u8]),
) -> Result<()> {
    let update = tx.query(SEAL_AGAIN).bind(token).bind(before).bind(after).bind(sealed);
    update.execute().await.map(drop)
}

pub async fn delete_keys(tx: &mut Tx) -> Result<u64> {
    tx.query(DELETE_KEYS).execute().await
}

/// Deletes cards that expired before this month.
pub async fn delete_expired(tx: &mut Tx, year: i64, month: i64, limit: i64) -> Result<u64> {
    tx.query(DELETE_EXPIRED).bind(year).bind(month).bind(limit).execute().await
}

/// The next cards after a token, with their fingerprints and last four digits.
pub async fn sealed_after(
    db: &Db,
    token: &str,
    limit: i64,
) -> Result<Vec<(String, Uuid, Vec<u8>, String, String)>> {
    db.query(SEALED).bind(token).bind(limit).all().await
}
