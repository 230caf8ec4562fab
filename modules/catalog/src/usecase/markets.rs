use kernel::events::MarketChanged;
use platform::audit::{Actor, Entry, record};
use platform::sql::{self, Tx};
use serde_json::json;
use uuid::Uuid;

use crate::Catalog;
use crate::domain::{MARKETS_MAX, Market, MarketInput};
use crate::error::{Error, Result};
use crate::store::{markets, pricing};

impl Catalog {
    /// Every market, by code.
    pub async fn markets(&self) -> Result<Vec<Market>> {
        Ok(markets::read_all(&self.db).await?)
    }

    /// The market with this code.
    pub async fn market(&self, code: &str) -> Result<Market> {
        if code.contains('\0') {
            return Err(Error::Absent("market"));
        }
        markets::find(&self.db, code).await?.ok_or(Error::Absent("market"))
    }

    /// Creates a market; the first one becomes the default.
    pub async fn create_market(&self, input: MarketInput, actor: &Actor) -> Result<Market> {
        let mut market = input.market(Uuid::now_v7(), 1).map_err(Error::Invalid)?;
        let mut tx = self.db.begin("catalog.market").await?;
        let count = markets::lock(&mut tx).await?;
        if count >= MARKETS_MAX {
            let message = format!("the shop can have at most {MARKETS_MAX} markets");
            return Err(Error::invalid("code", message));
        }
        market.is_default |= count == 0;
        clear_default(&mut tx, &market, actor).await?;
        if !markets::insert(&mut tx, &market).await? {
            return Err(Error::CodeTaken(market.code));
        }
        set_countries(&mut tx, &market).await?;
        pricing::queue_all(&mut tx).await?;
        let entry = Entry::created("market.create", market.id, &market)?;
        record(&mut tx, actor, &[entry]).await?;
        tell(&mut tx, &market, 1)?;
        tx.commit().await?;
        Ok(market)
    }

    /// Changes a market that still is in `version`.
    pub async fn update_market(
        &self,
        code: &str,
        version: i64,
        input: MarketInput,
        actor: &Actor,
    ) -> Result<Market> {
        let mut tx = self.db.begin("catalog.market").await?;
        markets::lock(&mut tx).await?;
        let before = found(&mut tx, code, version).await?;
        let mut after = input.market(before.id, version).map_err(Error::Invalid)?;
        if after.code != before.code {
            return Err(Error::invalid("code", "a market keeps its code"));
        }
        if after.currency != before.currency {
            return Err(Error::invalid("currency", "a market keeps its currency"));
        }
        if before.is_default && !after.is_default {
            let message = "must be true: make another market the default one instead";
            return Err(Error::invalid("is_default", message));
        }
        clear_default(&mut tx, &after, actor).await?;
        if !markets::update(&mut tx, &after).await? {
            return Err(Error::Stale { current: before.version });
        }
        set_countries(&mut tx, &after).await?;
        if after.is_default != before.is_default {
            pricing::queue_all(&mut tx).await?;
        }
        after.version += 1;
        let entry = Entry::changed("market.update", after.id, &before, &after)?;
        record(&mut tx, actor, &[entry]).await?;
        tell(&mut tx, &after, after.version)?;
        tx.commit().await?;
        Ok(after)
    }

    /// Deletes a market that still is in `version` and that nothing depends on. The default one
    /// goes last.
    pub async fn delete_market(&self, code: &str, version: i64, actor: &Actor) -> Result<()> {
        let mut tx = self.db.begin("catalog.market").await?;
        let count = markets::lock(&mut tx).await?;
        let before = found(&mut tx, code, version).await?;
        if before.is_default && count > 1 {
            return Err(Error::InUse("it is the default market; make another one that first"));
        }
        if !markets::delete(&mut tx, &before).await? {
            return Err(Error::InUse("price lists are for the market; delete them first"));
        }
        pricing::queue_all(&mut tx).await?;
        let entry = Entry::deleted("market.delete", before.id, &before)?;
        record(&mut tx, actor, &[entry]).await?;
        tell(&mut tx, &before, version + 1)?;
        Ok(tx.commit().await?)
    }
}

async fn found(tx: &mut Tx, code: &str, version: i64) -> Result<Market> {
    if code.contains('\0') {
        return Err(Error::Absent("market"));
    }
    let before = markets::by_code(tx, code).await?.ok_or(Error::Absent("market"))?;
    if before.version != version {
        return Err(Error::Stale { current: before.version });
    }
    Ok(before)
}

/// Makes way for a market that is to be the default one.
async fn clear_default(tx: &mut Tx, market: &Market, actor: &Actor) -> Result<()> {
    if !market.is_default {
        return Ok(());
    }
    let (was, is) = (json!({"is_default": true}), json!({"is_default": false}));
    let mut entries = Vec::new();
    for (market_id, code, version) in markets::clear_default(tx, market.id).await? {
        entries.push(Entry::changed("market.update", market_id, &was, &is)?);
        tx.emit(&MarketChanged { market_id, code }, version)?;
    }
    Ok(record(tx, actor, &entries).await?)
}

async fn set_countries(tx: &mut Tx, market: &Market) -> Result<()> {
    match markets::set_countries(tx, market).await? {
        None => Ok(()),
        Some((country, other)) => {
            let message = format!("{country} is in the market {other:?} already");
            Err(Error::invalid("countries", message))
        }
    }
}

fn tell(tx: &mut Tx, market: &Market, version: i64) -> sql::Result<()> {
    tx.emit(&MarketChanged { market_id: market.id, code: market.code.clone() }, version)
}
