use std::collections::{BTreeSet, HashMap, HashSet};

use kernel::Money;
use kernel::id::ProductId;
use kernel::problem::FieldError;
use platform::audit::{Actor, Entry, record};
use platform::sql::Tx;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::price_lists::found;
use super::pricing::price_and_tell;
use crate::Catalog;
use crate::domain::{
    DERIVED_MAX, LISTED_MAX, Listed, ListedChange, ListedInput, PriceList, Rounding, TIERS_MAX,
    change_of,
};
use crate::error::{Error, Result};
use crate::store::{markets, price_lists};

/// The least percentage prices can be derived with: nothing is left.
const PERCENT_MIN: Decimal = Decimal::from_parts(100, 0, 0, true, 0);
/// The largest.
const PERCENT_MAX: Decimal = Decimal::from_parts(1_000, 0, 0, false, 0);

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
        let wrong = one.check(list.currency);
        if !wrong.is_empty() {
            errors.extend(
                wrong
                    .into_iter()
                    .map(|error| FieldError { field: format!("{path}.{}", error.field), ..error }),
            );
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
async fn write(tx: &mut Tx, list: &PriceList, prices: Vec<Listed>, actor: &Actor) -> Result<Put> {
    let stored = price_lists::prices(tx, list, &prices).await?;
    let was = |one: &Listed| stored.get(&(one.product_id, one.min_quantity)).copied();
    let changes: Vec<ListedChange> =
        prices.iter().filter_map(|one| change_of(one, false, was(one))).collect();
    let put = Put { written: changes.len(), unchanged: prices.len() - changes.len() };
    if !apply(tx, list, &changes).await?.is_empty() {
        return Err(Error::invalid("prices", too_many()));
    }
    follow(tx, list, &changes, actor).await?;
    Ok(put)
}

/// Brings changes into a list: the products that have more prices in it now than are allowed.
pub(super) async fn apply(
    tx: &mut Tx,
    list: &PriceList,
    changes: &[ListedChange],
) -> Result<Vec<Uuid>> {
    let (put, removed): (Vec<_>, Vec<_>) = changes.iter().partition(|one| one.after.is_some());
    if !removed.is_empty() {
        let removed = removed.into_iter().filter_map(ListedChange::of);
        price_lists::remove(tx, list.id, removed).await?;
    }
    if put.is_empty() {
        return Ok(Vec::new());
    }
    let put: Vec<&Listed> = put.into_iter().filter_map(ListedChange::of).collect();
    price_lists::put(tx, list.id, put.iter().copied()).await?;
    let products = put.iter().map(|one| one.product_id.uuid());
    Ok(price_lists::too_many_tiers(tx, list.id, products).await?)
}

/// Notes changes of a list, and what they come to for shoppers.
pub(super) async fn follow(
    tx: &mut Tx,
    list: &PriceList,
    changes: &[ListedChange],
    actor: &Actor,
) -> Result<()> {
    let mut entries = Vec::new();
    for changes in changes.chunks(LISTED_MAX) {
        let before: Vec<_> = changes.iter().map(|one| &one.before).collect();
        let after: Vec<_> = changes.iter().map(|one| &one.after).collect();
        entries.push(Entry::changed("price_list.prices", list.id, &before, &after)?);
    }
    record(tx, actor, &entries).await?;
    let products = changes.iter().filter_map(|one| Some(one.of()?.product_id.uuid()));
    let products: BTreeSet<Uuid> = products.collect();
    if !products.is_empty() {
        price_and_tell(tx, &products.into_iter().collect::<Vec<_>>()).await?;
    }
    Ok(())
}

/// Why a product gets no more prices in a list.
pub(super) fn too_many() -> String {
    format!("a product has at most {TIERS_MAX} prices in one list")
}
