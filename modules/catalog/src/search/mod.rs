//! Full-text search: an index of this node, made from the products and kept fresh by the events.
//!
//! The index holds no product. It gives ids in an order, and the products are read from the
//! database. Its last commit says up to which event it has come and of which building it is
//! (`generation:pos`), so it needs no other memory: whatever is missing, broken or of another
//! building is made again from the products table, beside the one in use.
//!
//! A search reads one *edition* of the index, as it was at one commit. An edition from which a
//! next page was promised is kept for a while, so that paging sees every product once.

mod browse;
mod columns;
mod document;
mod edition;
mod explain;
mod facets;
mod filter;
mod find;
mod folder;
mod follow;
mod kept;
mod order;
mod plan;
mod scan;
mod schema;
mod spelling;
mod suggest;
mod synonyms;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use platform::sql;
use tantivy::TantivyError;
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

use edition::Editions;
use folder::Building;
use kept::Kept;
use synonyms::Synonyms;

use crate::domain::Ranking;

pub use explain::Explanation;
pub use facets::{FacetValue, Facets, PriceBucket, PriceFacet, StockFacet};
pub use filter::Audience;
pub(crate) use filter::{Collected, Filters, Narrowing, PriceRange};
pub(crate) use find::{Asked, Found};
pub(crate) use order::{Key, Place};

/// Why the search index did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Another program writes to the folder.
    #[error("the search index {} is in use by another program", .0.display())]
    InUse(PathBuf),
    /// The folder cannot be used.
    #[error("the search index {}: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The index has not been built yet; it is being built.
    #[error("the search index is being built")]
    NotBuilt,
    /// The search took longer than any may.
    #[error("the search takes too long")]
    TooCostly,
    /// The place to go on from is of another order.
    #[error("the place is of another order")]
    WrongPlace,
    /// The engine failed.
    #[error("the search index: {0}")]
    Engine(#[from] TantivyError),
    /// The work was interrupted.
    #[error("the search index: its work was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] sql::Error),
}

impl From<std::io::Error> for SearchError {
    fn from(error: std::io::Error) -> Self {
        Self::Engine(error.into())
    }
}

/// How far the index has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    generation: Uuid,
    pub pos: i64,
}

impl Position {
    fn payload(self) -> String {
        format!("{}:{}", self.generation, self.pos)
    }

    fn parse(payload: &str) -> Option<Self> {
        let (generation, pos) = payload.split_once(':')?;
        Some(Self { generation: generation.parse().ok()?, pos: pos.parse().ok()? })
    }
}

/// What the index is told of the shop besides its products.
#[derive(Debug, Default)]
struct Knowledge {
    synonyms: Synonyms,
    /// The attributes that are facets, as `attr.NAME`.
    facets: Vec<String>,
}

/// The search index of this node. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SearchIndex {
    inner: Arc<Inner>,
    ranking: Arc<Ranking>,
}

struct Inner {
    root: PathBuf,
    languages: Vec<String>,
    building: RwLock<Arc<Building>>,
    editions: Editions,
    kept: Kept,
    /// None until it was first read.
    knowledge: RwLock<Option<Arc<Knowledge>>>,
    /// Up to which event it has come.
    reached: watch::Sender<i64>,
    /// A place for each search that may run at a time.
    threads: Semaphore,
    /// Held by whoever brings the index up to date.
    following: tokio::sync::Mutex<()>,
}

impl SearchIndex {
    /// Opens the index in a folder. One that is missing or broken is replaced by an empty one,
    /// which the follower builds.
    pub(crate) async fn open(
        root: &Path,
        languages: Vec<String>,
        ranking: Ranking,
    ) -> Result<Self, SearchError> {
        let root = root.to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            let building = folder::open(&root, &languages)?;
            Ok::<_, SearchError>((root, languages, building))
        });
        let (root, languages, building) = opened.await??;
        let at_once = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let index = Self {
            inner: Arc::new(Inner {
                root,
                languages,
                editions: Editions::new(&building)?,
                kept: Kept::default(),
                building: RwLock::new(Arc::new(building)),
                knowledge: RwLock::default(),
                reached: watch::Sender::new(0),
                threads: Semaphore::new(at_once),
                following: tokio::sync::Mutex::new(()),
            }),
            ranking: Arc::new(ranking),
        };
        index.tell_reached();
        Ok(index)
    }

    /// The same index with another ranking.
    pub(crate) fn ranked(&self, ranking: Ranking) -> Self {
        Self { inner: self.inner.clone(), ranking: Arc::new(ranking) }
    }

    fn ranking(&self) -> &Ranking {
        &self.ranking
    }

    fn building(&self) -> Arc<Building> {
        self.inner.building.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn knowledge(&self) -> Arc<Knowledge> {
        let known = self.inner.knowledge.read().unwrap_or_else(PoisonError::into_inner).clone();
        known.unwrap_or_default()
    }

    /// How many products shoppers can find.
    pub(crate) fn count(&self) -> u64 {
        let mut count = 0;
        for segment in &self.inner.editions.latest().segments {
            let alive = segment.reader.doc_ids_alive();
            count += alive.filter(|doc| segment.columns.shown.first(*doc) == Some(true)).count();
        }
        count as u64
    }

    pub(crate) fn position(&self) -> Option<Position> {
        *self.building().position.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What lists are made of now.
    pub(crate) fn latest_edition(&self) -> Uuid {
        self.inner.editions.latest().id
    }

    fn tell_reached(&self) {
        let pos = self.position().map_or(0, |position| position.pos);
        self.inner.reached.send_replace(pos);
    }

    /// Waits until the index has come up to an event, for so long at most; whether it has.
    pub(crate) async fn wait_for(&self, pos: i64, at_most: Duration) -> bool {
        let mut reached = self.inner.reached.subscribe();
        let waited = tokio::time::timeout(at_most, reached.wait_for(|reached| *reached >= pos));
        waited.await.is_ok_and(|waited| waited.is_ok())
    }

    /// Does the work of a search on a thread that may block, of which there are as many at a time
    /// as there are processors.
    async fn on_search_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, SearchError> + Send + 'static,
    ) -> Result<T, SearchError> {
        if self.position().is_none() {
            return Err(SearchError::NotBuilt);
        }
        // The semaphore is never closed.
        let _place = self.inner.threads.acquire().await.ok();
        tokio::task::spawn_blocking(work).await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_gives_its_position_back() {
        let position = Position { generation: Uuid::max(), pos: 7 };
        assert_eq!(Position::parse(&position.payload()), Some(position));
        assert_eq!(Position::parse(""), None);
        assert_eq!(Position::parse("1:2"), None);
    }
}
