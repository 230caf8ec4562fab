//! Gift cards of the staff: issued, blocked, corrected as store credit is.

use kernel::events::{CreditAdjusted, CreditIssued};
use kernel::id::{CreditAccountId, CustomerId};
use kernel::ports::CreditKind;
use kernel::{Money, Timestamp};
use platform::audit::{Actor, Entry, record};
use platform::random;
use platform::sql::Tx;
use serde::Serialize;

use crate::Credits;
use crate::domain::account::{Account, State};
use crate::domain::code::Code;
use crate::domain::movement::{Kind, NewMovement};
use crate::error::{Error, Result};
use crate::store;

/// What the audit log keeps of an amount.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    pub amount: Money,
    pub reason: Option<&'a str>,
}

#[derive(Serialize)]
struct Standing {
    state: State,
}

/// Issues a gift card for nothing, once for the key. Its code is told by the first call alone: nobody can read it out
/// of what is kept.
pub async fn issue(
    credits: &Credits,
    amount: Money,
    expires_at: Option<Timestamp>,
    reason: Option<&str>,
    key: &str,
    actor: &Actor,
) -> Result<(Account, Option<Code>)> {
    let mut tx = credits.db.begin("credit.issue").await?;
    if let Some(known) = known(&mut tx, key, amount).await? {
        tx.commit().await?;
        return Ok((known, None));
    }
    let code = Code::of(&random::bytes());
    let card = Account {
        id: CreditAccountId::new(),
        kind: CreditKind::GiftCard,
        last4: Some(code.last4()),
        customer_id: None,
        currency: amount.currency(),
        value_minor: amount.minor(),
        spent_minor: 0,
        state: State::Active,
        expires_at,
        version: 1,
        created_at: tx.now(),
    };
    store::insert_card(&mut tx, &card, &code).await?;
    let event = CreditIssued {
        account_id: card.id,
        kind: card.kind,
        amount,
        order_id: None,
        change_id: None,
    };
    tx.emit(&event, card.version)?;
    if !store::post(&mut tx, &[by_staff(card.id, Kind::Issue, amount, key, reason)]).await? {
        return Err(Error::Stale);
    }
    let entry = Entry::created("credit.issue", card.id.uuid(), &Told { amount, reason })?;
    record(&mut tx, actor, &[entry]).await?;
    tx.commit().await?;
    Ok((card, Some(code)))
}

/// Corrects what is left of a gift card or store credit, once for the key.
pub async fn adjust(
    credits: &Credits,
    id: CreditAccountId,
    amount: Money,
    reason: &str,
    key: &str,
    actor: &Actor,
) -> Result<Account> {
    let mut tx = credits.db.begin("credit.adjust").await?;
    if let Some(known) = known(&mut tx, key, amount).await? {
        tx.commit().await?;
        return Ok(known);
    }
    let account = held(&mut tx, id).await?;
    let Some(version) = store::add(&mut tx, id, amount.minor()).await? else {
        return Err(match account.state {
            State::Expired => Error::State(account.state),
            State::Active | State::Blocked => Error::TooMuch(account.balance()),
        });
    };
    let kind = account.kind;
    let event = CreditAdjusted { account_id: id, kind, amount, order_id: None, change_id: None };
    tx.emit(&event, version)?;
    if !store::post(&mut tx, &[by_staff(id, Kind::Adjust, amount, key, Some(reason))]).await? {
        return Err(Error::Stale);
    }
    let told = Told { amount, reason: Some(reason) };
    let about = account.customer_id.map_or(id.uuid(), CustomerId::uuid);
    record(&mut tx, actor, &[Entry::done("credit.adjust", about, &told)?]).await?;
    let account = held(&mut tx, id).await?;
    tx.commit().await?;
    Ok(account)
}

/// Blocks a gift card, or lets it be used again; twice is once.
pub async fn switch(
    credits: &Credits,
    id: CreditAccountId,
    to: State,
    actor: &Actor,
) -> Result<Account> {
    let mut tx = credits.db.begin("credit.switch").await?;
    let mut card = held(&mut tx, id).await?;
    if card.state == State::Expired {
        return Err(Error::State(card.state));
    }
    if card.state != to {
        store::switch(&mut tx, id, to).await?;
        let (before, after) = (Standing { state: card.state }, Standing { state: to });
        let entry = Entry::changed("credit.block", id.uuid(), &before, &after)?;
        record(&mut tx, actor, &[entry]).await?;
        card.state = to;
    }
    tx.commit().await?;
    Ok(card)
}

async fn held(tx: &mut Tx, id: CreditAccountId) -> Result<Account> {
    store::held(tx, id).await?.ok_or(Error::NotFound(id))
}

/// The account of a command that was done before.
pub(super) async fn known(tx: &mut Tx, key: &str, amount: Money) -> Result<Option<Account>> {
    let Some(movement) = store::by_key(tx, key).await? else { return Ok(None) };
    let account = store::held(tx, movement.account_id).await?;
    let currency = account.as_ref().map(|account| account.balance().currency());
    if movement.amount_minor != amount.minor() || currency != Some(amount.currency()) {
        return Err(Error::KeyReused);
    }
    Ok(account)
}

pub(super) fn by_staff(
    account_id: CreditAccountId,
    kind: Kind,
    amount: Money,
    key: &str,
    reason: Option<&str>,
) -> NewMovement {
    NewMovement {
        account_id,
        kind,
        amount_minor: amount.minor(),
        order_id: None,
        change_id: None,
        key: key.to_owned(),
        reason: reason.map(str::to_owned),
    }
}
