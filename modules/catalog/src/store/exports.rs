//! All products, page by page.

use std::collections::HashMap;

use platform::sql::{Db, Result};
use uuid::Uuid;

use super::{ProductRow, columns, id_list, products};
use crate::export::Exported;

platform::statements! {
    PARENTS = concat!("select ", columns!(), " from product p
         where p.parent_id is null and p.id > $1 order by p.id limit $2");
    VARIANTS = concat!("select ", columns!(), " from product p
         where p.parent_id is not null and p.id > $1 order by p.id limit $2");
    BESIDES =
        "select p.id, r.sku as parent_sku, p.inventory_count as stock
           from product p left join product r on r.id = p.parent_id
          where p.id in (select unhex(value, '-') from json_each($1))",
        "select p.id, r.sku as parent_sku, p.inventory_count as stock
           from product p left join product r on r.id = p.parent_id
          where p.id in (select cast(jsonb_array_elements_text($1) as uuid))";
}

/// Who comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rank {
    /// Products that are no variant.
    Parents,
    /// Variants.
    Variants,
}

impl Rank {
    /// Who comes after.
    pub(crate) const fn next(self) -> Option<Self> {
        match self {
            Self::Parents => Some(Self::Variants),
            Self::Variants => None,
        }
    }
}

#[derive(platform::sql::Record)]
struct Beside {
    id: Uuid,
    parent_sku: Option<String>,
    stock: i64,
}

/// The products of a rank after an id, in the order of ids.
pub(crate) async fn page(db: &Db, rank: Rank, after: Uuid, limit: i64) -> Result<Vec<Exported>> {
    let sql = match rank {
        Rank::Parents => PARENTS,
        Rank::Variants => VARIANTS,
    };
    let rows: Vec<ProductRow> = db.query(sql).bind(after).bind(limit).all().await?;
    let page = products(rows)?;
    let ids = id_list(page.iter().map(|product| product.id.uuid()));
    let besides: Vec<Beside> = db.query(BESIDES).bind(ids).all().await?;
    let mut besides: HashMap<Uuid, Beside> =
        besides.into_iter().map(|beside| (beside.id, beside)).collect();
    let exported = page.into_iter().map(|product| {
        let beside = besides.remove(&product.id.uuid());
        let (parent_sku, stock) =
            beside.map(|beside| (beside.parent_sku, beside.stock)).unwrap_or_default();
        Exported { product, parent_sku, stock }
    });
    Ok(exported.collect())
}
