//! What must hold of the catalogue's books.

use platform::sql::{Db, Result};
use platform::verify::{Check, by_query};

use crate::search::{SearchError, SearchIndex};
use crate::store::products;

platform::statements! {
    PRODUCTS = "select count(*) from product";
    VARIANTS = "select count(*) from product where parent_id is not null";
    PRICE_OUT_OF_BOUNDS = "select sku from product where price not between 0 and 100000000000
                            order by sku limit 20";
    PARENT_MISSING_OR_VARIANT =
        "select p.sku from product p left join product r on r.id = p.parent_id
          where p.parent_id is not null and (r.id is null or r.parent_id is not null)
          order by p.sku limit 20";
    OUTBOX_BEHIND =
        "select p.sku from product p
          where p.version <> (select coalesce(max(o.last_version), 0) from told o
                               where o.subject = p.id)
          order by p.sku limit 20";
    /// Products that are not in the queue are at the price that their history tells of.
    PUBLIC_PRICE_APART =
        "select p.sku from product p
           join price_history h on h.product_id = p.id and h.until_at is null
            and h.market = coalesce((select m.code from market m where m.is_default), 'default')
          where (h.amount <> p.public_price or h.currency <> p.public_currency)
            and not exists (select 1 from price_due d where d.product_id = p.id)
          order by p.sku limit 20";
    BUNDLE_ROWS = "select count(distinct bundle_id) from bundle_part";
    BUNDLE_MISCOUNTED =
        "select p.sku from product p
           join (select b.bundle_id, min(case when q.status = 'archived' then 0
                                              else q.inventory_count / b.quantity end) as units
                   from bundle_part b join product q on q.id = b.product_id
                  group by b.bundle_id) x on x.bundle_id = p.id
          where p.inventory_count <> x.units or not p.bundled
          order by p.sku limit 20";
    CATEGORIES = "select count(*) from category";
    CATEGORY_NOT_AT_ITS_PLACE =
        "select c.path from category c left join category u on u.id = c.parent_id
          where c.path <> case when u.id is null then c.name else u.path || ' > ' || c.name end
          order by c.path limit 20";
}

pub(crate) async fn verify(db: &Db, search: Option<&SearchIndex>) -> Result<Vec<Check>> {
    let mut checks = vec![
        by_query(db, "every price is within its bounds", PRODUCTS, PRICE_OUT_OF_BOUNDS).await?,
        by_query(
            db,
            "every variant has a parent that is no variant",
            VARIANTS,
            PARENT_MISSING_OR_VARIANT,
        )
        .await?,
        by_query(db, "every version of a product has its event", PRODUCTS, OUTBOX_BEHIND).await?,
        by_query(
            db,
            "every product's public price is the one its history tells of",
            PRODUCTS,
            PUBLIC_PRICE_APART,
        )
        .await?,
        by_query(
            db,
            "there are as many of every bundle as there are parts for",
            BUNDLE_ROWS,
            BUNDLE_MISCOUNTED,
        )
        .await?,
        by_query(
            db,
            "every category is below the one it names",
            CATEGORIES,
            CATEGORY_NOT_AT_ITS_PLACE,
        )
        .await?,
    ];
    if let Some(search) = search
        && caught_up(search, db).await?
    {
        let mut check = Check::new("every product that shoppers see can be found");
        let shown = products::count_shown(db).await?.unsigned_abs();
        let found = search.count();
        check.rows = shown;
        if shown != found {
            check.broken(format!("{shown} products are shown, {found} can be found"));
        }
        checks.push(check);
    }
    Ok(checks)
}

async fn caught_up(search: &SearchIndex, db: &Db) -> Result<bool> {
    match search.caught_up(db).await {
        Ok(caught_up) => Ok(caught_up),
        Err(SearchError::Storage(error)) => Err(error),
        Err(_) => Ok(false),
    }
}
