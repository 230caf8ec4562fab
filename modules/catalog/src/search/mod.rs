//! Full-text search: an index of this node, made from the products and kept fresh by the events.
//!
//! The index holds no product. It gives ids in an order, and the products are read from the
//! database. Its last commit says up to which event it has come and of which building it is
//! (`generation:pos`), so it needs no other memory: whatever is missing, broken or of another
//! building is made again from the products table.

mod build;
mod follow;
mod query;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use platform::sql;
use tantivy::{IndexReader, IndexWriter, TantivyDocument, TantivyError};
use uuid::Uuid;

pub(crate) use build::Fields;
pub(crate) use query::{Asked, Hit};

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

/// How far the index has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    generation: Uuid,
    pos: i64,
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

/// The search index of this node. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SearchIndex(Arc<Inner>);

struct Inner {
    reader: IndexReader,
    fields: Fields,
    writer: Mutex<IndexWriter<TantivyDocument>>,
    position: RwLock<Option<Position>>,
    /// Held by whoever brings the index up to date.
    following: tokio::sync::Mutex<()>,
}

impl SearchIndex {
    /// Opens the index in a folder. One that is missing or broken is replaced by an empty one,
    /// which the follower builds.
    pub(crate) async fn open(folder: &Path) -> Result<Self, SearchError> {
        let folder = folder.to_owned();
        tokio::task::spawn_blocking(move || build::open(&folder)).await?
    }

    /// How many products can be found.
    pub(crate) fn count(&self) -> u64 {
        self.0.reader.searcher().num_docs()
    }

    pub(crate) fn position(&self) -> Option<Position> {
        *self.0.position.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn stand_at(&self, position: Option<Position>) {
        *self.0.position.write().unwrap_or_else(PoisonError::into_inner) = position;
    }

    /// Changes the index on a thread that may block, and commits.
    async fn write(
        &self,
        position: Option<Position>,
        work: impl FnOnce(&mut IndexWriter<TantivyDocument>, &Fields) -> tantivy::Result<()>
        + Send
        + 'static,
    ) -> Result<(), SearchError> {
        let index = self.clone();
        let written = tokio::task::spawn_blocking(move || {
            let mut writer = index.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let outcome = work(&mut writer, &index.0.fields).and_then(|()| match position {
                None => Ok(()),
                Some(position) => {
                    let mut commit = writer.prepare_commit()?;
                    commit.set_payload(&position.payload());
                    commit.commit()?;
                    index.0.reader.reload()
                }
            });
            if outcome.is_err() {
                // What was begun must not end up in a later commit.
                writer.rollback()?;
            }
            outcome
        });
        written.await??;
        if position.is_some() {
            self.stand_at(position);
        }
        Ok(())
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
