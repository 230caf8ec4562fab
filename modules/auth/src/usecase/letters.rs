use kernel::events::LetterWritten;
use kernel::id::{CustomerId, LetterId};
use platform::personal;
use platform::sql::{self, Tx};

use crate::Accounts;
use crate::domain::{EmailIndex, LetterKind};
use crate::error::AccountError;
use crate::store::letters::{self, New};
use crate::store::personal::of_letter;

/// Writes a letter to the account's own address in the unit of work of what it tells of; the bus sends
/// it, if that still is the address. One that opens something closes what those before it opened.
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

/// A letter to an address that is not, or will not be, the account's own.
pub(super) struct Elsewhere {
    id: LetterId,
    customer: CustomerId,
    kind: LetterKind,
    to: EmailIndex,
    sealed: String,
}

/// Seals the address of such a letter, before the unit of work.
pub(super) async fn elsewhere(
    accounts: &Accounts,
    customer: CustomerId,
    kind: LetterKind,
    address: &str,
) -> sql::Result<Elsewhere> {
    let (id, key) = (LetterId::new(), accounts.key(customer).await?);
    let sealed = personal::seal(&key, &of_letter(id), &address)?;
    let to = accounts.secrets().email_index(address);
    Ok(Elsewhere { id, customer, kind, to, sealed })
}

/// Writes it.
pub(super) async fn write_elsewhere(
    accounts: &Accounts,
    tx: &mut Tx,
    letter: &Elsewhere,
) -> Result<(), AccountError> {
    let Elsewhere { id, customer, kind, to, sealed } = letter;
    letters::supersede(tx, *customer, *kind).await?;
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
    letters::insert(tx, letter, &token).await?;
    tx.emit(&LetterWritten { letter_id: letter.id }, 1)?;
    Ok(())
}
