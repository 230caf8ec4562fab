//! A device that shows codes: set up, confirmed, removed.

use std::net::IpAddr;

use kernel::id::{CustomerId, PasskeyId};
use platform::sql;
use secrecy::zeroize::Zeroizing;
use serde::Serialize;

use super::code::{self, Proved};
use super::letters::{self, Addressed};
use super::noted;
use crate::Accounts;
use crate::domain::totp::{self, Device, Entered, RECOVERY_CODES, SEED_BYTES};
use crate::domain::{Account, LetterKind};
use crate::error::AccountError;
use crate::store::factors;

/// What the audit log keeps of a second factor.
#[derive(Serialize)]
pub(super) struct FactorNoted {
    pub factor: &'static str,
    /// The passkey.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passkey: Option<PasskeyId>,
}

const DEVICE: FactorNoted = FactorNoted { factor: "totp", passkey: None };

/// What a device is set up with, shown once.
pub(crate) struct Setup {
    pub secret: Zeroizing<String>,
    pub link: String,
    pub picture: String,
}

/// Makes a new seed, which counts once a code of it is shown.
pub(crate) async fn set_up(accounts: &Accounts, account: &Account) -> Result<Setup, AccountError> {
    let seed = Zeroizing::new(platform::random::bytes::<SEED_BYTES>());
    let owner = account.id.uuid();
    let sealed = accounts.secrets().seal(owner.as_bytes(), &*seed);
    let sealed = sealed.ok_or(AccountError::Sealing)?;
    let device = device(accounts, account, &*seed)?;
    let (link, picture) = device.setup().ok_or(AccountError::Sealing)?;
    let mut tx = accounts.db().begin("auth.totp").await?;
    if !factors::put_totp(&mut tx, account.id, &sealed).await? {
        return Err(AccountError::FactorThere);
    }
    tx.commit().await?;
    Ok(Setup { secret: Zeroizing::new(totp::spelled(&*seed)), link, picture })
}

/// Confirms a device by its first code: the recovery codes, shown once.
pub(crate) async fn confirm(
    accounts: &Accounts,
    account: &Account,
    entered: &str,
    client: IpAddr,
) -> Result<Vec<Zeroizing<String>>, AccountError> {
    let Some(Entered::Digits(digits)) = Entered::read(entered) else {
        return Err(AccountError::WrongCode);
    };
    match factors::totp(accounts.db(), account.id).await? {
        None => return Err(AccountError::Absent("device to confirm; set it up first")),
        Some((_, true)) => return Err(AccountError::FactorThere),
        Some((_, false)) => {}
    }
    let counted = code::count(accounts, account).await?;
    let step = step(accounts, account, &digits).await?;
    let Some(step) = step else { return Err(code::refuse(accounts, account, &counted).await?) };
    let codes: Vec<_> =
        (0..RECOVERY_CODES).map(|_| totp::recovery_code(&platform::random::bytes())).collect();
    let hashes: Vec<String> = codes.iter().map(|code| totp::recovery_hash(code)).collect();
    let notice = notice(accounts, account, LetterKind::FactorAdded).await?;
    let mut tx = accounts.db().begin("auth.totp").await?;
    if !factors::confirm_totp(&mut tx, account.id, step).await? {
        return Err(AccountError::WrongCode);
    }
    factors::insert_codes(&mut tx, account.id, &hashes).await?;
    code::give_back(&mut tx, &counted).await?;
    letters::write_addressed(accounts, &mut tx, &notice).await?;
    noted::note(&mut tx, account, client, "account.factor_add", &DEVICE).await?;
    tx.commit().await?;
    Ok(codes)
}

/// Removes the device and its recovery codes.
pub(crate) async fn remove(
    accounts: &Accounts,
    account: &Account,
    client: IpAddr,
) -> Result<(), AccountError> {
    let notice = notice(accounts, account, LetterKind::FactorRemoved).await?;
    let mut tx = accounts.db().begin("auth.totp").await?;
    if !factors::delete_totp(&mut tx, account.id).await? {
        return Err(AccountError::Absent("device of yours"));
    }
    letters::write_addressed(accounts, &mut tx, &notice).await?;
    noted::note_removed(&mut tx, account, client, &DEVICE).await?;
    Ok(tx.commit().await?)
}

/// The step that a code of the account's device is of.
pub(super) async fn step(
    accounts: &Accounts,
    account: &Account,
    digits: &str,
) -> Result<Option<i64>, AccountError> {
    let Some((sealed, _)) = factors::totp(accounts.db(), account.id).await? else {
        return Ok(None);
    };
    let owner = account.id.uuid();
    let seed = accounts.secrets().unseal(owner.as_bytes(), &sealed);
    let seed = seed.ok_or(AccountError::Sealing)?;
    let device = device(accounts, account, &seed)?;
    Ok(device.step_of(digits, accounts.db().clock().now()))
}

/// Uses a code of a device up.
pub(super) fn proof(customer: CustomerId, step: i64) -> Proved {
    Proved::Step { customer, step }
}

fn device(accounts: &Accounts, account: &Account, seed: &[u8]) -> Result<Device, AccountError> {
    let name = account.email.as_deref().unwrap_or_default();
    let device = Device::new(seed, &accounts.settings().issuer, name);
    device.ok_or(AccountError::Sealing)
}

/// Tells the owner of an account what became of a factor.
pub(super) async fn notice(
    accounts: &Accounts,
    account: &Account,
    kind: LetterKind,
) -> sql::Result<Addressed> {
    let address = account.email.as_deref().unwrap_or_default();
    letters::address(accounts, account.id, kind, address).await
}
