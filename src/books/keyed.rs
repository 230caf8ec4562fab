//! What is sealed about people against the keys of people.

use platform::personal::keys_named;
use platform::verify::Check;
use uuid::Uuid;

use super::PAGE;
use crate::app::Shop;
use crate::command::Failure;

/// Looks for keys that something is sealed under and that are not there. Those of who was erased are, destroyed.
pub async fn keyed(shop: &Shop) -> Result<Check, Failure> {
    let mut check = Check::new("the key of whatever is sealed about people is there or destroyed");
    let sealed = [
        (auth::SCHEMA.module, auth::SEALED),
        (order::SCHEMA.module, order::SEALED),
        (payment::SCHEMA.module, payment::SEALED),
    ];
    for (module, pages) in sealed {
        let db = shop.database(module)?;
        for page in pages {
            let mut after = Uuid::nil();
            while let Some((last, keys)) = keys_named(db, *page, after, PAGE.into()).await? {
                after = last;
                let lost = shop.privacy.lost(&keys).await?;
                for key in keys {
                    check.row(!lost.contains(&key), || format!("{key}, which {module} names"));
                }
            }
        }
    }
    Ok(check)
}
