//! What happens to people, as modules hear of it: a guest logs in and is an account from then on, and somebody is
//! erased.

use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::{CustomerErased, GuestMerged};

use crate::bus::{HandlerError, Reaction, Subscription, Topic};
use crate::sql::{Db, Result, Tx};

/// What a module keeps about people.
#[async_trait]
pub trait Keeps: Send + Sync + 'static {
    /// Lets it go of somebody who was erased.
    async fn erase(&self, tx: &mut Tx, erased: CustomerErased) -> Result<()>;

    /// What is about a guest is about the account that they logged in to.
    async fn adopt(&self, tx: &mut Tx, merged: GuestMerged) -> Result<()>;
}

/// The subscription of a module that keeps something about people.
pub fn subscription(name: &'static str, db: &Db, keeps: impl Keeps) -> Subscription {
    let topics = [Topic::of::<CustomerErased>(), Topic::of::<GuestMerged>()];
    Subscription::reaction(name, db, topics, Follow(keeps))
}

struct Follow<K>(K);

#[async_trait]
impl<K: Keeps> Reaction for Follow<K> {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> std::result::Result<(), HandlerError> {
        if let Some(erased) = event.open::<CustomerErased>() {
            self.0.erase(tx, erased?).await?;
        } else if let Some(merged) = event.open::<GuestMerged>() {
            self.0.adopt(tx, merged?).await?;
        }
        Ok(())
    }
}
