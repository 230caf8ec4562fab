//! What must always hold of the vault.

use platform::verify::Check;

use crate::domain::seal;
use crate::error::Error;
use crate::{Vault, store};

/// How many cards are read at once.
const PAGE: i64 = 500;

/// Opens every card. A card that does not open is named by its token.
pub async fn verify(vault: &Vault) -> Result<Vec<Check>, Error> {
    let mut check = Check::new("a card opens under its key, and is the one that its token says");
    let mut after = String::new();
    loop {
        let page = store::sealed_after(&vault.db, &after, PAGE).await?;
        let Some((last, ..)) = page.last() else { return Ok(vec![check]) };
        after.clone_from(last);
        for (token, id, sealed, fingerprint, last4) in &page {
            let Ok(key) = vault.keys.by_id(*id).await else {
                check.row(false, || token.clone());
                continue;
            };
            let number = seal::unseal(&key, token, sealed);
            let is_right = number.is_some_and(|number| {
                number.last4() == *last4
                    && seal::fingerprint(vault.keys.fingerprint(), &number) == *fingerprint
            });
            check.row(is_right, || token.clone());
        }
    }
}
