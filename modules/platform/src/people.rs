//! What happens to people, as modules hear of it: a guest logs in and is an account from then on, and somebody is
//! erased.

use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::{CustomerErased, GuestMerged};
use kernel::id::CustomerId;
use kernel::ports::Purpose;

use crate::bus::{HandlerError, Reaction, Subscription, Topic};
use crate::sql::{Db, Error, Result, Tx};

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
            let merged = merged?;
            let customer_id = merged.customer_id;
            self.0.adopt(tx, merged).await?;
            // This may be heard late, and after the account was erased.
            if is_erased(tx.db(), customer_id).await? {
                self.0.erase(tx, CustomerErased { customer_id, with_records: false }).await?;
            }
        }
        Ok(())
    }
}

/// Whether somebody's keys are destroyed, as far as this database knows keys of people.
async fn is_erased(db: &Db, person: CustomerId) -> Result<bool> {
    let Ok(people) = db.people() else { return Ok(false) };
    match people.key(person, Purpose::Service).await {
        Ok(_) => Ok(false),
        Err(Error::Erased) => Ok(true),
        Err(error) => Err(error),
    }
}
