//! Keeps the index up to date with the module's own events.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};

use kernel::events::{CategoryChanged, SearchPerformed};
use platform::outbox::{self, Published};
use platform::sql::Db;
use uuid::Uuid;

use super::folder::{self, Building};
use super::plan::{analyzer, tokens};
use super::schema::WORDS;
use super::{Knowledge, Position, SearchError, SearchIndex, document};
use crate::store::searching::Source;
use crate::store::{attributes, searching, synonyms};

/// How many events are indexed at a time: more make fewer segments, which have to be merged, and
/// fewer are found sooner.
const EVENTS_MAX: i64 = 1_500;
/// How many products are read at a time when the index is built.
const PAGE: usize = 500;

impl SearchIndex {
    /// One round of the follower: builds the index if another building is wanted, or else indexes
    /// what changed. Answers whether there may be more.
    pub(crate) async fn follow(&self, db: &Db) -> Result<bool, SearchError> {
        let _alone = self.inner.following.lock().await;
        let generation = searching::generation(db).await?;
        outbox::sequence(db).await?;
        let position = match self.position() {
            // An index that knows more than the outbox is of another database.
            Some(position)
                if position.generation == generation
                    && position.pos <= outbox::last(db).await? =>
            {
                position
            }
            _ => {
                self.build(db, generation).await?;
                return Ok(true);
            }
        };
        let events = outbox::read_after(db, position.pos, EVENTS_MAX).await?;
        let knows = self.inner.knowledge.read().unwrap_or_else(PoisonError::into_inner).is_some();
        if !events.is_empty() || !knows {
            self.learn(db).await?;
        }
        let Some(last) = events.last() else { return Ok(false) };
        let of_category = |event: &&Published| event.envelope.is::<CategoryChanged>();
        let (of_categories, others): (Vec<_>, Vec<_>) = events.iter().partition(of_category);
        let subjects = |events: Vec<&Published>| -> HashSet<Uuid> {
            events.into_iter().map(|event| event.envelope.subject).collect()
        };
        let mut changed = searching::found_as(db, subjects(others)).await?;
        if !of_categories.is_empty() {
            changed.extend(searching::found_in(db, subjects(of_categories)).await?);
            changed.sort_unstable();
            changed.dedup();
        }
        let more = i64::try_from(events.len()) == Ok(EVENTS_MAX);
        let position = Position { pos: last.pos, ..position };
        let building = self.building();
        for some in changed.chunks(PAGE) {
            let sources = searching::sources(db, some).await?;
            let (building, some) = (building.clone(), some.to_vec());
            tokio::task::spawn_blocking(move || index(&building, &some, &sources)).await??;
        }
        let index = self.clone();
        let differs = events.iter().any(|event| !event.envelope.is::<SearchPerformed>());
        tokio::task::spawn_blocking(move || {
            building.write(Some(position), |_, _| Ok(()))?;
            if differs {
                index.inner.editions.publish(&building)?;
            }
            building.stand_at(position);
            Ok::<_, SearchError>(())
        })
        .await??;
        self.tell_reached();
        Ok(more)
    }

    /// Builds the index from the products, beside the one in use, which is found until the new one
    /// is complete. What changes meanwhile comes after the noted position and is indexed again.
    async fn build(&self, db: &Db, generation: Uuid) -> Result<(), SearchError> {
        let position = Position { generation, pos: outbox::last(db).await? };
        tracing::info!(pos = position.pos, "building the search index");
        self.learn(db).await?;
        let (root, languages) = (self.inner.root.clone(), self.inner.languages.clone());
        let created = tokio::task::spawn_blocking(move || folder::create(&root, &languages));
        let building = Arc::new(created.await??);
        let mut after = Uuid::nil();
        loop {
            let page = searching::page(db, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = *last;
            let sources = searching::sources(db, &page).await?;
            let building = building.clone();
            tokio::task::spawn_blocking(move || index(&building, &[], &sources)).await??;
        }
        let index = self.clone();
        tokio::task::spawn_blocking(move || index.take_over(&building, position)).await??;
        tracing::info!(products = self.count(), "the search index is built");
        Ok(())
    }

    /// Makes a complete building the one in use.
    fn take_over(&self, building: &Arc<Building>, position: Position) -> Result<(), SearchError> {
        building.write(Some(position), |_, _| Ok(()))?;
        folder::make_current(&self.inner.root, building)?;
        self.inner.editions.publish(building)?;
        building.stand_at(position);
        let mut current = self.inner.building.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *current, building.clone());
        drop(current);
        // Editions of it that are kept read files that they hold open.
        drop(before);
        folder::remove_others(&self.inner.root, building);
        self.tell_reached();
        Ok(())
    }

    /// Reads what is to be known besides the products.
    async fn learn(&self, db: &Db) -> Result<(), SearchError> {
        let facets = attributes::read_all(db).await?.into_iter().filter(|known| known.facet);
        let facets = facets.map(|known| format!("attr.{}", known.code)).collect();
        let mut known = Knowledge { facets, ..Knowledge::default() };
        let analyzer = analyzer(&self.inner.editions.latest().searcher, WORDS)?;
        for synonym in synonyms::read_all(db).await? {
            for (term, other) in synonym.pairs() {
                let words = |text| tokens(&mut analyzer.clone(), text);
                known.synonyms.add(words(term), words(other));
            }
        }
        let mut knowledge = self.inner.knowledge.write().unwrap_or_else(PoisonError::into_inner);
        *knowledge = Some(Arc::new(known));
        Ok(())
    }

    /// Whether the index has all that is committed.
    pub(crate) async fn caught_up(&self, db: &Db) -> Result<bool, SearchError> {
        let wanted =
            Position { generation: searching::generation(db).await?, pos: outbox::last(db).await? };
        Ok(self.position() == Some(wanted))
    }
}

/// Takes products out of a building, and those of them in that there are; not yet committed.
fn index(building: &Building, out: &[Uuid], sources: &[Source]) -> Result<(), SearchError> {
    building.write(None, |writer, fields| {
        for id in out {
            writer.delete_term(document::key(fields, *id));
        }
        for source in sources {
            writer.add_document(document::document(fields, source))?;
        }
        Ok(())
    })
}
