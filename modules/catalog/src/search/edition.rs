//! Editions of the index: how it was at a commit.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tantivy::Searcher;
use uuid::Uuid;

use super::folder::Building;
use super::schema::Fields;
use super::{SearchError, SearchIndex};

/// How many editions are kept for the next pages of lists.
const KEPT_MAX: usize = 32;
/// How long an edition is kept after the last page that was read of it.
const KEPT_FOR: Duration = Duration::from_mins(5);

/// The index as it was at a commit.
pub(super) struct Edition {
    pub id: Uuid,
    pub fields: Fields,
    pub searcher: Searcher,
}

pub(super) struct Editions {
    latest: RwLock<Arc<Edition>>,
    /// Those of which a page more was promised, and when; the one that was read last comes last.
    kept: Mutex<VecDeque<(Instant, Arc<Edition>)>>,
}

fn edition(building: &Building) -> Arc<Edition> {
    Arc::new(Edition {
        id: Uuid::now_v7(),
        fields: building.fields.clone(),
        searcher: building.reader.searcher(),
    })
}

impl Editions {
    pub fn new(building: &Building) -> Self {
        Self { latest: RwLock::new(edition(building)), kept: Mutex::default() }
    }

    pub fn latest(&self) -> Arc<Edition> {
        self.latest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes what a building has now the edition that is searched.
    pub fn publish(&self, building: &Building) {
        *self.latest.write().unwrap_or_else(PoisonError::into_inner) = edition(building);
        self.forget_old(Instant::now());
    }

    fn forget_old(&self, now: Instant) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(at, _)| now.duration_since(*at) < KEPT_FOR);
    }

    fn find(&self, id: Uuid) -> Option<Arc<Edition>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().map(|(_, edition)| edition).find(|edition| edition.id == id).cloned()
    }

    fn keep(&self, edition: &Arc<Edition>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(_, known)| known.id != edition.id);
        if kept.len() == KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back((Instant::now(), edition.clone()));
    }
}

impl SearchIndex {
    /// The edition to be searched: the wanted one while it is kept, otherwise the latest.
    pub(super) fn edition(&self, wanted: Option<Uuid>) -> Result<Arc<Edition>, SearchError> {
        if self.position().is_none() {
            return Err(SearchError::NotBuilt);
        }
        let kept = wanted.and_then(|id| self.inner.editions.find(id));
        Ok(kept.unwrap_or_else(|| self.inner.editions.latest()))
    }

    /// Keeps an edition for the next page.
    pub(super) fn keep(&self, edition: &Arc<Edition>) {
        self.inner.editions.keep(edition);
    }
}
