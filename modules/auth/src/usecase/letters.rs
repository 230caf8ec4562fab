use kernel::events::LetterWritten;
use kernel::id::{CustomerId, LetterId};
use platform::sql::Tx;

use crate::Accounts;
use crate::domain::LetterKind;
use crate::error::AccountError;
use crate::store::letters;

/// Writes a letter in the unit of work of what it tells of; the bus sends it. One that opens
/// something closes what those before it opened.
pub(super) async fn write(
    accounts: &Accounts,
    tx: &mut Tx,
    customer: CustomerId,
    kind: LetterKind,
    address: &str,
) -> Result<(), AccountError> {
    letters::supersede(tx, customer, kind).await?;
    put(accounts, tx, Some(customer), kind, address).await
}

/// Does the work of writing a letter, to nobody.
pub(super) async fn write_nothing(accounts: &Accounts, tx: &mut Tx) -> Result<(), AccountError> {
    letters::supersede(tx, CustomerId::new(), LetterKind::ResetPassword).await?;
    put(accounts, tx, None, LetterKind::Nothing, "").await
}

async fn put(
    accounts: &Accounts,
    tx: &mut Tx,
    customer: Option<CustomerId>,
    kind: LetterKind,
    address: &str,
) -> Result<(), AccountError> {
    let id = LetterId::new();
    let token = accounts.secrets().letter_token(id);
    letters::insert(tx, id, customer, kind, address, &token).await?;
    tx.emit(&LetterWritten { letter_id: id }, 1)?;
    Ok(())
}
