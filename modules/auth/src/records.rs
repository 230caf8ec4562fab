//! What the module keeps about somebody, for them to read.

use async_trait::async_trait;
use kernel::Timestamp;
use kernel::id::CustomerId;
use kernel::ports::{Factor, PersonalRecords, Unavailable};
use platform::sql::{self, Db, Error};
use serde::Serialize;
use serde_json::Value;

use crate::Accounts;
use crate::domain::Device;
use crate::domain::api_key::ApiKey;
use crate::store::factors::{self, Enrolled};
use crate::store::{accounts, api_keys, letters, passkeys, sessions};
use crate::usecase::passkeys::PASSKEYS_MAX;

/// How many sessions and letters are told of at most, the newest sessions first.
const TOLD_MAX: i64 = 1_000;

/// All of it; hashes and secrets are left out.
#[derive(Serialize)]
struct Records {
    /// None for somebody of another issuer.
    account: Option<AccountRecord>,
    sessions: Vec<SessionRecord>,
    second_factors: FactorsRecord,
    passkeys: Vec<PasskeyRecord>,
    letters: Vec<LetterRecord>,
    /// That they made.
    api_keys: Vec<ApiKey>,
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
    last_used_at: Timestamp,
    expires_at: Timestamp,
    /// How they proved who they are.
    factors: Vec<Factor>,
    /// None when it is not kept (any more).
    #[serde(flatten)]
    device: Option<Device>,
}

#[derive(Serialize)]
struct FactorsRecord {
    /// Whether there is a device that shows codes.
    totp: bool,
    /// How many are left.
    recovery_codes: i64,
}

#[derive(Serialize)]
struct PasskeyRecord {
    name: String,
    made_at: Timestamp,
    last_used_at: Option<Timestamp>,
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
        second_factors: own_factors(db, person).await?,
        passkeys: own_passkeys(db, person).await?,
        letters: own_letters(db, person).await?,
        api_keys: api_keys::of_maker(db, person, TOLD_MAX).await?,
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
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
            factors: session.amr,
            device: session.device,
        })
        .collect())
}

async fn own_factors(db: &Db, person: CustomerId) -> sql::Result<FactorsRecord> {
    let Enrolled { totp, recovery_codes, passkeys: _ } = factors::enrolled(db, person).await?;
    Ok(FactorsRecord { totp, recovery_codes })
}

async fn own_passkeys(db: &Db, person: CustomerId) -> sql::Result<Vec<PasskeyRecord>> {
    let found = passkeys::of_owner(db, person, PASSKEYS_MAX).await?.into_iter();
    Ok(found
        .map(|passkey| PasskeyRecord {
            name: passkey.name,
            made_at: passkey.made_at,
            last_used_at: passkey.last_used_at,
        })
        .collect())
}

async fn own_letters(db: &Db, person: CustomerId) -> sql::Result<Vec<LetterRecord>> {
    let found = letters::of_owner(db, person, TOLD_MAX).await?.into_iter();
    Ok(found.map(|(kind, written_at)| LetterRecord { kind, written_at }).collect())
}
