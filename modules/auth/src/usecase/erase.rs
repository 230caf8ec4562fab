//! Somebody is erased: what the module keeps about them goes, and others hear of it.

use kernel::events::CustomerErased;
use kernel::id::CustomerId;
use platform::audit::{Actor, Entry, record};
use platform::sql::{self, Tx};
use serde::Serialize;

use super::api_keys;
use super::session::{self, Ended};
use crate::Accounts;
use crate::error::AccountError;
use crate::store::erase::{self as stored, Before};

/// What the audit log keeps of it.
#[derive(Serialize)]
struct Told {
    with_records: bool,
}

/// Erases somebody, whether they have an account, are a guest, or were introduced by another issuer. False
/// when that was done before, and with their records if those are to go.
pub(crate) async fn erase(
    accounts: &Accounts,
    person: CustomerId,
    with_records: bool,
    actor: &Actor,
) -> Result<bool, AccountError> {
    // A letter that is opened at the same time may be held by whoever waits for this.
    let erased = sql::retry(|| try_erase(accounts, person, with_records, actor)).await?;
    if erased {
        accounts.authority().refresh(accounts.db()).await?;
    }
    Ok(erased)
}

async fn try_erase(
    accounts: &Accounts,
    person: CustomerId,
    with_records: bool,
    actor: &Actor,
) -> Result<bool, AccountError> {
    let mut tx = accounts.db().begin("auth.erase").await?;
    if stored::hold_admins(&mut tx).await? == [person] {
        return Err(AccountError::LastAdmin);
    }
    let before = stored::hold(&mut tx, person).await?;
    if is_done(before, with_records) {
        return Ok(false);
    }
    let version = stored::erase(&mut tx, person, with_records).await?;
    session::end_others(accounts, &mut tx, person, None, Ended::Erased).await?;
    stored::drop_all(&mut tx, person).await?;
    api_keys::revoke_all(&mut tx, person, actor).await?;
    tell(&mut tx, person, with_records, version, actor).await?;
    tx.commit().await?;
    Ok(true)
}

/// The records of somebody may go long after the rest, when the law wants them no more.
fn is_done(before: Before, with_records: bool) -> bool {
    before.erased_at.is_some() && (!with_records || before.records_erased_at.is_some())
}

async fn tell(
    tx: &mut Tx,
    customer_id: CustomerId,
    with_records: bool,
    version: i64,
    actor: &Actor,
) -> Result<(), AccountError> {
    let entry = Entry::done("customer.erase", customer_id.uuid(), &Told { with_records })?;
    record(tx, actor, &[entry]).await?;
    tx.emit(&CustomerErased { customer_id, with_records }, version)?;
    Ok(())
}
