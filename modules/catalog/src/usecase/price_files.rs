use std::collections::{BTreeSet, HashMap, HashSet};

use platform::audit::Actor;
use platform::sql::Tx;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::listed::{apply, follow, too_many};
use super::price_lists::found;
use crate::domain::{
    Format, LineError, ListedChange, PlacedPrice, PriceList, change_of, place_prices,
};
use crate::error::{Error, Result};
use crate::import::PriceRows;
use crate::store::price_lists;
use crate::{Catalog, Export};

/// What a file of prices comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct PricesImported {
    /// Prices that are new.
    pub created: usize,
    /// Prices that are others now.
    pub changed: usize,
    /// Lines that say what is so already.
    pub unchanged: usize,
    /// Prices that were taken out.
    pub removed: usize,
}

impl Catalog {
    /// The prices of a list, as a file that [`Catalog::import_prices`] reads: imported into the
    /// same list it changes nothing.
    pub async fn export_prices(&self, id: Uuid, format: Format) -> Result<Export> {
        Ok(Export::prices(self.db.clone(), format, self.price_list(id).await?))
    }

    /// Puts the prices of a file into a list and takes out those whose price is empty: all of them
    /// in one commit, or none when a line is not allowed. A trial writes nothing.
    pub async fn import_prices(
        &self,
        id: Uuid,
        format: Format,
        file: Vec<u8>,
        dry_run: bool,
        actor: &Actor,
    ) -> Result<PricesImported> {
        let reading = tokio::task::spawn_blocking(move || PriceRows::read(file, format));
        let read = reading.await.map_err(|_| Error::Busy)?;
        let mut tx = self.db.begin("catalog.price_file").await?;
        let list = found(&mut tx, id).await?;
        let placed = placed(&mut tx, &list, read).await?;
        let stored = price_lists::prices(&mut tx, &list, placed.iter().map(|one| &one.listed));
        let stored = stored.await?;
        let change = |one: &PlacedPrice| {
            let was = stored.get(&(one.listed.product_id, one.listed.min_quantity)).copied();
            change_of(&one.listed, one.is_removal, was)
        };
        let changes: Vec<ListedChange> = placed.iter().filter_map(change).collect();
        let crowded = apply(&mut tx, &list, &changes).await?;
        if !crowded.is_empty() {
            return Err(Error::Lines(crowding(&placed, &crowded)));
        }
        let imported = counted(&changes, placed.len());
        if !dry_run {
            follow(&mut tx, &list, &changes, actor).await?;
            tx.commit().await?;
        }
        Ok(imported)
    }
}

/// The lines with their products, or everything that is not allowed.
async fn placed(tx: &mut Tx, list: &PriceList, read: PriceRows) -> Result<Vec<PlacedPrice>> {
    let PriceRows { rows, mut errors } = read;
    let skus = rows.iter().map(|(_, row)| row.sku.as_str());
    let skus = skus.filter(|sku| !sku.contains('\0')).collect();
    let products = price_lists::products(tx, [], skus).await?;
    let products: HashMap<String, Uuid> = products.into_iter().map(|(id, sku)| (sku, id)).collect();
    let placed = place_prices(rows, &products, list.currency, &mut errors);
    errors.sort_by_key(|error| error.line);
    if errors.is_empty() { Ok(placed) } else { Err(Error::Lines(errors)) }
}

/// The last lines that give products more prices than are allowed.
fn crowding(placed: &[PlacedPrice], crowded: &[Uuid]) -> Vec<LineError> {
    let crowded: HashSet<Uuid> = crowded.iter().copied().collect();
    let given = placed.iter().filter(|one| !one.is_removal);
    let given = given.filter(|one| crowded.contains(&one.listed.product_id.uuid()));
    let last: HashMap<_, _> = given.map(|one| (one.listed.product_id, one.line)).collect();
    let lines: BTreeSet<u64> = last.into_values().collect();
    let error = |line| LineError { line, field: "sku".to_owned(), message: too_many() };
    lines.into_iter().map(error).collect()
}

fn counted(changes: &[ListedChange], lines: usize) -> PricesImported {
    let mut counts = PricesImported { unchanged: lines - changes.len(), ..Default::default() };
    for change in changes {
        match (&change.before, &change.after) {
            (None, _) => counts.created += 1,
            (Some(_), Some(_)) => counts.changed += 1,
            (Some(_), None) => counts.removed += 1,
        }
    }
    counts
}
