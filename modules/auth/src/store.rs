//! The module's tables: accounts, sessions, refresh tokens, login attempts.

use kernel::Timestamp;
use kernel::id::{CustomerId, SessionId};
use kernel::ports::Role;
use platform::sql::Json;
use platform::sql::{Db, Error, Result, Tx};
use uuid::Uuid;

use crate::access_token::Factor;
use crate::domain::{Account, Email, RefreshToken};

platform::guard! {
    /// Wrong passwords of one account, or from one client, in one window.
    LOGIN_ATTEMPTS: "login_attempt.failures", table "login_attempt", key text "key",
    used "failures", limit "failures_max"
}

platform::statements! {
    INSERT_ACCOUNT =
        "insert into customer (id, email, name, role, password_hash, version, created_at)
         values ($1, $2, $3, $4, $5, 1, $6) on conflict (email) do nothing";
    INSERT_GUEST =
        "insert into customer (id, role, version, created_at) values ($1, 'guest', 0, $2)";
    ACCOUNT = "select id, email, name, role from customer where id = $1";
    CREDENTIALS = "select id, email, name, role, password_hash from customer where email = $1";
    ACCOUNT_OF_EMAIL = "select id from customer where email = $1";
    REPLACE_HASH = "update customer set password_hash = $1 where id = $2 and password_hash = $3";
    INSERT_SESSION =
        "insert into session (id, customer_id, amr, started_at, expires_at, generation,
                              rotated_at, version)
         values ($1, $2, $3, $4, $5, 1, $4, 0)";
    INSERT_REFRESH = "insert into refresh_token (hash, session_id, generation) values ($1, $2, $3)";
    /// PostgreSQL locks the session, so that one of many concurrent refreshes decides; SQLite has
    /// one writer.
    LOCK_LOGIN =
        "select t.generation as presented, s.id as session_id, s.amr, s.started_at, s.expires_at,
                s.generation, s.rotated_at, s.revoked_at, c.id, c.email, c.name, c.role
           from refresh_token t join session s on s.id = t.session_id
                                join customer c on c.id = s.customer_id
          where t.hash = $1",
        "select t.generation as presented, s.id as session_id, s.amr, s.started_at, s.expires_at,
                s.generation, s.rotated_at, s.revoked_at, c.id, c.email, c.name, c.role
           from refresh_token t join session s on s.id = t.session_id
                                join customer c on c.id = s.customer_id
          where t.hash = $1 for update of s";
    SESSION_OF_REFRESH = "select session_id from refresh_token where hash = $1";
    ROTATE =
        "update session set generation = generation + 1, rotated_at = $1
          where id = $2 and generation = $3 and revoked_at is null";
    REVOKE =
        "update session set revoked_at = $1, revoked_reason = $2, version = version + 1
          where id = $3 and revoked_at is null returning customer_id, version";
    REVOKED_SINCE =
        "select revoked_at, id from session
          where revoked_at is not null and (revoked_at > $1 or (revoked_at = $1 and id > $2))
          order by revoked_at, id limit $3";
    OPEN_ATTEMPTS =
        "insert into login_attempt (key, failures, failures_max, window_ends, version)
         select value->>'key', 0, value->>'max', $2, 1 from json_each($1) where true
             on conflict (key) do nothing",
        "insert into login_attempt (key, failures, failures_max, window_ends, version)
         select a.key, 0, a.max, $2, 1 from jsonb_to_recordset($1) as a(key text, max bigint)
          order by a.key on conflict (key) do nothing";
    PRUNE_SESSIONS =
        "delete from session where id in
            (select id from session where expires_at <= $1 order by expires_at limit $2)";
    PRUNE_ATTEMPTS =
        "delete from login_attempt where key in
            (select key from login_attempt where window_ends <= $1 order by window_ends limit $2)";
}

/// How many revoked sessions are read at a time.
const REVOKED_PAGE: i64 = 1_000;
/// How many rows of a kind one round of pruning deletes.
pub(crate) const PRUNE_MAX: i64 = 1_000;

#[derive(platform::sql::Record)]
struct AccountRow {
    id: Uuid,
    email: Option<String>,
    name: Option<String>,
    role: String,
}

impl TryFrom<AccountRow> for Account {
    type Error = Error;

    fn try_from(row: AccountRow) -> Result<Self> {
        let role = role_of(&row.role)?;
        Ok(Self { id: row.id.into(), role, email: row.email, name: row.name })
    }
}

/// An account with what its password is checked against.
pub(crate) struct Credentials {
    pub account: Account,
    pub password_hash: Option<String>,
}

#[derive(platform::sql::Record)]
struct CredentialsRow {
    #[record(flatten)]
    account: AccountRow,
    password_hash: Option<String>,
}

/// A session as a refresh token finds it.
pub(crate) struct StoredLogin {
    pub account: Account,
    pub session: SessionId,
    pub factors: Vec<Factor>,
    pub started_at: Timestamp,
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
    started_at: Timestamp,
    expires_at: Timestamp,
    generation: i64,
    rotated_at: Timestamp,
    revoked_at: Option<Timestamp>,
    #[record(flatten)]
    account: AccountRow,
}

/// A new account, ready to be stored.
pub(crate) struct NewAccount<'a> {
    pub id: CustomerId,
    pub email: &'a Email,
    pub name: &'a str,
    pub role: Role,
    pub password_hash: &'a str,
}

/// Stores an account. False when its e-mail address has one already.
pub(crate) async fn insert_account(tx: &mut Tx, new: &NewAccount<'_>) -> Result<bool> {
    let now = tx.now();
    let rows = tx
        .query(INSERT_ACCOUNT)
        .bind(new.id.uuid())
        .bind(new.email.as_str())
        .bind(new.name)
        .bind(role_text(new.role))
        .bind(new.password_hash)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

pub(crate) async fn insert_guest(tx: &mut Tx, id: CustomerId) -> Result<()> {
    let now = tx.now();
    tx.query(INSERT_GUEST).bind(id.uuid()).bind(now).execute().await.map(drop)
}

pub(crate) async fn account(db: &Db, id: CustomerId) -> Result<Option<Account>> {
    let row: Option<AccountRow> = db.query(ACCOUNT).bind(id.uuid()).optional().await?;
    row.map(Account::try_from).transpose()
}

pub(crate) async fn account_of_email(db: &Db, email: &Email) -> Result<Option<CustomerId>> {
    let row: Option<(Uuid,)> = db.query(ACCOUNT_OF_EMAIL).bind(email.as_str()).optional().await?;
    Ok(row.map(|(id,)| id.into()))
}

pub(crate) async fn credentials(db: &Db, email: &Email) -> Result<Option<Credentials>> {
    let row: Option<CredentialsRow> = db.query(CREDENTIALS).bind(email.as_str()).optional().await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Credentials { account: row.account.try_into()?, password_hash: row.password_hash }))
}

/// Replaces a password's hash, unless the password was changed meanwhile.
pub(crate) async fn replace_hash(tx: &mut Tx, id: CustomerId, old: &str, new: &str) -> Result<()> {
    tx.query(REPLACE_HASH).bind(new).bind(id.uuid()).bind(old).execute().await.map(drop)
}

pub(crate) async fn insert_session(
    tx: &mut Tx,
    id: SessionId,
    customer: CustomerId,
    factors: &[Factor],
    expires_at: Timestamp,
) -> Result<()> {
    let now = tx.now();
    tx.query(INSERT_SESSION)
        .bind(id.uuid())
        .bind(customer.uuid())
        .bind(Json(factors))
        .bind(now)
        .bind(expires_at)
        .execute()
        .await
        .map(drop)
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
        account: row.account.try_into()?,
        session: row.session_id.into(),
        factors: row.amr.0,
        started_at: row.started_at,
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

/// Makes the rows that guesses are taken from, each with its limit, where they are not there yet.
pub(crate) async fn open_attempts(
    tx: &mut Tx,
    keys: &[(String, u32)],
    window_ends: Timestamp,
) -> Result<()> {
    let rows: Vec<_> =
        keys.iter().map(|(key, max)| serde_json::json!({"key": key, "max": max})).collect();
    tx.query(OPEN_ATTEMPTS).bind(Json(rows)).bind(window_ends).execute().await.map(drop)
}

/// Deletes expired sessions, with their refresh tokens, and windows that are over. Returns the
/// larger number of rows deleted of one kind.
pub(crate) async fn prune(tx: &mut Tx) -> Result<u64> {
    let now = tx.now();
    let sessions = tx.query(PRUNE_SESSIONS).bind(now).bind(PRUNE_MAX).execute().await?;
    let attempts = tx.query(PRUNE_ATTEMPTS).bind(now).bind(PRUNE_MAX).execute().await?;
    Ok(sessions.max(attempts))
}

fn role_text(role: Role) -> &'static str {
    match role {
        Role::Guest => "guest",
        Role::Customer => "customer",
        Role::Staff => "staff",
        Role::Admin => "admin",
    }
}

fn role_of(text: &str) -> Result<Role> {
    [Role::Guest, Role::Customer, Role::Staff, Role::Admin]
        .into_iter()
        .find(|role| role_text(*role) == text)
        .ok_or_else(|| Error::Inconsistent(format!("customer.role is {text:?}")))
}
