use kernel::events::PriceListChanged;
use platform::audit::{Actor, Entry, record};
use platform::sql::{self, Tx};
use uuid::Uuid;

use crate::Catalog;
use crate::domain::{PRICE_LISTS_MAX, PriceList, PriceListInput};
use crate::error::{Error, Result};
use crate::store::{markets, price_lists, pricing};

const LIST: &str = "price list";

impl Catalog {
    /// Every price list, by code.
    pub async fn price_lists(&self) -> Result<Vec<PriceList>> {
        Ok(price_lists::read_all(&self.db).await?)
    }

    /// The price list with this id.
    pub async fn price_list(&self, id: Uuid) -> Result<PriceList> {
        price_lists::find(&self.db, id).await?.ok_or(Error::Absent(LIST))
    }

    /// Creates a price list without prices.
    pub async fn create_price_list(
        &self,
        input: PriceListInput,
        actor: &Actor,
    ) -> Result<PriceList> {
        let mut tx = self.db.begin("catalog.price_list").await?;
        let list = described(&mut tx, input, Uuid::now_v7(), 1).await?;
        if price_lists::count(&mut tx).await? >= PRICE_LISTS_MAX {
            let message = format!("the shop can have at most {PRICE_LISTS_MAX} price lists");
            return Err(Error::invalid("code", message));
        }
        if !price_lists::insert(&mut tx, &list).await? {
            return Err(Error::CodeTaken(list.code));
        }
        let entry = Entry::created("price_list.create", list.id, &list)?;
        record(&mut tx, actor, &[entry]).await?;
        tell(&mut tx, &list, 1)?;
        tx.commit().await?;
        Ok(list)
    }

    /// Changes a price list that still is in `version`; it keeps its currency.
    pub async fn update_price_list(
        &self,
        id: Uuid,
        version: i64,
        input: PriceListInput,
        actor: &Actor,
    ) -> Result<PriceList> {
        let mut tx = self.db.begin("catalog.price_list").await?;
        let before = found(&mut tx, id).await?;
        if before.version != version {
            return Err(Error::Stale { current: before.version });
        }
        let mut after = described(&mut tx, input, id, version).await?;
        if after.currency != before.currency {
            return Err(Error::invalid("currency", "a price list keeps its currency"));
        }
        if after == before {
            return Ok(before);
        }
        if !price_lists::update(&mut tx, &after).await? {
            return Err(Error::CodeTaken(after.code));
        }
        pricing::queue_lists(&mut tx, &[id]).await?;
        after.version += 1;
        let entry = Entry::changed("price_list.update", id, &before, &after)?;
        record(&mut tx, actor, &[entry]).await?;
        tell(&mut tx, &after, after.version)?;
        tx.commit().await?;
        Ok(after)
    }

    /// Deletes a price list that still is in `version`, with its prices.
    pub async fn delete_price_list(&self, id: Uuid, version: i64, actor: &Actor) -> Result<()> {
        let mut tx = self.db.begin("catalog.price_list").await?;
        let before = found(&mut tx, id).await?;
        if before.version != version {
            return Err(Error::Stale { current: before.version });
        }
        pricing::queue_lists(&mut tx, &[id]).await?;
        price_lists::delete(&mut tx, id, version).await?;
        let entry = Entry::deleted("price_list.delete", id, &before)?;
        record(&mut tx, actor, &[entry]).await?;
        tell(&mut tx, &before, version + 1)?;
        Ok(tx.commit().await?)
    }
}

/// The list that the input describes.
async fn described(
    tx: &mut Tx,
    input: PriceListInput,
    id: Uuid,
    version: i64,
) -> Result<PriceList> {
    let market = match &input.market {
        Some(code) => {
            markets::keep(tx).await?;
            markets::by_code(tx, code).await?
        }
        None => None,
    };
    input.list(id, version, market.as_ref()).map_err(Error::Invalid)
}

/// A list, which stays as it is until the unit of work is over.
pub(super) async fn found(tx: &mut Tx, id: Uuid) -> Result<PriceList> {
    price_lists::touch(tx, id).await?;
    price_lists::by_id(tx, id).await?.ok_or(Error::Absent(LIST))
}

fn tell(tx: &mut Tx, list: &PriceList, version: i64) -> sql::Result<()> {
    let event = PriceListChanged { price_list_id: list.id, code: list.code.clone() };
    tx.emit(&event, version)
}
