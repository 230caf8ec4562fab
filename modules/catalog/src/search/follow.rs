//! Keeps the index up to date with the module's own events.

use std::collections::HashSet;

use platform::outbox;
use platform::sql::Db;
use uuid::Uuid;

use super::{Position, SearchError, SearchIndex, build};
use crate::store::searching;

/// How many events are indexed at a time.
const EVENTS_MAX: i64 = 1_000;
/// How many products are read at a time when the index is built.
const PAGE: i64 = 500;

impl SearchIndex {
    /// One round of the follower: builds the index if another building is wanted, or else indexes
    /// what changed. Answers whether there may be more.
    pub(crate) async fn follow(&self, db: &Db) -> Result<bool, SearchError> {
        let _alone = self.0.following.lock().await;
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
        let Some(last) = events.last() else { return Ok(false) };
        let changed: HashSet<Uuid> = events.iter().map(|event| event.envelope.subject).collect();
        let changed = searching::found_as(db, changed).await?;
        let sources = searching::sources(db, &changed).await?;
        let more = i64::try_from(events.len()) == Ok(EVENTS_MAX);
        let position = Position { pos: last.pos, ..position };
        self.write(Some(position), move |writer, fields| {
            for id in changed {
                writer.delete_term(build::key(fields, id));
            }
            for source in &sources {
                writer.add_document(build::document(fields, source))?;
            }
            Ok(())
        })
        .await?;
        Ok(more)
    }

    /// Builds the index from the products. What it had is found until the new one is complete;
    /// what changes meanwhile comes after the noted position and is indexed again.
    async fn build(&self, db: &Db, generation: Uuid) -> Result<(), SearchError> {
        let position = Position { generation, pos: outbox::last(db).await? };
        tracing::info!(pos = position.pos, "building the search index");
        self.write(None, |writer, _| writer.delete_all_documents().map(drop)).await?;
        let mut after = Uuid::nil();
        loop {
            let page = searching::page(db, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = *last;
            let sources = searching::sources(db, &page).await?;
            self.write(None, move |writer, fields| {
                sources.iter().try_for_each(|source| {
                    writer.add_document(build::document(fields, source)).map(drop)
                })
            })
            .await?;
        }
        self.write(Some(position), |_, _| Ok(())).await?;
        tracing::info!(products = self.count(), "the search index is built");
        Ok(())
    }

    /// Whether the index has all that is committed.
    pub(crate) async fn caught_up(&self, db: &Db) -> Result<bool, SearchError> {
        let wanted =
            Position { generation: searching::generation(db).await?, pos: outbox::last(db).await? };
        Ok(self.position() == Some(wanted))
    }
}
