use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kernel::id::ProductId;
use platform::sql::{self, Db};

use crate::Catalog;
use crate::domain::Tally;

/// How often the counts are told: what a killed node loses of them at most.
pub(crate) const TELL_EVERY: Duration = Duration::from_secs(10);

/// The searches of this node that are not told yet. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Searches(Arc<Mutex<Tally>>);

impl Searches {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the search for a text.
    pub(crate) fn searched(&self, text: &str, found: bool) {
        self.tally().searched(text, found);
    }

    /// Tells what was counted, in one commit; if that fails it is told the next time.
    pub(crate) async fn tell(&self, db: &Db) -> sql::Result<()> {
        let tally = std::mem::take(&mut *self.tally());
        if tally.is_empty() {
            return Ok(());
        }
        let told = emit(db, &tally).await;
        if told.is_err() {
            self.tally().add(tally);
        }
        told
    }
}

async fn emit(db: &Db, tally: &Tally) -> sql::Result<()> {
    let mut tx = db.begin("catalog.searches").await?;
    for event in tally.events() {
        tx.emit(&event, 1)?;
    }
    tx.commit().await
}

impl Catalog {
    /// Counts a look at a product that the search for a text had found at a position, of which the
    /// first is 1.
    pub fn clicked(&self, text: &str, product: ProductId, position: i64) {
        self.searches.tally().clicked(text, product, position);
    }

    /// Tells the others what was searched for since it was last told. [`Catalog::start`] does so
    /// every ten seconds.
    pub async fn tell_searches(&self) -> sql::Result<()> {
        self.searches.tell(&self.db).await
    }
}
