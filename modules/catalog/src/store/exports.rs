//! All products, page by page.

use std::collections::HashMap;

use platform::sql::{Db, Error, Result};
use uuid::Uuid;

use super::{ProductRow, columns, id_list, products};
use crate::domain::Related;
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
          where p.id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))";
    FORMER_SLUGS =
        "select s.product_id, s.slug from product_slug s join product p on p.id = s.product_id
          where s.product_id in (select unhex(value, '-') from json_each($1))
            and (p.slug is null or p.slug <> s.slug) order by s.product_id, s.slug",
        "select s.product_id, s.slug from product_slug s join product p on p.id = s.product_id
          where s.product_id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))
            and (p.slug is null or p.slug <> s.slug) order by s.product_id, s.slug";
    RELATED =
        "select r.product_id, r.kind, p.sku
           from product_relation r join product p on p.id = r.related_id
          where r.product_id in (select unhex(value, '-') from json_each($1))
          order by r.product_id, r.kind, r.position, p.sku",
        "select r.product_id, r.kind, p.sku
           from product_relation r join product p on p.id = r.related_id
          where r.product_id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))
          order by r.product_id, r.kind, r.position, p.sku";
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
    let besides: Vec<Beside> = db.query(BESIDES).bind(ids.clone()).all().await?;
    let mut besides: HashMap<Uuid, Beside> =
        besides.into_iter().map(|beside| (beside.id, beside)).collect();
    let mut slugs: HashMap<Uuid, Vec<String>> = HashMap::new();
    let rows: Vec<(Uuid, String)> = db.query(FORMER_SLUGS).bind(ids.clone()).all().await?;
    for (id, slug) in rows {
        slugs.entry(id).or_default().push(slug);
    }
    let mut related: HashMap<Uuid, Related> = HashMap::new();
    let rows: Vec<(Uuid, String, String)> = db.query(RELATED).bind(ids).all().await?;
    for (id, kind, sku) in rows {
        let kind = kind.parse().map_err(|error| Error::Inconsistent(format!("{id}: {error}")))?;
        related.entry(id).or_default().entry(kind).or_default().push(sku);
    }
    let exported = page.into_iter().map(|product| {
        let id = product.id.uuid();
        let beside = besides.remove(&id);
        let (parent_sku, stock) =
            beside.map(|beside| (beside.parent_sku, beside.stock)).unwrap_or_default();
        let former_slugs = slugs.remove(&id).unwrap_or_default();
        let related = related.remove(&id).unwrap_or_default();
        Exported { product, parent_sku, stock, former_slugs, related }
    });
    Ok(exported.collect())
}
