use platform::sql::{Db, Error, Result};

use crate::secrets::Secrets;
use crate::store::accounts;

/// Whether accounts are found by this secret. With another one nobody could log in, and who tried to
/// register again would be let. Keys of people that cannot be asked now say nothing against it.
pub(crate) async fn finds_accounts(db: &Db, secrets: &Secrets) -> Result<bool> {
    match accounts::first(db).await {
        Ok(first) => {
            Ok(first.is_none_or(|(index, address)| secrets.email_index(&address) == index))
        }
        Err(Error::Keys(_)) => Ok(true),
        Err(error) => Err(error),
    }
}
