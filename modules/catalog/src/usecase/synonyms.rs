use kernel::events::SynonymChanged;
use platform::audit::{Actor, Entry, record};
use platform::sql::Tx;
use uuid::Uuid;

use crate::Catalog;
use crate::domain::{SYNONYMS_MAX, Synonym, SynonymInput};
use crate::error::{Error, Result};
use crate::store::synonyms;

impl Catalog {
    /// All synonyms, the oldest first.
    pub async fn synonyms(&self) -> Result<Vec<Synonym>> {
        Ok(synonyms::read_all(&self.db).await?)
    }

    /// Some synonyms.
    pub async fn synonym(&self, id: Uuid) -> Result<Synonym> {
        synonyms::find(&self.db, id).await?.ok_or(Error::NotFound)
    }

    /// Makes terms synonyms, from the next search on that has heard of it.
    pub async fn create_synonym(&self, input: SynonymInput, actor: &Actor) -> Result<Synonym> {
        let new = input.synonym(Uuid::now_v7(), 1).map_err(Error::Invalid)?;
        let mut tx = self.db.begin("catalog.synonym").await?;
        if synonyms::count(&mut tx).await? >= SYNONYMS_MAX {
            let message = format!("the shop can have at most {SYNONYMS_MAX} groups of synonyms");
            return Err(Error::invalid("terms", message));
        }
        synonyms::insert(&mut tx, &new).await?;
        record(&mut tx, actor, &[Entry::created("synonym.create", new.id, &new)?]).await?;
        tell(&mut tx, new.id, 1)?;
        tx.commit().await?;
        Ok(new)
    }

    /// Changes synonyms that still are in `version`.
    pub async fn update_synonym(
        &self,
        id: Uuid,
        version: i64,
        input: SynonymInput,
        actor: &Actor,
    ) -> Result<Synonym> {
        let mut after = input.synonym(id, version).map_err(Error::Invalid)?;
        let mut tx = self.db.begin("catalog.synonym").await?;
        let before = synonyms::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
        if !synonyms::update(&mut tx, &after).await? {
            return Err(Error::Stale { current: before.version });
        }
        after.version += 1;
        let entry = Entry::changed("synonym.update", id, &before, &after)?;
        record(&mut tx, actor, &[entry]).await?;
        tell(&mut tx, id, after.version)?;
        tx.commit().await?;
        Ok(after)
    }

    /// Forgets synonyms that still are in `version`.
    pub async fn delete_synonym(&self, id: Uuid, version: i64, actor: &Actor) -> Result<()> {
        let mut tx = self.db.begin("catalog.synonym").await?;
        let before = synonyms::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
        if !synonyms::delete(&mut tx, id, version).await? {
            return Err(Error::Stale { current: before.version });
        }
        record(&mut tx, actor, &[Entry::deleted("synonym.delete", id, &before)?]).await?;
        tell(&mut tx, id, version + 1)?;
        Ok(tx.commit().await?)
    }
}

fn tell(tx: &mut Tx, synonym_id: Uuid, version: i64) -> Result<()> {
    Ok(tx.emit(&SynonymChanged { synonym_id }, version)?)
}
