//! Commands done once: the key, whose it is and what it asked for, stored with the effect.
//!
//! After the IETF draft on the Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header):
//! the same key with the same request gives the stored answer again, byte for byte; with another
//! request 422; while the first is still running 409. Only answers that stay true are stored:
//! success and definite refusals, never a 5xx or a 429.

use kernel::Timestamp;
use kernel::id::CustomerId;
use kernel::ports::PersonKey;
use kernel::problem::{Problem, code};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::fault;
use crate::personal::{self, Kept};
use crate::sql::{Db, Engine, Error, Result, Tx};

/// The longest key, in characters.
pub const KEY_MAX: usize = 255;
/// How long a stored answer is kept.
pub const KEPT_DAYS: i64 = 30;

/// A command's identity: one caller's key on one route.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Key {
    /// Caller and route: two callers never share a key.
    pub scope: String,
    /// The header's value.
    pub key: String,
    /// What was asked: SHA-256 of the request.
    pub fingerprint: String,
}

impl Key {
    /// The identity of a command. `request` is its body as it came.
    pub fn new(caller: impl std::fmt::Display, route: &str, key: &str, request: &[u8]) -> Self {
        Self {
            scope: format!("{caller} {route}"),
            key: key.to_owned(),
            fingerprint: hex::encode(Sha256::digest(request)),
        }
    }
}

/// An answer that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, as it was sent.
    pub body: String,
}

impl Answer {
    /// The answer to a command, sealed for it under a key of whom it tells of. It is opened where it is found.
    pub fn sealed(self, person: &PersonKey, scope: &str, key: &str) -> Result<Self> {
        let body = personal::seal(person, &place(scope, key), &self.body)?;
        Ok(Self { status: self.status, body })
    }

    /// [`Error::Erased`] when nobody can open it any more.
    async fn opened(self, db: &Db, scope: &str, key: &str) -> Result<Self> {
        if !personal::is_sealed(&self.body) {
            return Ok(self);
        }
        let opened = db.people()?.open(&place(scope, key), Kept::Sealed(self.body)).await?;
        Ok(Self { status: self.status, body: opened.ok_or(Error::Erased)? })
    }
}

fn place(scope: &str, key: &str) -> String {
    format!("answer:{scope}:{key}")
}

/// What is known of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It has not been asked before: do it, in the unit of work of the claim.
    Fresh,
    /// It was done; this is the answer.
    Done(Answer),
    /// It is being done.
    Running,
    /// The key was used with another request.
    Reused,
}

impl Claim {
    /// The refusal of a command that is running or whose key was reused.
    pub fn problem(&self) -> Option<Problem> {
        match self {
            Self::Fresh | Self::Done(_) => None,
            Self::Running => Some(Problem::new(
                code::IDEMPOTENCY_IN_PROGRESS,
                "The first request with this Idempotency-Key is still running; ask again soon.",
            )),
            Self::Reused => Some(Problem::new(
                code::IDEMPOTENCY_KEY_REUSED,
                "This Idempotency-Key was used with another request; take a new key.",
            )),
        }
    }
}

#[derive(platform::sql::Record)]
struct Row {
    fingerprint: String,
    status: Option<i64>,
    body: Option<String>,
}

impl Row {
    async fn claim(self, db: &Db, key: &Key) -> Result<Claim> {
        if self.fingerprint != key.fingerprint {
            return Ok(Claim::Reused);
        }
        let status = self.status.and_then(|status| u16::try_from(status).ok());
        let Some((status, body)) = status.zip(self.body) else { return Ok(Claim::Running) };
        let answer = Answer { status, body };
        Ok(Claim::Done(answer.opened(db, &key.scope, &key.key).await?))
    }
}

crate::statements! {
    CLAIM = "insert into idempotency (scope, key, fingerprint, started_at) values ($1, $2, $3, $4)
             on conflict (scope, key) do nothing";
    FIND = "select fingerprint, status, body from idempotency where scope = $1 and key = $2";
    FINISH = "update idempotency set status = $3, body = $4
               where scope = $1 and key = $2 and status is null";
    FORGET = "delete from idempotency where (scope, key) in
                (select scope, key from idempotency where started_at < $1 and status is not null
                  order by started_at limit $2)";
    /// A range of the primary key, of which no collation makes less than it is; the rest tells what was meant.
    FORGET_CALLER = "delete from idempotency
                      where scope >= $1 and scope < $2
                        and substr(scope, 1, length(cast($3 as text))) = $3";
}

/// What is known of a command, without claiming it.
pub async fn find(db: &Db, key: &Key) -> Result<Option<Claim>> {
    let row: Option<Row> =
        db.query(FIND).bind(key.scope.as_str()).bind(key.key.as_str()).optional().await?;
    known(db, key, row).await
}

async fn known(db: &Db, key: &Key, row: Option<Row>) -> Result<Option<Claim>> {
    match row {
        None => Ok(None),
        Some(row) => row.claim(db, key).await.map(Some),
    }
}

/// Claims a command in the unit of work that does it.
pub async fn claim(tx: &mut Tx, key: &Key) -> Result<Claim> {
    let now = tx.now();
    let claimed = tx
        .query(CLAIM)
        .bind(key.scope.as_str())
        .bind(key.key.as_str())
        .bind(key.fingerprint.as_str())
        .bind(now)
        .execute()
        .await?;
    if claimed == 1 || fault::bug("claim_is_not_looked_at") {
        return Ok(Claim::Fresh);
    }
    let claim = match tx.db().engine() {
        // A unit of the same group may have stored the answer without being on disk yet; what a
        // reader sees is on disk.
        Engine::Sqlite => find(tx.db(), key).await?,
        Engine::Postgres => {
            let row: Option<Row> =
                tx.query(FIND).bind(key.scope.as_str()).bind(key.key.as_str()).optional().await?;
            known(tx.db(), key, row).await?
        }
    };
    Ok(claim.unwrap_or(Claim::Running))
}

/// Stores the answer of a claimed command, in the unit of work that makes it true.
pub async fn finish(tx: &mut Tx, scope: &str, key: &str, answer: &Answer) -> Result<()> {
    if fault::bug("answer_is_not_stored") {
        return Ok(());
    }
    if !(200..500).contains(&answer.status) || answer.status == 429 {
        let status = answer.status;
        return Err(Error::Inconsistent(format!("an answer {status} is not final")));
    }
    tx.query(FINISH)
        .bind(scope)
        .bind(key)
        .bind(i64::from(answer.status))
        .bind(answer.body.as_str())
        .execute()
        .await?;
    Ok(())
}

/// Forgets every answer to a caller, who was erased. What they did stays guarded by its business key.
pub async fn forget(tx: &mut Tx, caller: CustomerId) -> Result<()> {
    let next = CustomerId::from(Uuid::from_u128(caller.uuid().as_u128().wrapping_add(1)));
    let query = tx.query(FORGET_CALLER).bind(caller.to_string()).bind(next.to_string());
    query.bind(format!("{caller} ")).execute().await.map(drop)
}

/// How many answers are forgotten in one commit.
const FORGET_MAX: u32 = 500;

/// Forgets answers older than [`KEPT_DAYS`]. What they did stays guarded by its business key.
pub async fn forget_old(db: &Db, now: Timestamp) -> Result<u64> {
    let before = now - chrono::TimeDelta::days(KEPT_DAYS);
    let mut forgotten = 0;
    loop {
        let mut tx = db.begin("idempotency.forget").await?;
        let gone = tx.query(FORGET).bind(before).bind(i64::from(FORGET_MAX)).execute().await?;
        tx.commit().await?;
        forgotten += gone;
        if gone < u64::from(FORGET_MAX) {
            return Ok(forgotten);
        }
    }
}
