//! Passkeys (WebAuthn): what a browser is asked to sign, and what its answer opens. Each answer is
//! looked at once, whatever it is worth.

use std::net::IpAddr;

use chrono::TimeDelta;
use kernel::id::{CustomerId, PasskeyId};
use kernel::ports::Factor;
use platform::personal;
use serde_json::Value;
use uuid::Uuid;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, DiscoverableKey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, WebauthnError,
};

use super::guess::{self, Limit};
use super::letters::write_addressed;
use super::noted;
use super::session::{self, Beginning, Granted, Visitor};
use super::totp::{FactorNoted, notice};
use crate::Accounts;
use crate::domain::{Account, LetterKind, attempt};
use crate::error::{AccountError, Invalid};
use crate::store::accounts as stored;
use crate::store::passkeys::{self, StoredPasskey};
use crate::store::personal::of_passkey;

/// The most passkeys of an account.
pub(crate) const PASSKEYS_MAX: i64 = 20;
/// How long a browser may take.
const CEREMONY_MAX: TimeDelta = TimeDelta::minutes(5);
/// The most characters of a passkey's name.
const NAME_CHARS_MAX: usize = 100;

/// What a browser is asked, and by what its answer is known.
pub(crate) struct Asked {
    pub ceremony: Uuid,
    /// What goes to `navigator.credentials`.
    pub options: Value,
}

/// Asks a browser to make a passkey.
pub(crate) async fn begin_registration(
    accounts: &Accounts,
    account: &Account,
) -> Result<Asked, AccountError> {
    let known = passkeys::of_owner(accounts.db(), account.id, PASSKEYS_MAX).await?;
    let known = known.iter().map(|passkey| passkey.credential.cred_id().clone()).collect();
    let (email, name) = (account.email.as_deref(), account.name.as_deref());
    let (options, state) = accounts.passkeys().start_passkey_registration(
        account.id.uuid(),
        email.unwrap_or_default(),
        name.unwrap_or_default(),
        Some(known),
    )?;
    let mut options = serde_json::to_value(options).map_err(|_| AccountError::Sealing)?;
    // Without it the authenticator need not know whose passkey it is, and login could not do
    // without a name.
    let selection = &mut options["publicKey"]["authenticatorSelection"];
    selection["residentKey"] = "required".into();
    selection["requireResidentKey"] = true.into();
    open(accounts, Some(account.id), options, &state).await
}

/// Stores the passkey that a browser has made.
pub(crate) async fn finish_registration(
    accounts: &Accounts,
    account: &Account,
    ceremony: Uuid,
    name: &str,
    answer: &RegisterPublicKeyCredential,
    client: IpAddr,
) -> Result<StoredPasskey, AccountError> {
    let chars = name.chars().count();
    if !(1..=NAME_CHARS_MAX).contains(&chars) || name.chars().any(char::is_control) {
        let message = "must be 1 to 100 characters without control characters";
        return Err(Invalid { field: "name", message }.into());
    }
    let (asked, state) = close::<PasskeyRegistration>(accounts, ceremony).await?;
    if asked != Some(account.id) {
        return Err(AccountError::PasskeyRefused);
    }
    let credential = accounts.passkeys().finish_passkey_registration(answer, &state)?;
    let (id, key) = (PasskeyId::new(), accounts.key(account.id).await?);
    let sealed = personal::seal(&key, &of_passkey(id), &name)?;
    let notice = notice(accounts, account, LetterKind::FactorAdded).await?;
    let mut tx = accounts.db().begin("auth.passkey").await?;
    if passkeys::count(&mut tx, account.id).await? >= PASSKEYS_MAX {
        return Err(AccountError::TooMany { what: "passkeys of an account", most: PASSKEYS_MAX });
    }
    if !passkeys::insert(&mut tx, id, account.id, &sealed, &credential).await? {
        return Err(AccountError::FactorThere);
    }
    write_addressed(accounts, &mut tx, &notice).await?;
    let made = FactorNoted { factor: "passkey", passkey: Some(id) };
    noted::note(&mut tx, account, client, "account.factor_add", &made).await?;
    let made_at = tx.now();
    tx.commit().await?;
    Ok(StoredPasskey { id, name: name.to_owned(), made_at, last_used_at: None, credential })
}

/// Asks a browser to log in with whichever passkey of the shop it has.
pub(crate) async fn begin_login(
    accounts: &Accounts,
    visitor: &Visitor,
) -> Result<Asked, AccountError> {
    let client = attempt::client(visitor.device.address);
    let most = accounts.settings().address_failures_max;
    guess::count_each(accounts, &[Limit::of("passkey", &client, most)]).await?;
    let (options, state) = accounts.passkeys().start_discoverable_authentication()?;
    let mut options = serde_json::to_value(options).map_err(|_| AccountError::Sealing)?;
    if let Some(options) = options.as_object_mut() {
        // Whether it is asked in a form or by a button is the page's business.
        options.remove("mediation");
    }
    open(accounts, None, options, &state).await
}

/// Begins a session for whoever's passkey signed. It asked for its owner, so it is two factors.
pub(crate) async fn finish_login(
    accounts: &Accounts,
    ceremony: Uuid,
    answer: &PublicKeyCredential,
    visitor: &Visitor,
) -> Result<Granted, AccountError> {
    let (_, state) = close::<DiscoverableAuthentication>(accounts, ceremony).await?;
    let (owner, credential_id) =
        accounts.passkeys().identify_discoverable_authentication(answer)?;
    let signer = passkeys::by_credential(accounts.db(), credential_id).await?;
    let signer = signer.filter(|signer| signer.customer == CustomerId::from(owner));
    let signer = signer.ok_or(AccountError::PasskeyRefused)?;
    let key = DiscoverableKey::from(&signer.credential);
    let result = accounts.passkeys().finish_discoverable_authentication_v2(answer, state, &key);
    if matches!(result, Err(WebauthnError::CredentialPossibleCompromise)) {
        tracing::warn!(passkey = %signer.id, "the counter of a passkey went back: it may be copied");
    }
    let result = result?;
    let mut after = signer.credential.clone();
    after.update_credential(&result);

    let account = stored::find(accounts.db(), signer.customer).await?;
    let account = account.filter(|account| account.email.is_some());
    let account = account.ok_or(AccountError::PasskeyRefused)?;
    let beginning = Beginning::of(accounts, account.id, &visitor.device).await?;

    let mut tx = accounts.db().begin("auth.passkey.login").await?;
    if !passkeys::used(&mut tx, signer.id, &signer.credential, &after).await? {
        return Err(AccountError::PasskeyRefused);
    }
    let factors = [Factor::Webauthn];
    let granted = session::begin(accounts, &mut tx, account, &factors, beginning, visitor).await?;
    tx.commit().await?;
    Ok(granted)
}

/// Removes a passkey of one's own.
pub(crate) async fn remove(
    accounts: &Accounts,
    account: &Account,
    id: PasskeyId,
    client: IpAddr,
) -> Result<(), AccountError> {
    let notice = notice(accounts, account, LetterKind::FactorRemoved).await?;
    let mut tx = accounts.db().begin("auth.passkey").await?;
    if !passkeys::delete(&mut tx, id, account.id).await? {
        return Err(AccountError::Absent("passkey of yours"));
    }
    write_addressed(accounts, &mut tx, &notice).await?;
    let gone = FactorNoted { factor: "passkey", passkey: Some(id) };
    noted::note_removed(&mut tx, account, client, &gone).await?;
    Ok(tx.commit().await?)
}

async fn open(
    accounts: &Accounts,
    customer: Option<CustomerId>,
    options: Value,
    state: &impl serde::Serialize,
) -> Result<Asked, AccountError> {
    let ceremony = Uuid::now_v7();
    let mut tx = accounts.db().begin("auth.passkey.ask").await?;
    let until = tx.now() + CEREMONY_MAX;
    passkeys::open(&mut tx, ceremony, customer, state, until).await?;
    tx.commit().await?;
    Ok(Asked { ceremony, options })
}

async fn close<T: serde::de::DeserializeOwned + Send + Sync + Unpin + 'static>(
    accounts: &Accounts,
    ceremony: Uuid,
) -> Result<(Option<CustomerId>, T), AccountError> {
    let mut tx = accounts.db().begin("auth.passkey.answer").await?;
    let closed = passkeys::close(&mut tx, ceremony).await?;
    tx.commit().await?;
    closed.ok_or(AccountError::PasskeyRefused)
}
