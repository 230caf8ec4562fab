use kernel::events::LetterWritten;
use kernel::id::{CustomerId, LetterId};
use platform::personal;
use platform::sql::{self, Tx};

use crate::Accounts;
use crate::domain::{EmailIndex, LetterKind};
use crate::error::AccountError;
use crate::store::letters::{self, New};
use crate::store::personal::of_letter;

/// Writes a letter that opens something to the account's own address; the bus sends it, if that still is
/// the address. It closes what those before it opened.
pub(super) async fn write(
    accounts: &Accounts,
    tx: &mut Tx,
    customer: CustomerId,
    kind: LetterKind,
    to: &EmailIndex,
) -> Result<(), AccountError> {
    letters::supersede(tx, customer, kind).await?;
    let id = LetterId::new();
    put(accounts, tx, &New { id, customer: Some(customer), kind, to: Some(to), address: None })
        .await
}

/// A letter to an address whether that is the account's own or not when it is sent: somebody who takes an
/// account over and moves it away must not keep its owner from hearing of that.
pub(super) struct Addressed {
    id: LetterId,
    customer: CustomerId,
    kind: LetterKind,
    to: EmailIndex,
    sealed: String,
}

/// Seals the address of such a letter, before the unit of work.
pub(super) async fn address(
    accounts: &Accounts,
    customer: CustomerId,
    kind: LetterKind,
    address: &str,
) -> sql::Result<Addressed> {
    let (id, key) = (LetterId::new(), accounts.key(customer).await?);
    let sealed = personal::seal(&key, &of_letter(id), &address)?;
    let to = accounts.secrets().email_index(address);
    Ok(Addressed { id, customer, kind, to, sealed })
}

/// Writes it in the unit of work of what it tells of. One that opens something closes what those before it
/// opened; what was only told stays to be sent.
pub(super) async fn write_addressed(
    accounts: &Accounts,
    tx: &mut Tx,
    letter: &Addressed,
) -> Result<(), AccountError> {
    let Addressed { id, customer, kind, to, sealed } = letter;
    if kind.opens() {
        letters::supersede(tx, *customer, *kind).await?;
    }
    let (customer, address) = (Some(*customer), Some(sealed.as_str()));
    put(accounts, tx, &New { id: *id, customer, kind: *kind, to: Some(to), address }).await
}

/// Does the work of writing a letter, to nobody.
pub(super) async fn write_nothing(accounts: &Accounts, tx: &mut Tx) -> Result<(), AccountError> {
    letters::supersede(tx, CustomerId::new(), LetterKind::ResetPassword).await?;
    let (id, kind) = (LetterId::new(), LetterKind::Nothing);
    put(accounts, tx, &New { id, customer: None, kind, to: None, address: None }).await
}

async fn put(accounts: &Accounts, tx: &mut Tx, letter: &New<'_>) -> Result<(), AccountError> {
    let token = accounts.secrets().letter_token(letter.id);
    // Nobody writes to whoever was erased.
    if letters::insert(tx, letter, &token).await? {
        tx.emit(&LetterWritten { letter_id: letter.id }, 1)?;
    }
    Ok(())
}
