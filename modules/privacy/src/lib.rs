//! Keys of people. What other modules keep about somebody is sealed under a key of theirs
//! (`platform::personal`), which lies here and nowhere else, wrapped by a key that is kept outside of the
//! databases. Whoever is erased loses the key: from then on what is sealed says nothing, in the databases
//! and in every backup of them. So the backups of this one database are to be kept short.
//!
//! What the law wants kept has a key of its own and outlives the erasure.

mod error;
mod keys;
mod react;
mod rotate;
mod store;
mod verify;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use kernel::id::CustomerId;
use kernel::ports::{Keys, Purpose};
use platform::audit::Actor;
use platform::bus::Subscription;
use platform::module::Schema;
use platform::people;
use platform::sql::{self, Db, Tx};
use platform::verify::Check;
use uuid::Uuid;

use crate::keys::AtHand;

pub use error::Error;

platform::migrations! { "privacy": "0001_privacy" }

/// The tables of this module and the statements over them.
pub const SCHEMA: Schema = Schema {
    module: "privacy",
    migrations: MIGRATIONS,
    statements: &[store::STATEMENTS],
    guards: &[],
};

/// How many erasures are read at a time.
const ERASURES_PAGE: i64 = 1_000;

/// What of somebody was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erasure {
    /// Whether what the law wanted kept is gone too.
    pub records: bool,
}

/// The keys of people. Cheap to clone.
#[derive(Clone)]
pub struct Privacy(Arc<Inner>);

struct Inner {
    db: Db,
    wrapping: Arc<dyn Keys>,
    at_hand: AtHand,
}

impl Privacy {
    /// Over a database, with what wraps the keys in it. It is refused when a key that is there cannot be
    /// unwrapped: a shop that went on would have sealed under two, and could read only half of it.
    pub async fn open(db: Db, wrapping: Arc<dyn Keys>) -> Result<Self, Error> {
        let privacy = Self(Arc::new(Inner { db, wrapping, at_hand: AtHand::default() }));
        for (id, wrapped) in store::live_after(privacy.db(), Uuid::nil(), 1).await? {
            let unwrapped = privacy.unwrapped(id, &wrapped).await;
            unwrapped.map_err(|error| Error::OtherKeys(Box::new(error)))?;
        }
        Ok(privacy)
    }

    /// Whether a database has keys, so that what wrapped them must be there.
    pub async fn has_keys(db: &Db) -> Result<bool, Error> {
        Ok(!store::live_after(db, Uuid::nil(), 1).await?.is_empty())
    }

    /// Everybody whose keys were destroyed, guests among them. It reads a database alone, which may be of a shop that
    /// is not put together.
    pub async fn erasures(db: &Db) -> Result<BTreeMap<CustomerId, Erasure>, Error> {
        let (mut all, mut after) = (BTreeMap::new(), CustomerId::from(Uuid::nil()));
        loop {
            let page = store::erased_after(db, after, ERASURES_PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(all) };
            after = *last;
            all.extend(page.into_iter().map(|(who, records)| (who, Erasure { records })));
        }
    }

    /// Wraps every key again that the newest key that wraps did not wrap. Answers how many those were; what was
    /// cut short is gone on with by the next one.
    pub async fn rotate(&self, actor: &Actor) -> Result<u64, Error> {
        rotate::all(self, actor).await
    }

    /// What the module does with events: who is erased loses their keys, and who logs in takes along
    /// those of the guest they were.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        vec![people::subscription("privacy.keys", self.db(), self.clone())]
    }

    /// Destroys the keys of somebody, and those of what the law wants kept if that is wanted too. Other
    /// nodes may have a key at hand for a minute more.
    pub async fn erase(&self, person: CustomerId, with_records: bool) -> Result<(), Error> {
        let mut tx = self.db().begin("privacy.erase").await?;
        self.erase_in(&mut tx, person, with_records).await?;
        Ok(tx.commit().await?)
    }

    /// Whether anything was ever sealed for somebody.
    pub async fn is_known(&self, person: CustomerId) -> Result<bool, Error> {
        Ok(store::is_known(self.db(), person).await?)
    }

    /// Those of these keys that were never made here.
    pub async fn lost(&self, keys: &[Uuid]) -> Result<HashSet<Uuid>, Error> {
        let mut lost: HashSet<Uuid> = keys.iter().copied().collect();
        for (known, _) in store::by_ids(self.db(), keys).await? {
            lost.remove(&known);
        }
        Ok(lost)
    }

    /// Checks that every key can be unwrapped.
    pub async fn verify(&self) -> Result<Vec<Check>, Error> {
        verify::all(self).await
    }

    async fn erase_in(
        &self,
        tx: &mut Tx,
        person: CustomerId,
        with_records: bool,
    ) -> sql::Result<()> {
        let mut people = store::guests(tx, person).await?;
        people.push(person);
        let mut destroyed = store::destroy(tx, &people, Purpose::Service).await?;
        if with_records {
            destroyed.extend(store::destroy(tx, &people, Purpose::Records).await?);
        }
        self.forget(tx, destroyed);
        Ok(())
    }

    /// Makes what is sealed for a guest go with an account, at once where the account was erased before this was
    /// heard of.
    async fn merge_in(
        &self,
        tx: &mut Tx,
        guest: CustomerId,
        account: CustomerId,
    ) -> sql::Result<()> {
        store::merge(tx, guest, account).await?;
        let mut destroyed = Vec::new();
        for purpose in [Purpose::Service, Purpose::Records] {
            if store::is_closed(tx, account, purpose).await? {
                destroyed.extend(store::destroy(tx, &[guest], purpose).await?);
            }
        }
        self.forget(tx, destroyed);
        Ok(())
    }

    /// Keys that were destroyed are not at hand any more either, once that is on disk.
    fn forget(&self, tx: &mut Tx, destroyed: Vec<Uuid>) {
        let privacy = self.clone();
        tx.after_commit(move || privacy.0.at_hand.forget(&destroyed));
    }

    fn db(&self) -> &Db {
        &self.0.db
    }

    fn wrapping(&self) -> &dyn Keys {
        &*self.0.wrapping
    }
}
