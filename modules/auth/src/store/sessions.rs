//! Sessions and their refresh tokens.

use kernel::Timestamp;
use kernel::id::{CustomerId, SessionId};
use kernel::ports::Factor;
use platform::sql::{Db, Json, Result, Tx};
use uuid::Uuid;

use super::accounts::{AccountRow, Stored};
use super::personal;
use crate::domain::{Device, RefreshToken};

platform::statements! {
    /// Whoever erases somebody holds their row until their sessions have ended, so that none begins
    /// meanwhile; SQLite has one writer.
    INSERT =
        "insert into session (id, customer_id, amr, auth_time, device, started_at, expires_at,
                              generation, rotated_at, version)
         select $1, c.id, $3, $4, $5, $4, $6, 1, $4, 0
           from customer c where c.id = $2 and c.erased_at is null",
        "insert into session (id, customer_id, amr, auth_time, device, started_at, expires_at,
                              generation, rotated_at, version)
         select $1, c.id, $3, $4, $5, $4, $6, 1, $4, 0
           from customer c where c.id = $2 and c.erased_at is null for key share";
    INSERT_REFRESH = "insert into refresh_token (hash, session_id, generation) values ($1, $2, $3)";
    /// PostgreSQL locks the session, so that one of many concurrent refreshes decides; SQLite has
    /// one writer.
    LOCK_LOGIN =
        "select t.generation as presented, s.id as session_id, s.amr, s.auth_time, s.expires_at,
                s.generation, s.rotated_at, s.revoked_at, c.id, c.personal,
                c.email_verified_at is not null as verified,
                coalesce(c.own_role, c.role) as role, c.customer_group
           from refresh_token t join session s on s.id = t.session_id
                                join customer c on c.id = s.customer_id
          where t.hash = $1",
        "select t.generation as presented, s.id as session_id, s.amr, s.auth_time, s.expires_at,
                s.generation, s.rotated_at, s.revoked_at, c.id, c.personal,
                c.email_verified_at is not null as verified,
                coalesce(c.own_role, c.role) as role, c.customer_group
           from refresh_token t join session s on s.id = t.session_id
                                join customer c on c.id = s.customer_id
          where t.hash = $1 for update of s";
    SESSION_OF_REFRESH = "select session_id from refresh_token where hash = $1";
    ROTATE =
        "update session set generation = generation + 1, rotated_at = $1
          where id = $2 and generation = $3 and revoked_at is null";
    /// PostgreSQL locks the session; SQLite has one writer.
    HOLD =
        "select amr, expires_at from session
          where id = $1 and revoked_at is null and expires_at > $2",
        "select amr, expires_at from session
          where id = $1 and revoked_at is null and expires_at > $2 for update";
    SET_FACTORS = "update session set amr = $2, auth_time = $3 where id = $1";
    REVOKE =
        "update session set revoked_at = $1, revoked_reason = $2, device = null, version = version + 1
          where id = $3 and revoked_at is null returning customer_id, version";
    /// All of an account but one; expired ones need no end.
    REVOKE_OTHERS =
        "update session set revoked_at = $1, revoked_reason = $2, device = null, version = version + 1
          where customer_id = $3 and id <> $4 and revoked_at is null and expires_at > $1
         returning id, version";
    OWNER = "select customer_id from session where id = $1";
    OF_OWNER =
        "select id, device, amr, started_at, rotated_at, expires_at from session
          where customer_id = $1 and revoked_at is null and expires_at > $2
          order by id desc limit $3";
    /// Those that have ended too.
    ALL_OF_OWNER =
        "select id, device, amr, started_at, rotated_at, expires_at from session
          where customer_id = $1 order by id desc limit $2";
    REVOKED_SINCE =
        "select revoked_at, id from session
          where revoked_at is not null and (revoked_at > $1 or (revoked_at = $1 and id > $2))
          order by revoked_at, id limit $3";
    PRUNE =
        "delete from session where id in
            (select id from session where expires_at <= $1 order by expires_at limit $2)";
}

/// How many revoked sessions are read at a time.
const REVOKED_PAGE: i64 = 1_000;

/// A session as a refresh token finds it.
pub(crate) struct StoredLogin {
    pub account: Stored,
    pub session: SessionId,
    pub factors: Vec<Factor>,
    pub auth_time: Timestamp,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    /// The generation of the token that was presented.
    pub presented: i64,
    /// The generation of the newest one, and since when it is.
    pub newest: i64,
    pub rotated_at: Timestamp,
}

#[derive(platform::sql::Record)]
struct LoginRow {
    presented: i64,
    session_id: Uuid,
    amr: Json<Vec<Factor>>,
    auth_time: Timestamp,
    expires_at: Timestamp,
    generation: i64,
    rotated_at: Timestamp,
    revoked_at: Option<Timestamp>,
    #[record(flatten)]
    account: AccountRow,
}

/// A session as its owner sees it.
pub(crate) struct OwnSession {
    pub id: SessionId,
    /// None for a guest, for who was erased, and when the session has ended.
    pub device: Option<Device>,
    pub amr: Vec<Factor>,
    pub started_at: Timestamp,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
}

#[derive(platform::sql::Record)]
struct OwnRow {
    id: Uuid,
    device: Option<String>,
    amr: Json<Vec<Factor>>,
    started_at: Timestamp,
    rotated_at: Timestamp,
    expires_at: Timestamp,
}

/// A session that begins now.
pub(crate) struct New<'a> {
    pub id: SessionId,
    pub customer: CustomerId,
    pub factors: &'a [Factor],
    /// [`Device`], sealed.
    pub device: Option<&'a str>,
    pub expires_at: Timestamp,
}

/// Stores a session. False when whoever it is of was erased.
pub(crate) async fn insert(tx: &mut Tx, new: &New<'_>) -> Result<bool> {
    let now = tx.now();
    let rows = tx
        .query(INSERT)
        .bind(new.id.uuid())
        .bind(new.customer.uuid())
        .bind(Json(new.factors))
        .bind(now)
        .bind(new.device)
        .bind(new.expires_at)
        .execute()
        .await?;
    Ok(rows == 1)
}

pub(crate) async fn insert_refresh(
    tx: &mut Tx,
    session: SessionId,
    token: &RefreshToken,
    generation: i64,
) -> Result<()> {
    tx.query(INSERT_REFRESH)
        .bind(token.hash())
        .bind(session.uuid())
        .bind(generation)
        .execute()
        .await
        .map(drop)
}

/// The session of a refresh token, held until the unit of work ends.
pub(crate) async fn lock_login(tx: &mut Tx, token: &RefreshToken) -> Result<Option<StoredLogin>> {
    let row: Option<LoginRow> = tx.query(LOCK_LOGIN).bind(token.hash()).optional().await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(StoredLogin {
        account: row.account.into(),
        session: row.session_id.into(),
        factors: row.amr.0,
        auth_time: row.auth_time,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
        presented: row.presented,
        newest: row.generation,
        rotated_at: row.rotated_at,
    }))
}

pub(crate) async fn session_of(db: &Db, token: &RefreshToken) -> Result<Option<SessionId>> {
    let row: Option<(Uuid,)> = db.query(SESSION_OF_REFRESH).bind(token.hash()).optional().await?;
    Ok(row.map(|(id,)| id.into()))
}

/// Makes way for the successor of a token. False when somebody else did, or the session ended.
pub(crate) async fn rotate(tx: &mut Tx, session: SessionId, newest: i64) -> Result<bool> {
    let now = tx.now();
    let rows = tx.query(ROTATE).bind(now).bind(session.uuid()).bind(newest).execute().await?;
    Ok(rows == 1)
}

/// A session that goes on, as it is until the unit of work ends.
pub(crate) struct HeldSession {
    pub factors: Vec<Factor>,
    pub expires_at: Timestamp,
}

/// None when it has ended.
pub(crate) async fn hold(tx: &mut Tx, id: SessionId) -> Result<Option<HeldSession>> {
    let now = tx.now();
    let row: Option<(Json<Vec<Factor>>, Timestamp)> =
        tx.query(HOLD).bind(id.uuid()).bind(now).optional().await?;
    Ok(row.map(|(amr, expires_at)| HeldSession { factors: amr.0, expires_at }))
}

/// Notes how its owner has proved who they are, the last time now.
pub(crate) async fn set_factors(tx: &mut Tx, id: SessionId, factors: &[Factor]) -> Result<()> {
    let now = tx.now();
    let query = tx.query(SET_FACTORS).bind(id.uuid()).bind(Json(factors)).bind(now);
    query.execute().await.map(drop)
}

/// Ends a session: whose it was, and its version. None when it had ended before.
pub(crate) async fn revoke(
    tx: &mut Tx,
    session: SessionId,
    reason: &str,
) -> Result<Option<(CustomerId, i64)>> {
    let now = tx.now();
    let row: Option<(Uuid, i64)> =
        tx.query(REVOKE).bind(now).bind(reason).bind(session.uuid()).optional().await?;
    Ok(row.map(|(customer, version)| (customer.into(), version)))
}

/// Ends all sessions of an account but one, each with its version.
pub(crate) async fn revoke_others(
    tx: &mut Tx,
    customer: CustomerId,
    but: Option<SessionId>,
    reason: &str,
) -> Result<Vec<(SessionId, i64)>> {
    let now = tx.now();
    let but = but.map_or(Uuid::nil(), SessionId::uuid);
    let query = tx.query(REVOKE_OTHERS).bind(now).bind(reason).bind(customer.uuid()).bind(but);
    let rows: Vec<(Uuid, i64)> = query.all().await?;
    Ok(rows.into_iter().map(|(id, version)| (id.into(), version)).collect())
}

pub(crate) async fn owner(db: &Db, id: SessionId) -> Result<Option<CustomerId>> {
    let row: Option<(Uuid,)> = db.query(OWNER).bind(id.uuid()).optional().await?;
    Ok(row.map(|(id,)| id.into()))
}

/// The live sessions of somebody, the newest first, so many at most.
pub(crate) async fn of_owner(db: &Db, owner: CustomerId, most: i64) -> Result<Vec<OwnSession>> {
    let now = db.clock().now();
    opened(db, db.query(OF_OWNER).bind(owner.uuid()).bind(now).bind(most).all().await?).await
}

/// All sessions of somebody that are still known, the newest first, so many at most.
pub(crate) async fn all_of_owner(db: &Db, owner: CustomerId, most: i64) -> Result<Vec<OwnSession>> {
    opened(db, db.query(ALL_OF_OWNER).bind(owner.uuid()).bind(most).all().await?).await
}

async fn opened(db: &Db, rows: Vec<OwnRow>) -> Result<Vec<OwnSession>> {
    let ring = db.people()?.ring(rows.iter().filter_map(|row| row.device.as_deref())).await?;
    let own = |row: OwnRow| {
        let id = row.id.into();
        let device = personal::opened(&ring, &personal::of_session(id), row.device.as_deref())?;
        Ok(OwnSession {
            id,
            device,
            amr: row.amr.0,
            started_at: row.started_at,
            last_used_at: row.rotated_at,
            expires_at: row.expires_at,
        })
    };
    rows.into_iter().map(own).collect()
}

/// The sessions that were ended since, with when.
pub(crate) async fn revoked_since(
    db: &Db,
    since: Timestamp,
) -> Result<Vec<(SessionId, Timestamp)>> {
    let mut all = Vec::new();
    let mut after = (since, Uuid::nil());
    loop {
        let page: Vec<(Timestamp, Uuid)> =
            db.query(REVOKED_SINCE).bind(after.0).bind(after.1).bind(REVOKED_PAGE).all().await?;
        all.extend(page.iter().map(|(at, id)| (SessionId::from(*id), *at)));
        match page.last() {
            Some(last) => after = *last,
            None => return Ok(all),
        }
    }
}

/// Deletes expired sessions with their refresh tokens, so many at most.
pub(crate) async fn prune(tx: &mut Tx, most: i64) -> Result<u64> {
    let now = tx.now();
    tx.query(PRUNE).bind(now).bind(most).execute().await
}
