use kernel::events::CollectionChanged;
use kernel::id::ProductId;
use platform::audit::{Actor, Entry, record};
use platform::sql::Tx;
use serde_json::json;
use uuid::Uuid;

use crate::Catalog;
use crate::domain::{COLLECTION_COUNT_MAX, Collection, CollectionInput, check_chosen};
use crate::error::{Error, Result};
use crate::store::{collections, related};

impl Catalog {
    /// Every collection, by name.
    pub async fn collections(&self) -> Result<Vec<Collection>> {
        Ok(collections::all(&self.db, COLLECTION_COUNT_MAX).await?)
    }

    /// The collection with this id or slug.
    pub async fn collection(&self, key: &str) -> Result<Collection> {
        let found = match Uuid::try_parse(key) {
            Ok(id) => collections::read(&self.db, id).await?,
            Err(_) if key.contains('\0') => None,
            Err(_) => collections::by_slug(&self.db, key).await?,
        };
        found.ok_or(Error::NotFound)
    }

    /// The products that were chosen for a collection, in their order.
    pub async fn chosen(&self, id: Uuid) -> Result<Vec<ProductId>> {
        let chosen = collections::chosen(&self.db, id).await?;
        Ok(chosen.into_iter().map(ProductId::from).collect())
    }

    /// Creates a collection.
    pub async fn create_collection(
        &self,
        input: CollectionInput,
        actor: &Actor,
    ) -> Result<Collection> {
        let new = input.collection(Uuid::now_v7(), 1).map_err(Error::Invalid)?;
        let mut tx = self.db.begin("catalog.collection").await?;
        if collections::count(&mut tx).await? >= COLLECTION_COUNT_MAX {
            let message = format!("the shop can have at most {COLLECTION_COUNT_MAX} collections");
            return Err(Error::invalid("name", message));
        }
        if !collections::insert(&mut tx, &new).await? {
            return Err(Error::SlugTaken(new.slug));
        }
        record(&mut tx, actor, &[Entry::created("collection.create", new.id, &new)?]).await?;
        tell(&mut tx, &new, 1)?;
        tx.commit().await?;
        Ok(new)
    }

    /// Changes a collection that still is in `version`.
    pub async fn update_collection(
        &self,
        id: Uuid,
        version: i64,
        input: CollectionInput,
        actor: &Actor,
    ) -> Result<Collection> {
        let mut tx = self.db.begin("catalog.collection").await?;
        let before = collections::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
        let slug = input.slug.or_else(|| Some(before.slug.clone()));
        let input = CollectionInput { slug, ..input };
        let mut after = input.collection(id, version).map_err(Error::Invalid)?;
        if collections::slug_is_taken(&mut tx, &after.slug, id).await? {
            return Err(Error::SlugTaken(after.slug));
        }
        if !collections::update(&mut tx, &after).await? {
            return Err(Error::Stale { current: before.version });
        }
        after.version += 1;
        let entry = Entry::changed("collection.update", id, &before, &after)?;
        record(&mut tx, actor, &[entry]).await?;
        tell(&mut tx, &after, after.version)?;
        tx.commit().await?;
        Ok(after)
    }

    /// Chooses the products of a collection without a rule that still is in `version`.
    pub async fn choose(
        &self,
        id: Uuid,
        version: i64,
        products: Vec<ProductId>,
        actor: &Actor,
    ) -> Result<Collection> {
        let errors = check_chosen(&products);
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let was = self.chosen(id).await?;
        let mut tx = self.db.begin("catalog.collection").await?;
        let before = collections::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
        if before.rule.is_some() {
            return Err(Error::InUse("a rule says which products are in the collection"));
        }
        if !collections::touch(&mut tx, id, version).await? {
            return Err(Error::Stale { current: before.version });
        }
        let existing = related::existing(&mut tx, products.clone()).await?;
        if let Some(n) = products.iter().position(|product| !existing.contains(&product.uuid())) {
            return Err(Error::invalid(&format!("items[{n}]"), "must be a product that exists"));
        }
        collections::choose(&mut tx, id, &products).await?;
        let (was, is) = (json!({"products": was}), json!({"products": products}));
        let entry = Entry::changed("collection.choose", id, &was, &is)?;
        record(&mut tx, actor, &[entry]).await?;
        let after = Collection { version: version + 1, ..before };
        tell(&mut tx, &after, after.version)?;
        tx.commit().await?;
        Ok(after)
    }

    /// Deletes a collection that still is in `version`; its products stay.
    pub async fn delete_collection(&self, id: Uuid, version: i64, actor: &Actor) -> Result<()> {
        let mut tx = self.db.begin("catalog.collection").await?;
        let before = collections::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
        if !collections::delete(&mut tx, id, version).await? {
            return Err(Error::Stale { current: before.version });
        }
        record(&mut tx, actor, &[Entry::deleted("collection.delete", id, &before)?]).await?;
        tell(&mut tx, &before, version + 1)?;
        Ok(tx.commit().await?)
    }
}

fn tell(tx: &mut Tx, collection: &Collection, version: i64) -> Result<()> {
    let event = CollectionChanged { collection_id: collection.id, slug: collection.slug.clone() };
    Ok(tx.emit(&event, version)?)
}
