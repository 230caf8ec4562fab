use std::collections::{BTreeMap, BTreeSet, HashMap};

use kernel::events::ProductUpdated;
use kernel::id::ProductId;
use platform::audit::{Actor, Entry, record};
use platform::sql::{self, Tx};
use serde_json::json;

use crate::domain::{LineError, Relation, error_at, relations_of};
use crate::import::Batch;
use crate::store::{price_lists, products, related};

/// What the lines of a batch come to that say which products belong together.
pub(super) struct Relating {
    changes: BTreeMap<ProductId, (Vec<Relation>, Vec<Relation>)>,
    pub errors: Vec<LineError>,
}

impl Relating {
    pub(super) fn changed(&self) -> usize {
        self.changes.len()
    }
}

/// The products that a batch names, by SKU.
pub(super) async fn named(tx: &mut Tx, batch: &Batch) -> sql::Result<HashMap<String, ProductId>> {
    let found = price_lists::products(tx, [], skus(batch).into_iter().collect()).await?;
    Ok(found.into_iter().map(|(id, sku)| (sku, id.into())).collect())
}

/// The SKUs that a batch names.
pub(super) fn skus(batch: &Batch) -> BTreeSet<&str> {
    let mut skus = BTreeSet::new();
    for (_, row) in &batch.rows {
        skus.insert(row.sku.as_str());
        skus.extend(row.related.iter().flat_map(|all| all.values()).flatten().map(String::as_str));
    }
    skus.retain(|sku| !sku.contains('\0'));
    skus
}

/// Decides about a batch. A line whose product was left out says nothing.
pub(super) async fn relating(
    tx: &mut Tx,
    batch: &Batch,
    products: &HashMap<String, ProductId>,
) -> sql::Result<Relating> {
    let rows = batch.rows.iter();
    let owners = rows.clone().filter_map(|(_, row)| products.get(&row.sku).copied());
    let owners: BTreeSet<ProductId> = owners.collect();
    let stored = related::of(tx, owners).await?;
    let mut relating = Relating { changes: BTreeMap::new(), errors: Vec::new() };
    for (line, row) in rows {
        let (Some(id), Some(says)) = (products.get(&row.sku), &row.related) else { continue };
        match relations_of(*id, says, products) {
            Err(error) => relating.errors.push(error_at(*line, error)),
            Ok(after) => {
                let before = stored.get(id).cloned().unwrap_or_default();
                if before != after {
                    relating.changes.insert(*id, (before, after));
                }
            }
        }
    }
    Ok(relating)
}

/// Makes the products of a batch belong together as its lines say.
pub(super) async fn relate(tx: &mut Tx, batch: &Batch, actor: &Actor) -> sql::Result<Relating> {
    let products = named(tx, batch).await?;
    let owners = batch.rows.iter().filter_map(|(_, row)| products.get(&row.sku));
    products::hold(tx, owners.map(|id| id.uuid())).await?;
    let relating = relating(tx, batch, &products).await?;
    if relating.changes.is_empty() {
        return Ok(relating);
    }
    let after = relating.changes.iter().map(|(id, (_, after))| (*id, after.as_slice()));
    related::replace_all(tx, after.collect()).await?;
    let mut entries = Vec::with_capacity(relating.changed());
    for (id, (before, after)) in &relating.changes {
        let (was, is) = (json!({"related": before}), json!({"related": after}));
        entries.push(Entry::changed("product.relate", id.uuid(), &was, &is)?);
    }
    record(tx, actor, &entries).await?;
    for (id, sku, version) in related::touch_all(tx, relating.changes.keys().copied()).await? {
        tx.emit(&ProductUpdated { product_id: id.into(), sku }, version)?;
    }
    Ok(relating)
}
