use std::collections::{BTreeSet, HashMap, HashSet};

use kernel::Money;
use kernel::events::PriceListChanged;
use kernel::id::ProductId;
use kernel::problem::FieldError;
use platform::audit::{Actor, Entry, record};
use platform::sql::{self, Tx};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::pricing::price_and_tell;
use crate::Catalog;
use crate::domain::{
    DERIVED_MAX, LISTED_MAX, Listed, ListedInput, PRICE_LISTS_MAX, PriceList, PriceListInput,
    Rounding, TIERS_MAX,
};
use crate::error::{Error, Result};
use crate::store::{markets, price_lists, pricing};

/// The least percentage prices can be derived with: nothing is left.
const PERCENT_MIN: Decimal = Decimal::from_parts(100, 0, 0, true, 0);
/// The largest.
const PERCENT_MAX: Decimal = Decimal::from_parts(1_000, 0, 0, false, 0);

const LIST: &str = "price list";

/// What became of prices that were put into a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put {
    /// How many are new or others now.
    pub written: usize,
    /// How many were so already.
    pub unchanged: usize,
}

/// How the prices of a list are made from the base prices.
#[derive(Debug, Clone)]
pub struct Derivation {
    /// By how many percent they differ from the base price, -100 to 1,000.
    pub percent: Decimal,
    /// Only products of this category, by its path, and below it.
    pub category: Option<String>,
    /// Only products after this one, by id.
    pub after: Option<ProductId>,
}

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

    /// The prices of a list after a product and quantity, by product and quantity.
    pub async fn listed_prices(
        &self,
        id: Uuid,
        after: Option<(Uuid, i64)>,
        limit: u32,
    ) -> Result<Vec<Listed>> {
        let list = self.price_list(id).await?;
        let after = after.unwrap_or((Uuid::nil(), 0));
        Ok(price_lists::page(&self.db, &list, after, i64::from(limit)).await?)
    }

    /// Puts prices into a list, in place of those for the same product and quantity: all of them,
    /// or none when one of them is not allowed.
    pub async fn put_prices(
        &self,
        id: Uuid,
        prices: Vec<ListedInput>,
        actor: &Actor,
    ) -> Result<Put> {
        if prices.is_empty() || prices.len() > LISTED_MAX {
            return Err(Error::invalid("prices", format!("must have 1 to {LISTED_MAX} entries")));
        }
        let mut tx = self.db.begin("catalog.prices").await?;
        let list = found(&mut tx, id).await?;
        let prices = resolved(&mut tx, &list, prices).await?;
        let put = write(&mut tx, &list, prices, actor).await?;
        tx.commit().await?;
        Ok(put)
    }

    /// Takes the price of a product from a quantity on out of a list.
    pub async fn delete_price(
        &self,
        id: Uuid,
        product: ProductId,
        min_quantity: i64,
        actor: &Actor,
    ) -> Result<()> {
        let mut tx = self.db.begin("catalog.prices").await?;
        let list = found(&mut tx, id).await?;
        let amount = price_lists::take(&mut tx, id, product, min_quantity).await?;
        let price = Money::from_minor(amount.ok_or(Error::Absent("price"))?, list.currency);
        let taken = Listed { product_id: product, sku: String::new(), min_quantity, price };
        record(&mut tx, actor, &[Entry::deleted("price_list.prices", id, &taken)?]).await?;
        price_and_tell(&mut tx, &[product.uuid()]).await?;
        Ok(tx.commit().await?)
    }

    /// Gives the next products of the shop a price in a list that is made from their base price,
    /// rounded as the market of the list says: at most [`DERIVED_MAX`] of them, in one commit.
    /// Answers what became of them and the last of them, when there may be more.
    pub async fn derive_prices(
        &self,
        id: Uuid,
        how: Derivation,
        actor: &Actor,
    ) -> Result<(Put, Option<ProductId>)> {
        if !(PERCENT_MIN..=PERCENT_MAX).contains(&how.percent) {
            let message = format!("must be {PERCENT_MIN} to {PERCENT_MAX}");
            return Err(Error::invalid("percent", message));
        }
        let mut tx = self.db.begin("catalog.prices").await?;
        let list = found(&mut tx, id).await?;
        let rounding = rounding(&mut tx, &list).await?;
        let after = how.after.map_or(Uuid::nil(), ProductId::uuid);
        let category = how.category.as_deref();
        let bases =
            price_lists::base_prices(&mut tx, after, list.currency, category, DERIVED_MAX).await?;
        let last = bases.last().filter(|_| i64::try_from(bases.len()) == Ok(DERIVED_MAX));
        let last = last.map(|(id, _)| ProductId::from(*id));
        let mut prices = Vec::with_capacity(bases.len());
        for (product, base) in bases {
            let amount = rounding.changed(base, how.percent).ok_or_else(|| {
                Error::invalid("percent", format!("the price of {product} would be too high"))
            })?;
            prices.push(Listed {
                product_id: product.into(),
                sku: String::new(),
                min_quantity: 1,
                price: Money::from_minor(amount, list.currency),
            });
        }
        let put = write(&mut tx, &list, prices, actor).await?;
        tx.commit().await?;
        Ok((put, last))
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
        Some(code) => markets::by_code(tx, code).await?,
        None => None,
    };
    input.list(id, version, market.as_ref()).map_err(Error::Invalid)
}

/// A list, which stays as it is until the unit of work is over.
async fn found(tx: &mut Tx, id: Uuid) -> Result<PriceList> {
    price_lists::touch(tx, id).await?;
    price_lists::by_id(tx, id).await?.ok_or(Error::Absent(LIST))
}

/// How derived prices of a list are rounded: as its market says, or the default one.
async fn rounding(tx: &mut Tx, list: &PriceList) -> Result<Rounding> {
    let markets = markets::all(tx).await?;
    let own = markets.iter().find(|market| list.market.as_ref() == Some(&market.code));
    let default =
        || markets.iter().find(|market| market.is_default && market.currency == list.currency);
    Ok(own.or_else(default).map(|market| market.rounding).unwrap_or_default())
}

/// The products that prices are for, or everything that is not allowed.
async fn resolved(tx: &mut Tx, list: &PriceList, prices: Vec<ListedInput>) -> Result<Vec<Listed>> {
    let ids = prices.iter().filter_map(|one| one.product_id).map(ProductId::uuid);
    let skus = prices.iter().filter_map(|one| one.sku.as_deref()).collect();
    let found = price_lists::products(tx, ids, skus).await?;
    let by_sku: HashMap<&str, Uuid> = found.iter().map(|(id, sku)| (sku.as_str(), *id)).collect();
    let by_id: HashMap<Uuid, &str> = found.iter().map(|(id, sku)| (*id, sku.as_str())).collect();
    let (mut errors, mut seen) = (Vec::new(), HashSet::new());
    let mut listed = Vec::with_capacity(prices.len());
    for (n, one) in prices.into_iter().enumerate() {
        let path = format!("prices[{n}]");
        let wrong = one.check(list.currency, &path);
        if !wrong.is_empty() {
            errors.extend(wrong);
            continue;
        }
        let (field, id) = match (&one.sku, one.product_id) {
            (Some(sku), _) => ("sku", by_sku.get(sku.as_str()).copied()),
            (None, id) => {
                ("product_id", id.map(ProductId::uuid).filter(|id| by_id.contains_key(id)))
            }
        };
        let mut refuse = |field: &str, message: &str| {
            let field = format!("{path}.{field}");
            errors.push(FieldError { field, message: message.to_owned() });
        };
        let Some(id) = id else {
            refuse(field, "must be a product of this shop");
            continue;
        };
        if one.product_id.is_some_and(|named| named.uuid() != id) {
            refuse("product_id", "must be the product with this sku");
            continue;
        }
        if !seen.insert((id, one.min_quantity)) {
            refuse("min_quantity", "the product has a price for this quantity further up");
            continue;
        }
        listed.push(Listed {
            product_id: id.into(),
            sku: by_id.get(&id).map(|sku| (*sku).to_owned()).unwrap_or_default(),
            min_quantity: one.min_quantity,
            price: one.price,
        });
    }
    if errors.is_empty() { Ok(listed) } else { Err(Error::Invalid(errors)) }
}

/// Writes the prices that differ from what the list says, and what they come to for shoppers.
async fn write(
    tx: &mut Tx,
    list: &PriceList,
    mut prices: Vec<Listed>,
    actor: &Actor,
) -> Result<Put> {
    let asked = prices.len();
    let before: HashMap<(Uuid, i64), i64> = price_lists::prices(tx, list.id, &prices)
        .await?
        .into_iter()
        .map(|(product, quantity, amount)| ((product, quantity), amount))
        .collect();
    let was = |one: &Listed| before.get(&(one.product_id.uuid(), one.min_quantity)).copied();
    prices.retain(|one| was(one) != Some(one.price.minor()));
    let put = Put { written: prices.len(), unchanged: asked - prices.len() };
    if prices.is_empty() {
        return Ok(put);
    }
    let products: BTreeSet<Uuid> = prices.iter().map(|one| one.product_id.uuid()).collect();
    let products: Vec<Uuid> = products.into_iter().collect();
    price_lists::put(tx, list.id, &prices).await?;
    if price_lists::too_many_tiers(tx, list.id, products.iter().copied()).await?.is_some() {
        let message = format!("a product has at most {TIERS_MAX} prices in one list");
        return Err(Error::invalid("prices", message));
    }
    let replaced = |one: &Listed| {
        was(one)
            .map(|amount| Listed { price: Money::from_minor(amount, list.currency), ..one.clone() })
    };
    let replaced: Vec<Option<Listed>> = prices.iter().map(replaced).collect();
    let written: Vec<Option<Listed>> = prices.into_iter().map(Some).collect();
    let entry = Entry::changed("price_list.prices", list.id, &replaced, &written)?;
    record(tx, actor, &[entry]).await?;
    price_and_tell(tx, &products).await?;
    Ok(put)
}

fn tell(tx: &mut Tx, list: &PriceList, version: i64) -> sql::Result<()> {
    let event = PriceListChanged { price_list_id: list.id, code: list.code.clone() };
    tx.emit(&event, version)
}
