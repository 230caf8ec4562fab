use std::collections::BTreeMap;

use kernel::events::ProductUpdated;
use kernel::id::ProductId;
use platform::audit::{Actor, Entry, record};
use platform::replica::Question;
use platform::sql::{self, Reads};
use serde_json::json;

use crate::Catalog;
use crate::domain::{Card, Product, Relation, RelationKind, check_relations};
use crate::error::{Error, Result};
use crate::store::{listing, products, related};
use crate::usecase::shown;

impl Catalog {
    /// The relations of a product, in any status, in their order.
    pub async fn relations(&self, id: ProductId) -> Result<Vec<Relation>> {
        Ok(related::all(&mut &self.db, id).await?)
    }

    /// Replaces the relations of a product that no editor has changed since `revision`.
    pub async fn relate(
        &self,
        id: ProductId,
        revision: i64,
        relations: Vec<Relation>,
        actor: &Actor,
    ) -> Result<Product> {
        let errors = check_relations(id, &relations);
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let before = self.relations(id).await?;
        let mut tx = self.db.begin("catalog.relate").await?;
        let Some((sku, version)) = related::touch(&mut tx, id, revision).await? else {
            let now = products::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
            return Err(Error::Stale { current: now.revision });
        };
        let others: Vec<ProductId> = relations.iter().map(|one| one.product_id).collect();
        let existing = related::existing(&mut tx, others.clone()).await?;
        if let Some(n) = others.iter().position(|other| !existing.contains(&other.uuid())) {
            let field = format!("items[{n}].product_id");
            return Err(Error::invalid(&field, "must be a product that exists"));
        }
        related::replace(&mut tx, id, &relations).await?;
        let (was, is) = (json!({"related": before}), json!({"related": relations}));
        let entry = Entry::changed("product.relate", id.uuid(), &was, &is)?;
        record(&mut tx, actor, &[entry]).await?;
        tx.emit(&ProductUpdated { product_id: id, sku }, version)?;
        let product = products::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
        tx.commit().await?;
        Ok(product)
    }

    /// The products that belong to the one with this id or SKU and are in the shop, by kind.
    pub async fn related(&self, key: &str) -> Result<Vec<(RelationKind, Card)>> {
        let found = self.ask(&Related(key), None).await?;
        let (relations, cards) = found.ok_or(Error::NotFound)?;
        let by_id: BTreeMap<ProductId, &Card> =
            cards.iter().filter(|card| card.shown).map(|card| (card.id, card)).collect();
        let found = relations
            .iter()
            .filter_map(|one| Some((one.kind, (*by_id.get(&one.product_id)?).clone())));
        Ok(found.collect())
    }
}

/// What belongs to the product with this id or SKU.
struct Related<'k>(&'k str);

impl Question for Related<'_> {
    type Answer = Option<(Vec<Relation>, Vec<Card>)>;

    async fn ask(&self, of: &mut dyn Reads) -> sql::Result<Self::Answer> {
        let Some((product, _)) = shown::product(of, self.0).await? else { return Ok(None) };
        let relations = related::all(of, product.id).await?;
        let ids = relations.iter().map(|one| one.product_id.uuid()).collect();
        let cards = listing::cards(of, ids).await?;
        Ok(Some((relations, cards)))
    }
}
