//! What the module keeps about somebody, for them to read.

use async_trait::async_trait;
use kernel::Timestamp;
use kernel::id::CustomerId;
use kernel::ports::{PersonalRecords, Unavailable};
use platform::sql::{self, Db, Error};
use serde::Serialize;
use serde_json::Value;

use crate::Accounts;
use crate::domain::Device;
use crate::store::{accounts, letters, passkeys, sessions};
use crate::usecase::passkeys::PASSKEYS_MAX;

/// How many sessions and letters are told of at most, the newest sessions first.
const TOLD_MAX: i64 = 1_000;

/// All of it; hashes and secrets are left out.
#[derive(Serialize)]
struct Records {
    /// None for somebody of another issuer.
    account: Option<AccountRecord>,
    sessions: Vec<SessionRecord>,
    passkeys: Vec<PasskeyRecord>,
    letters: Vec<LetterRecord>,
}

#[derive(Serialize)]
struct AccountRecord {
    email: Option<String>,
    name: Option<String>,
    email_verified: bool,
    role: String,
    group: Option<String>,
    created_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct SessionRecord {
    started_at: Timestamp,
    expires_at: Timestamp,
    /// None when it is not kept (any more).
    #[serde(flatten)]
    device: Option<Device>,
}

#[derive(Serialize)]
struct PasskeyRecord {
    name: String,
    made_at: Timestamp,
}

#[derive(Serialize)]
struct LetterRecord {
    kind: String,
    written_at: Timestamp,
}

#[async_trait]
impl PersonalRecords for Accounts {
    async fn records(&self, person: CustomerId) -> Result<Value, Unavailable> {
        gather(self.db(), person).await.map_err(|error| Unavailable::new("auth", error))
    }
}

async fn gather(db: &Db, person: CustomerId) -> sql::Result<Value> {
    let records = Records {
        account: account(db, person).await?,
        sessions: own_sessions(db, person).await?,
        passkeys: own_passkeys(db, person).await?,
        letters: own_letters(db, person).await?,
    };
    serde_json::to_value(records).map_err(|error| Error::Inconsistent(format!("records: {error}")))
}

async fn account(db: &Db, person: CustomerId) -> sql::Result<Option<AccountRecord>> {
    let Some(account) = accounts::find(db, person).await? else { return Ok(None) };
    let created_at = accounts::created_at(db, person).await?;
    let crate::domain::Account { email, name, verified, role, group, .. } = account;
    Ok(Some(AccountRecord { email, name, email_verified: verified, role, group, created_at }))
}

async fn own_sessions(db: &Db, person: CustomerId) -> sql::Result<Vec<SessionRecord>> {
    let found = sessions::all_of_owner(db, person, TOLD_MAX).await?.into_iter();
    Ok(found
        .map(|session| SessionRecord {
            started_at: session.started_at,
            expires_at: session.expires_at,
            device: session.device,
        })
        .collect())
}

async fn own_passkeys(db: &Db, person: CustomerId) -> sql::Result<Vec<PasskeyRecord>> {
    let found = passkeys::of_owner(db, person, PASSKEYS_MAX).await?.into_iter();
    Ok(found
        .map(|passkey| PasskeyRecord { name: passkey.name, made_at: passkey.made_at })
        .collect())
}

async fn own_letters(db: &Db, person: CustomerId) -> sql::Result<Vec<LetterRecord>> {
    let found = letters::of_owner(db, person, TOLD_MAX).await?.into_iter();
    Ok(found.map(|(kind, written_at)| LetterRecord { kind, written_at }).collect())
}
