//! What was written down becomes part of the log: places are given out, files written, the checkpoint
//! swapped, and what is sealed is forgotten where it waited.
//!
//! Any node may die between any two of these, and several may run at once. A place is given out under
//! the lock of one row, in the commit that says what is there; from then on everything that is written
//! follows from the table, so that two nodes write the same files, and of two checkpoints that follow
//! the same one the second is refused. What waited is deleted after the checkpoint has it.

use chrono::TimeDelta;
use platform::audit::{self, Actor, Entry};
use platform::seal::{self, Unsealed};
use platform::sql::Db;
use serde_json::json;

use crate::domain::leaf;
use crate::error::{Error, LogError, Result};
use crate::log::Head;
use crate::{Notary, store};

/// How many notes of a module are sealed at a time.
const NOTES_MAX: i64 = 1_024;
/// How many entries are signed at a time.
const SIGNED_MAX: u64 = 4_096;

/// Notes of a module that wait.
pub(crate) struct Waiting {
    db: Db,
    notes: Vec<Unsealed>,
}

impl Notary {
    /// Seals what waits, a batch of it; answers whether there may be more.
    pub async fn seal(&self) -> Result<bool> {
        let waiting = self.waiting().await?;
        if waiting.is_empty() && self.head().await?.is_some() {
            return Ok(false);
        }
        let Some(head) = self.assign(&waiting).await? else { return Ok(false) };
        self.publish(head).await?;
        Self::forget_sealed(&waiting).await?;
        Ok(!waiting.is_empty())
    }

    /// What waits in each module.
    pub(crate) async fn waiting(&self) -> Result<Vec<Waiting>> {
        let mut waiting = Vec::new();
        for db in self.modules() {
            let notes = seal::unsealed(db, NOTES_MAX).await?;
            if !notes.is_empty() {
                waiting.push(Waiting { db: db.clone(), notes });
            }
        }
        Ok(waiting)
    }

    /// Gives what waits its places, and answers how many places are given out; none when another node
    /// is the sequencer. What has a place keeps it.
    pub(crate) async fn assign(&self, waiting: &[Waiting]) -> Result<Option<u64>> {
        let signed = self.begun().await?.checkpoint.size;
        let mut tx = self.db().begin("notary.assign").await?;
        let until = tx.now() + TimeDelta::milliseconds(self.settings().lease_ms);
        let Some(head) = store::lead(&mut tx, self.node(), until).await? else {
            return Ok(None);
        };
        if head < signed {
            return Err(Error::Behind { head, signed });
        }
        let named = waiting.iter().flat_map(|Waiting { db, notes }| {
            let source = |note: &Unsealed| format!("{}.{}", db.module(), note.source);
            notes.iter().map(move |note| ((note.note.id, source(note)), &note.note))
        });
        let mut named: Vec<_> = named.collect();
        let names: Vec<store::Name> = named.iter().map(|(name, _)| name.clone()).collect();
        let known: std::collections::HashSet<_> =
            store::known(&mut tx, &names).await?.into_iter().collect();
        named.retain(|(name, _)| !known.contains(name));
        let keys = self.keys_for(&mut tx, named.iter().map(|(_, note)| note.subject)).await?;
        let mut entries = Vec::with_capacity(named.len());
        for (name, note) in named {
            let (id, key) = keys.get(&note.subject).ok_or(Error::Vault)?;
            let leaf = leaf::seal(&name.1, note, *id, key).ok_or(LogError::TooLong)?;
            entries.push((name, leaf));
        }
        let head = store::add(&mut tx, head, &entries).await?;
        tx.commit().await?;
        Ok(Some(head))
    }

    /// What is signed; the log without entries is signed first. A folder that has lost its checkpoint
    /// is no beginning.
    async fn begun(&self) -> Result<Head> {
        if let Some(head) = self.head().await? {
            return Ok(head);
        }
        match store::head(self.db()).await? {
            0 => self.files(|log| Ok(log.begin()?)).await,
            head => Err(Error::Lost { head }),
        }
    }

    /// Signs everything that has a place.
    pub(crate) async fn publish(&self, head: u64) -> Result<()> {
        let mut signed = self.begun().await?;
        while signed.checkpoint.size < head {
            let size = signed.checkpoint.size;
            self.refuse_another_log(size).await?;
            let leaves = store::leaves(self.db(), size, SIGNED_MAX.min(head - size)).await?;
            if leaves.is_empty() {
                return Err(Error::Behind { head: size, signed: head });
            }
            signed = self.files(move |log| Ok(log.append(&signed, leaves)?)).await?;
        }
        Ok(())
    }

    /// Looks whether the last entry that is signed is the one that the database has.
    async fn refuse_another_log(&self, size: u64) -> Result<()> {
        let Some(index) = size.checked_sub(1) else { return Ok(()) };
        let stored = store::leaves(self.db(), index, 1).await?;
        let stored = stored.first().map(|leaf| crate::domain::merkle::leaf_hash(leaf));
        let signed = self.files(move |log| Ok(log.leaf_hash(index, size)?)).await?;
        if stored == Some(signed) { Ok(()) } else { Err(Error::Fork { index }) }
    }

    /// Deletes notes that are sealed.
    pub(crate) async fn forget_sealed(waiting: &[Waiting]) -> Result<()> {
        for Waiting { db, notes } in waiting {
            seal::sealed(db, notes).await?;
        }
        Ok(())
    }

    /// Takes entries over that are signed and that the database does not have, because it was restored
    /// from a backup; answers how many. What they tell of may be gone, which `stoa verify` finds.
    pub async fn adopt(&self, actor: &Actor) -> Result<u64> {
        let size = self.begun().await?.checkpoint.size;
        let mut tx = self.db().begin("notary.adopt").await?;
        let until = tx.now() + TimeDelta::milliseconds(self.settings().lease_ms);
        let Some(mut head) = store::lead(&mut tx, self.node(), until).await? else {
            return Err(Error::Led);
        };
        let before = head;
        while head < size {
            let (bundle, from) = (head / 256, usize::try_from(head % 256).unwrap_or_default());
            let leaves = self.files(move |log| Ok(log.bundle(bundle, size)?)).await?;
            let entries: Option<Vec<_>> = leaves
                .into_iter()
                .skip(from)
                .map(|leaf| Some((leaf::name(&leaf)?, leaf)))
                .collect();
            let entries = entries.ok_or(Error::Fork { index: head })?;
            head = store::add(&mut tx, head, &entries).await?;
        }
        if head > before {
            let told = json!({"from": before, "to": head});
            let entry = Entry::done("ledger.adopt", audit::named("ledger", "log"), &told)?;
            audit::record(&mut tx, actor, &[entry]).await?;
        }
        tx.commit().await?;
        Ok(head - before)
    }
}
