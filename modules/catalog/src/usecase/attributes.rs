use kernel::events::AttributeChanged;
use platform::audit::{Actor, Entry, record};
use platform::sql::Tx;
use uuid::Uuid;

use crate::Catalog;
use crate::domain::{Attribute, AttributeInput, Content, DEFINITIONS_MAX, Definitions};
use crate::error::{Error, Result};
use crate::store::attributes;

/// The definitions that a product's attributes have to meet.
pub(crate) async fn definitions(tx: &mut Tx, content: &Content) -> Result<Definitions> {
    if content.attributes.is_empty() {
        return Ok(Definitions::default());
    }
    Ok(Definitions::new(attributes::all(tx).await?))
}

impl Catalog {
    /// Every attribute that is defined, by code.
    pub async fn attributes(&self) -> Result<Vec<Attribute>> {
        Ok(attributes::read_all(&self.db).await?)
    }

    /// The definition of an attribute.
    pub async fn attribute(&self, code: &str) -> Result<Attribute> {
        attributes::find(&self.db, code).await?.ok_or(Error::NotFound)
    }

    /// Defines an attribute. Products that have it keep their values; the next change of one has
    /// to meet the definition.
    pub async fn define_attribute(
        &self,
        input: AttributeInput,
        actor: &Actor,
    ) -> Result<Attribute> {
        let attribute = input.attribute(Uuid::now_v7(), 1).map_err(Error::Invalid)?;
        let mut tx = self.db.begin("catalog.attribute").await?;
        if attributes::count(&mut tx).await? >= DEFINITIONS_MAX {
            let message = format!("at most {DEFINITIONS_MAX} attributes can be defined");
            return Err(Error::invalid("code", message));
        }
        if !attributes::insert(&mut tx, &attribute).await? {
            return Err(Error::CodeTaken(attribute.code));
        }
        let entry = Entry::created("attribute.create", attribute.id, &attribute)?;
        record(&mut tx, actor, &[entry]).await?;
        tell(&mut tx, &attribute, 1)?;
        tx.commit().await?;
        Ok(attribute)
    }

    /// Changes the definition of an attribute that still is in `version`.
    pub async fn redefine_attribute(
        &self,
        code: &str,
        version: i64,
        input: AttributeInput,
        actor: &Actor,
    ) -> Result<Attribute> {
        let mut tx = self.db.begin("catalog.attribute").await?;
        let before = attributes::by_code(&mut tx, code).await?.ok_or(Error::NotFound)?;
        let mut after = input.attribute(before.id, version).map_err(Error::Invalid)?;
        if after.code != before.code {
            return Err(Error::invalid("code", "an attribute keeps its code"));
        }
        if after.kind != before.kind {
            return Err(Error::invalid("kind", "an attribute keeps its kind"));
        }
        if !attributes::update(&mut tx, &after).await? {
            return Err(Error::Stale { current: before.version });
        }
        after.version += 1;
        let entry = Entry::changed("attribute.update", after.id, &before, &after)?;
        record(&mut tx, actor, &[entry]).await?;
        tell(&mut tx, &after, after.version)?;
        tx.commit().await?;
        Ok(after)
    }

    /// Forgets the definition of an attribute; products keep their values.
    pub async fn forget_attribute(&self, code: &str, version: i64, actor: &Actor) -> Result<()> {
        let mut tx = self.db.begin("catalog.attribute").await?;
        let before = attributes::by_code(&mut tx, code).await?.ok_or(Error::NotFound)?;
        if !attributes::delete(&mut tx, before.id, version).await? {
            return Err(Error::Stale { current: before.version });
        }
        let entry = Entry::deleted("attribute.delete", before.id, &before)?;
        record(&mut tx, actor, &[entry]).await?;
        tell(&mut tx, &before, version + 1)?;
        Ok(tx.commit().await?)
    }
}

fn tell(tx: &mut Tx, attribute: &Attribute, version: i64) -> Result<()> {
    let event = AttributeChanged { attribute_id: attribute.id, code: attribute.code.clone() };
    Ok(tx.emit(&event, version)?)
}
