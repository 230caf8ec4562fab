use std::collections::HashMap;

use async_trait::async_trait;
use kernel::Money;
use kernel::ports::{Buyer, Offer, Unavailable, Wanted};
use platform::sql;
use uuid::Uuid;

use crate::domain::category;
use crate::domain::{Asked, Candidate, DEFAULT_MARKET, Part, pick, weight_g};
use crate::store::bundles;
use crate::store::pricing::{self, OfferRow};
use crate::{Catalog, OFFERS_MAX};

#[async_trait]
impl kernel::ports::Catalog for Catalog {
    async fn offers(&self, buyer: Buyer<'_>, wanted: &[Wanted]) -> Result<Vec<Offer>, Unavailable> {
        let failed = |error: sql::Error| Unavailable::new("catalog", error);
        if wanted.len() > OFFERS_MAX {
            let asked = format!("{} offers were asked for, at most {OFFERS_MAX}", wanted.len());
            return Err(failed(sql::Error::Inconsistent(asked)));
        }
        offers(self, buyer, wanted).await.map_err(failed)
    }
}

async fn offers(catalog: &Catalog, buyer: Buyer<'_>, wanted: &[Wanted]) -> sql::Result<Vec<Offer>> {
    let quantities: HashMap<_, _> =
        wanted.iter().map(|one| (one.product_id.uuid(), one.quantity)).collect();
    let ids = quantities.keys().copied();
    let now = catalog.db.clock().now();
    let rows = pricing::offers(&catalog.db, ids, buyer.country, now).await?;
    let bundled = rows.iter().filter(|(row, _)| row.bundled).map(|(row, _)| row.id);
    let bundled: Vec<Uuid> = bundled.collect();
    let mut parts = bundles::read(&mut &catalog.db, bundled).await?;
    rows.into_iter()
        .map(|(row, candidates)| {
            let parts = parts.remove(&row.id).unwrap_or_default();
            let price = price(&row, &candidates, buyer.group, quantities[&row.id], now)?;
            Ok(Offer {
                product_id: row.id.into(),
                sellable: row.sellable && price.is_some() && parts.iter().all(Part::is_sold),
                price: price.map_or_else(|| row.base(), Ok)?,
                tax: row.tax()?,
                weight_g: if row.weight_g == 0 { weight_g(&parts) } else { row.weight_g },
                tax_category: row.tax_category,
                categories: row
                    .category
                    .iter()
                    .flat_map(|it| category::prefixes(it))
                    .map(str::to_owned)
                    .collect(),
                sku: row.sku,
                name: row.name,
                parts: parts.into_iter().map(Into::into).collect(),
            })
        })
        .collect()
}

/// The price of one unit in the buyer's market; none where the product is not sold in it.
fn price(
    row: &OfferRow,
    candidates: &[Candidate],
    group: Option<&str>,
    quantity: i64,
    now: kernel::Timestamp,
) -> sql::Result<Option<Money>> {
    let base = row.base()?;
    let asked = Asked {
        market: row.market.as_deref().unwrap_or(DEFAULT_MARKET),
        currency: row.market_currency()?.unwrap_or(base.currency()),
        group,
        quantity,
        now,
    };
    Ok(pick(base, candidates, &asked).map(|picked| picked.price))
}
