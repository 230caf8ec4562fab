//! What people who work in the shop do to their own accounts is in the audit log. What shoppers do to
//! theirs is nobody's business.

use std::net::IpAddr;

use platform::audit::{Actor, Entry, record};
use platform::sql::{Result, Tx};
use serde::Serialize;

use crate::domain::Account;

/// What the log keeps of what has a secret or something personal for its content: by what its owner was
/// known.
#[derive(Serialize)]
pub(super) struct By {
    pub by: &'static str,
}

/// Notes what an owner did to an account, with what may be told of it.
pub(super) async fn note(
    tx: &mut Tx,
    owner: &Account,
    client: IpAddr,
    action: &'static str,
    told: &impl Serialize,
) -> Result<()> {
    let entry = || Entry::done(action, owner.id.uuid(), told);
    write(tx, owner, client, entry).await
}

/// Notes a second factor that its owner took away.
pub(super) async fn note_removed(
    tx: &mut Tx,
    owner: &Account,
    client: IpAddr,
    factor: &impl Serialize,
) -> Result<()> {
    let entry = || Entry::deleted("account.factor_remove", owner.id.uuid(), factor);
    write(tx, owner, client, entry).await
}

async fn write(
    tx: &mut Tx,
    owner: &Account,
    client: IpAddr,
    entry: impl FnOnce() -> Result<Entry>,
) -> Result<()> {
    if !owner.works_here() {
        return Ok(());
    }
    record(tx, &Actor::person(owner.id, Some(client)), &[entry()?]).await
}
