//! A new key wraps the keys of people.

use platform::audit::{self, Actor, Entry};
use uuid::Uuid;

use crate::error::Error;
use crate::{Privacy, store};

/// How many keys are wrapped again with one commit.
const BATCH: i64 = 500;

/// Wraps all keys again that need it, and answers how many. One that cannot be unwrapped keeps none of the others
/// from it, and is the error then.
pub async fn all(privacy: &Privacy, actor: &Actor) -> Result<u64, Error> {
    let mut all = 0;
    // Who makes a key meanwhile may have begun before the newest one was there.
    loop {
        let (again, broken) = walk(privacy, actor).await?;
        if again == 0 {
            return broken.map_or(Ok(all), Err);
        }
        all += again;
    }
}

async fn walk(privacy: &Privacy, actor: &Actor) -> Result<(u64, Option<Error>), Error> {
    let (mut after, mut again, mut broken) = (Uuid::nil(), 0, None);
    loop {
        let page = store::live_after(privacy.db(), after, BATCH).await?;
        let Some((last, _)) = page.last() else { return Ok((again, broken)) };
        after = *last;
        let mut wrapped = Vec::new();
        for (id, before) in &page {
            match privacy.wrapped_again(*id, before).await {
                Ok(key) => wrapped.extend(key.map(|key| (*id, key))),
                Err(error) => broken = broken.or(Some(error)),
            }
        }
        if !wrapped.is_empty() {
            again += store_again(privacy, actor, &wrapped).await?;
        }
    }
}

async fn store_again(
    privacy: &Privacy,
    actor: &Actor,
    wrapped: &[(Uuid, Vec<u8>)],
) -> Result<u64, Error> {
    let mut tx = privacy.db().begin("privacy.rotate").await?;
    let again = store::wrap_again(&mut tx, wrapped).await?;
    let subject = audit::named("privacy", "person_key");
    audit::record(&mut tx, actor, &[Entry::done("privacy.rotate", subject, &again)?]).await?;
    tx.commit().await?;
    Ok(again)
}
