//! What the shop can prove of its log: that what was written down is what is sealed.

use std::collections::HashSet;

use platform::seal::{self, Note};
use platform::sql::Db;
use uuid::Uuid;

use crate::domain::leaf;
use crate::error::Result;
use crate::{Notary, store};

/// How many entries are compared at a time.
const PAGE: u64 = 256;

/// What the log has of something that was written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seal {
    /// It waits to be sealed.
    Waiting,
    /// It is neither sealed nor waits.
    Missing,
    /// It is sealed at a place as it is now.
    Same(u64),
    /// It is sealed at a place, and its subject's key was destroyed.
    Forgotten(u64),
    /// It was changed since it was sealed at a place.
    Changed(u64),
}

impl Notary {
    /// What the log has of what a source of a module, such as `audit`, wrote down: one for each.
    pub async fn seals(&self, db: &Db, source: &str, notes: &[Note]) -> Result<Vec<Seal>> {
        let ids: Vec<Uuid> = notes.iter().map(|note| note.id).collect();
        // What waits is read first: it is sealed before it is deleted.
        let waiting: HashSet<Uuid> = seal::waiting(db, source, &ids).await?.into_iter().collect();
        let source = format!("{}.{source}", db.module());
        let sealed = store::of_source(self.db(), &source, &ids).await?;
        let key_ids: Vec<Uuid> =
            sealed.values().filter_map(|(_, leaf)| leaf::key_id(leaf)).collect();
        let keys = store::keys(self.db(), &key_ids).await?;
        let of = |note: &Note| {
            let Some((pos, leaf)) = sealed.get(&note.id) else {
                let waits = waiting.contains(&note.id);
                return Ok(if waits { Seal::Waiting } else { Seal::Missing });
            };
            let key = leaf::key_id(leaf).and_then(|id| Some((id, keys.get(&id)?)));
            Ok(match key {
                Some((_, None)) => Seal::Forgotten(*pos),
                Some((id, Some(key))) => {
                    // A key that does not open was changed, and so was what it sealed.
                    let key = self.opened(id, key).ok();
                    let sealed = key.and_then(|key| leaf::seal(&source, note, id, &key));
                    if sealed.as_ref() == Some(leaf) {
                        Seal::Same(*pos)
                    } else {
                        Seal::Changed(*pos)
                    }
                }
                None => Seal::Changed(*pos),
            })
        };
        notes.iter().map(of).collect()
    }

    /// How many places are given out.
    pub async fn places(&self) -> Result<u64> {
        Ok(store::head(self.db()).await?)
    }

    /// How many entries of a source of a module have a place before one.
    pub async fn sealed_of(&self, db: &Db, source: &str, before: u64) -> Result<u64> {
        Ok(store::count(self.db(), &format!("{}.{source}", db.module()), before).await?)
    }

    /// The places up to what is signed whose entry in the database is not the one in the log's files.
    pub async fn strangers(&self) -> Result<(u64, Vec<u64>)> {
        let size = self.head().await?.map_or(0, |head| head.checkpoint.size);
        let mut strangers = Vec::new();
        for bundle in 0..size.div_ceil(PAGE) {
            let signed = self.files(move |log| Ok(log.bundle(bundle, size)?)).await?;
            let from = bundle * PAGE;
            let stored = store::by_place(self.db(), from, signed.len() as u64).await?;
            let apart = (from..).zip(&signed).filter(|(pos, leaf)| stored.get(pos) != Some(*leaf));
            strangers.extend(apart.map(|(pos, _)| pos));
        }
        Ok((size, strangers))
    }
}
