//! What a node does for the catalogue without being asked.

use std::time::Duration;

use platform::tasks::Tasks;

use crate::usecase::searches::TELL_EVERY;
use crate::{Catalog, PUBLISH_BATCH, usecase};

/// How often the events are looked for that make pages old, when no commit woke the follower.
const PAGES_POLL: Duration = Duration::from_secs(1);
/// How often products are ranked by what was sold of them.
const RANK_EVERY: Duration = Duration::from_mins(10);
/// How often products are looked for whose time has come.
const PUBLISH_POLL: Duration = Duration::from_secs(1);
/// How often prices are deleted that are older than is kept.
const TRIM_EVERY: Duration = Duration::from_hours(1);
/// How often prices are looked for that may be others now.
const PRICE_POLL: Duration = Duration::from_secs(1);

impl Catalog {
    /// Shows products whose time has come, does the imports that are asked for, and keeps the
    /// pages and the search index of this node up to date.
    pub fn start(&self, tasks: &Tasks) {
        let (pages, db) = (self.pages.clone(), self.db.clone());
        tasks.every("catalog.pages", PAGES_POLL, Some(self.db.published()), move || {
            let (pages, db) = (pages.clone(), db.clone());
            async move { pages.follow(&db).await }
        });
        let db = self.db.clone();
        tasks.every("catalog.publish", PUBLISH_POLL, None, move || {
            let db = db.clone();
            async move { usecase::publish::publish(&db).await.map(|shown| shown == PUBLISH_BATCH) }
        });
        let db = self.db.clone();
        tasks.every("catalog.prices", PRICE_POLL, None, move || {
            let db = db.clone();
            async move { usecase::pricing::price_due(&db).await }
        });
        let catalog = self.clone();
        tasks.every("catalog.price_history", TRIM_EVERY, None, move || {
            let catalog = catalog.clone();
            async move { catalog.trim_price_history().await }
        });
        let catalog = self.clone();
        tasks.every("catalog.popularity", RANK_EVERY, None, move || {
            let catalog = catalog.clone();
            async move { catalog.rank_by_sales().await.map(|()| false) }
        });
        let (searches, db) = (self.searches.clone(), self.db.clone());
        tasks.every("catalog.searches", TELL_EVERY, None, move || {
            let (searches, db) = (searches.clone(), db.clone());
            async move { searches.tell(&db).await.map(|()| false) }
        });
        if let Some(imports) = &self.imports {
            self.start_imports(imports, tasks);
        }
        let Some(search) = &self.search else { return };
        let (search, db) = (search.clone(), self.db.clone());
        let poll = Duration::from_millis(self.settings.search_poll_ms);
        tasks.every("catalog.search", poll, Some(self.db.published()), move || {
            let (search, db) = (search.clone(), db.clone());
            async move { search.follow(&db).await }
        });
    }
}
