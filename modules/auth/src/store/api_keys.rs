//! API keys.

use kernel::id::{ApiKeyId, CustomerId};
use kernel::{Permissions, Timestamp};
use platform::sql::{Db, Json, Result, Tx};
use serde::Serialize;
use uuid::Uuid;

use crate::domain::api_key::{ApiKey, KEYS_MAX};

platform::statements! {
    INSERT =
        "insert into api_key (id, name, prefix, hash, permissions, rate_per_s, made_by, created_at,
                              expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    COUNT_LIVE = "select count(*) from api_key where revoked_at is null";
    /// All that are not revoked, with the role of whoever made each.
    LIVE =
        "select k.id, k.name, k.prefix, k.hash, k.permissions, k.rate_per_s, k.made_by, k.created_at,
                k.expires_at, k.last_used_at, k.revoked_at, coalesce(c.own_role, c.role) as maker_role
           from api_key k join customer c on c.id = k.made_by
          where k.revoked_at is null order by k.id limit $1";
    PAGE =
        "select k.id, k.name, k.prefix, k.hash, k.permissions, k.rate_per_s, k.made_by, k.created_at,
                k.expires_at, k.last_used_at, k.revoked_at, coalesce(c.own_role, c.role) as maker_role
           from api_key k join customer c on c.id = k.made_by
          where k.id > $1 order by k.id limit $2";
    BY_ID =
        "select k.id, k.name, k.prefix, k.hash, k.permissions, k.rate_per_s, k.made_by, k.created_at,
                k.expires_at, k.last_used_at, k.revoked_at, coalesce(c.own_role, c.role) as maker_role
           from api_key k join customer c on c.id = k.made_by where k.id = $1";
    BY_HASH =
        "select k.id, k.name, k.prefix, k.hash, k.permissions, k.rate_per_s, k.made_by, k.created_at,
                k.expires_at, k.last_used_at, k.revoked_at, coalesce(c.own_role, c.role) as maker_role
           from api_key k join customer c on c.id = k.made_by
          where k.hash = $1 and k.revoked_at is null";
    OF_MAKER =
        "select k.id, k.name, k.prefix, k.hash, k.permissions, k.rate_per_s, k.made_by, k.created_at,
                k.expires_at, k.last_used_at, k.revoked_at, coalesce(c.own_role, c.role) as maker_role
           from api_key k join customer c on c.id = k.made_by
          where k.made_by = $1 order by k.id limit $2";
    REVOKE_OF_MAKER =
        "update api_key set revoked_at = $2 where made_by = $1 and revoked_at is null
         returning id, name, prefix, hash, permissions, rate_per_s, made_by, created_at, expires_at,
                   last_used_at, revoked_at, '' as maker_role";
    REVOKE = "update api_key set revoked_at = $2 where id = $1 and revoked_at is null";
    NOTE_USES =
        concat!(platform::json_rows!(),
        "update api_key set last_used_at = value->>'at' from given
          where api_key.id = unhex(value->>'id', '-')
            and (last_used_at is null or last_used_at < value->>'at')"),
        "update api_key set last_used_at = u.at
           from jsonb_to_recordset($1) as u(id uuid, at timestamptz)
          where api_key.id = u.id and (last_used_at is null or last_used_at < u.at)";
}

/// When a key was used.
#[derive(Serialize)]
struct Use {
    id: ApiKeyId,
    #[serde(serialize_with = "platform::sql::spell")]
    at: Timestamp,
}

/// A key as storage knows it.
pub(crate) struct StoredKey {
    pub key: ApiKey,
    pub hash: String,
    /// The role of whoever made it, now.
    pub maker_role: String,
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    name: String,
    prefix: String,
    hash: String,
    permissions: Json<Vec<String>>,
    rate_per_s: Option<i64>,
    made_by: Uuid,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    maker_role: String,
}

impl From<Row> for StoredKey {
    /// A word that this program does not know any more allows nothing.
    fn from(row: Row) -> Self {
        let permissions: Permissions =
            row.permissions.0.iter().filter_map(|word| word.parse().ok()).collect();
        let key = ApiKey {
            id: row.id.into(),
            name: row.name,
            prefix: row.prefix,
            permissions,
            rate_per_s: row.rate_per_s.and_then(|rate| u32::try_from(rate).ok()),
            made_by: row.made_by.into(),
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        };
        Self { key, hash: row.hash, maker_role: row.maker_role }
    }
}

pub(crate) async fn insert(tx: &mut Tx, key: &ApiKey, hash: &str) -> Result<()> {
    tx.query(INSERT)
        .bind(key.id.uuid())
        .bind(key.name.as_str())
        .bind(key.prefix.as_str())
        .bind(hash)
        .bind(Json(key.permissions))
        .bind(key.rate_per_s.map(i64::from))
        .bind(key.made_by.uuid())
        .bind(key.created_at)
        .bind(key.expires_at)
        .execute()
        .await
        .map(drop)
}

pub(crate) async fn count_live(tx: &mut Tx) -> Result<i64> {
    let (count,): (i64,) = tx.query(COUNT_LIVE).one().await?;
    Ok(count)
}

pub(crate) async fn live(db: &Db) -> Result<Vec<StoredKey>> {
    let rows: Vec<Row> = db.query(LIVE).bind(KEYS_MAX).all().await?;
    Ok(rows.into_iter().map(StoredKey::from).collect())
}

/// Keys after one, the oldest first, revoked ones too.
pub(crate) async fn page(db: &Db, after: Option<ApiKeyId>, limit: i64) -> Result<Vec<ApiKey>> {
    let after = after.map_or(Uuid::nil(), ApiKeyId::uuid);
    let rows: Vec<Row> = db.query(PAGE).bind(after).bind(limit).all().await?;
    Ok(rows.into_iter().map(|row| StoredKey::from(row).key).collect())
}

pub(crate) async fn by_id(tx: &mut Tx, id: ApiKeyId) -> Result<Option<ApiKey>> {
    let row: Option<Row> = tx.query(BY_ID).bind(id.uuid()).optional().await?;
    Ok(row.map(|row| StoredKey::from(row).key))
}

pub(crate) async fn by_hash(db: &Db, hash: &str) -> Result<Option<StoredKey>> {
    let row: Option<Row> = db.query(BY_HASH).bind(hash).optional().await?;
    Ok(row.map(StoredKey::from))
}

/// False when it was revoked before, or never was.
pub(crate) async fn revoke(tx: &mut Tx, id: ApiKeyId) -> Result<bool> {
    let now = tx.now();
    Ok(tx.query(REVOKE).bind(id.uuid()).bind(now).execute().await? == 1)
}

/// The keys that somebody made, the oldest first, revoked ones too.
pub(crate) async fn of_maker(db: &Db, maker: CustomerId, limit: i64) -> Result<Vec<ApiKey>> {
    let rows: Vec<Row> = db.query(OF_MAKER).bind(maker.uuid()).bind(limit).all().await?;
    Ok(rows.into_iter().map(|row| StoredKey::from(row).key).collect())
}

/// Revokes the keys that somebody made: those that were not before, as they are now.
pub(crate) async fn revoke_of_maker(tx: &mut Tx, maker: CustomerId) -> Result<Vec<ApiKey>> {
    let now = tx.now();
    let rows: Vec<Row> = tx.query(REVOKE_OF_MAKER).bind(maker.uuid()).bind(now).all().await?;
    Ok(rows.into_iter().map(|row| StoredKey::from(row).key).collect())
}

/// Writes down when keys were used, where that is news.
pub(crate) async fn note_uses(tx: &mut Tx, uses: &[(ApiKeyId, Timestamp)]) -> Result<()> {
    let rows: Vec<Use> = uses.iter().map(|(id, at)| Use { id: *id, at: *at }).collect();
    tx.query(NOTE_USES).bind(Json(rows)).execute().await.map(drop)
}
