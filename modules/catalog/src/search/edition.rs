//! Editions of the index: how it was at a commit.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tantivy::Searcher;
use tantivy::schema::Field;
use uuid::Uuid;

use super::columns::{Columns, Segment};
use super::folder::Building;
use super::schema::Fields;
use super::{SearchError, SearchIndex};
use crate::domain::real;

/// How many editions are kept for the next pages of lists.
const KEPT_MAX: usize = 32;
/// How long an edition is kept after the last page that was read of it.
const KEPT_FOR: Duration = Duration::from_mins(5);

/// The index as it was at a commit.
pub(super) struct Edition {
    pub id: Uuid,
    pub fields: Fields,
    pub searcher: Searcher,
    pub segments: Vec<Segment>,
    /// How many words each field of texts has on average.
    averages: HashMap<Field, f32>,
}

impl Edition {
    /// The latest of a building. What is known of segments that were there before is taken over.
    fn of(building: &Building, before: &[Segment]) -> Result<Arc<Self>, SearchError> {
        let (searcher, fields) = (building.reader.searcher(), building.fields.clone());
        let mut segments = Vec::with_capacity(searcher.segment_readers().len());
        for reader in searcher.segment_readers() {
            let known = before.iter().find(|it| it.reader.segment_id() == reader.segment_id());
            let columns = match known {
                Some(known) => known.columns.clone(),
                None => Arc::new(Columns::open(reader)?),
            };
            segments.push(Segment { reader: reader.clone(), columns });
        }
        let products = real(searcher.num_docs().max(1));
        let mut averages = HashMap::new();
        for field in fields.texts() {
            let mut words = 0;
            for segment in &segments {
                words += segment.reader.inverted_index(field)?.total_num_tokens();
            }
            averages.insert(field, real(words.max(1)) / products);
        }
        let id = Uuid::now_v7();
        Ok(Arc::new(Self { id, fields, searcher, segments, averages }))
    }

    /// How many words a field has on average.
    pub fn average(&self, field: Field) -> f32 {
        self.averages.get(&field).copied().unwrap_or(1.0)
    }
}

pub(super) struct Editions {
    latest: RwLock<Arc<Edition>>,
    /// Those of which a page more was promised, and when; the one that was read last comes last.
    kept: Mutex<VecDeque<(Instant, Arc<Edition>)>>,
}

impl Editions {
    pub fn new(building: &Building) -> Result<Self, SearchError> {
        let latest = RwLock::new(Edition::of(building, &[])?);
        Ok(Self { latest, kept: Mutex::default() })
    }

    pub fn latest(&self) -> Arc<Edition> {
        self.latest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes what a building has now the edition that is searched.
    pub fn publish(&self, building: &Building) -> Result<(), SearchError> {
        let edition = Edition::of(building, &self.latest().segments)?;
        *self.latest.write().unwrap_or_else(PoisonError::into_inner) = edition;
        self.forget_old(Instant::now());
        Ok(())
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
