//! Lists of products, one statement for each order and scope, each over an index.

use kernel::Timestamp;
use platform::sql::{Db, Query, Result, Sql};
use uuid::Uuid;

use super::{ProductRow, columns, id_list, products};
use crate::domain::Product;

const ALL: usize = 0;
const IN_CATEGORY: usize = 1;
const AMONG: usize = 2;

/// `$1` limit, `$2` and `$3` lowest and highest price, `$4` the currency they are in, `$5` only
/// what is in stock.
macro_rules! listing {
    ($from:literal, $after:literal, $order:literal) => {
        concat!(
            "select ", columns!(), " from ", $from, " p.shown and p.parent_id is null
                and (cast($4 as text) is null or (p.currency = $4 and p.price between $2 and $3))
                and (not $5 or p.inventory_count > 0 or exists (select 1 from product v
                     where v.parent_id = p.id and v.shown and v.inventory_count > 0))
             ", $after, " order by ", $order, " limit $1"
        )
    };
}
macro_rules! all {
    ($after:literal, $order:literal) => {
        Sql::new(listing!("product p where", $after, $order))
    };
}
macro_rules! in_category {
    ($after:literal, $order:literal) => {
        Sql::new(listing!(
            "category c join product p on p.category_id = c.id
              where (c.path = $8 or substr(c.path, 1, length($8) + 3) = $8 || ' > ') and",
            $after,
            $order
        ))
    };
}
macro_rules! among {
    ($after:literal, $order:literal) => {
        Sql::split(
            listing!(
                "product p where p.id in (select unhex(value, '-') from json_each($8)) and",
                $after,
                $order
            ),
            listing!(
                // As an array: joined with the list, the planner walks the whole order for each id.
                "product p where p.id = any(array(
                    select cast(jsonb_array_elements_text($8) as uuid))) and",
                $after,
                $order
            ),
        )
    };
}
macro_rules! scopes {
    ($after:literal, $order:literal) => {
        [all!($after, $order), in_category!($after, $order), among!($after, $order)]
    };
}

const BY_PRICE: [Sql; 3] = scopes!("and (p.price, p.id) > ($6, $7)", "p.price, p.id");
const BY_PRICE_FALLING: [Sql; 3] =
    scopes!("and (p.price, p.id) < ($6, $7)", "p.price desc, p.id desc");
const NEWEST: [Sql; 3] =
    scopes!("and (p.created_at, p.id) < ($6, $7)", "p.created_at desc, p.id desc");
const BY_NAME: [Sql; 3] = scopes!("and (p.name, p.id) > ($6, $7)", "p.name, p.id");
const BY_RANK: Sql = Sql::split(
    listing!("json_each($6) s join product p on p.id = unhex(s.value, '-') where", "", "s.key"),
    listing!(
        "jsonb_array_elements_text($6) with ordinality as s(value, key)
         join product p on p.id = cast(s.value as uuid) where",
        "",
        "s.key"
    ),
);

/// Every statement of this file, by name.
pub const STATEMENTS: &[(&str, Sql)] = &[
    ("BY_PRICE", BY_PRICE[ALL]),
    ("BY_PRICE in category", BY_PRICE[IN_CATEGORY]),
    ("BY_PRICE among", BY_PRICE[AMONG]),
    ("BY_PRICE_FALLING", BY_PRICE_FALLING[ALL]),
    ("BY_PRICE_FALLING in category", BY_PRICE_FALLING[IN_CATEGORY]),
    ("BY_PRICE_FALLING among", BY_PRICE_FALLING[AMONG]),
    ("NEWEST", NEWEST[ALL]),
    ("NEWEST in category", NEWEST[IN_CATEGORY]),
    ("NEWEST among", NEWEST[AMONG]),
    ("BY_NAME", BY_NAME[ALL]),
    ("BY_NAME in category", BY_NAME[IN_CATEGORY]),
    ("BY_NAME among", BY_NAME[AMONG]),
    ("BY_RANK", BY_RANK),
];

/// What a listed product has to meet, besides being in the shop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// The lowest and the highest price in minor units, and the currency they are in.
    pub price: Option<(i64, i64, String)>,
    pub in_stock: bool,
}

/// Among which products.
pub(crate) enum Scope {
    All,
    Category(String),
    Products(Vec<Uuid>),
}

/// After which product of the order.
pub(crate) enum Start {
    Price(i64, Uuid),
    PriceFalling(i64, Uuid),
    Newest(Timestamp, Uuid),
    Name(String, Uuid),
}

fn filtered<'d>(db: &'d Db, sql: Sql, filter: &Filter, limit: i64) -> Query<'d> {
    let (least, most, currency) = match &filter.price {
        Some((least, most, currency)) => (*least, *most, Some(currency.as_str())),
        None => (0, i64::MAX, None),
    };
    db.query(sql).bind(limit).bind(least).bind(most).bind(currency).bind(filter.in_stock)
}

/// A page of products in an order.
pub(crate) async fn page(
    db: &Db,
    scope: Scope,
    filter: &Filter,
    start: Start,
    limit: i64,
) -> Result<Vec<Product>> {
    let n = match &scope {
        Scope::All => ALL,
        Scope::Category(_) => IN_CATEGORY,
        Scope::Products(_) => AMONG,
    };
    let query = match start {
        Start::Price(price, id) => filtered(db, BY_PRICE[n], filter, limit).bind(price).bind(id),
        Start::PriceFalling(price, id) => {
            filtered(db, BY_PRICE_FALLING[n], filter, limit).bind(price).bind(id)
        }
        Start::Newest(at, id) => filtered(db, NEWEST[n], filter, limit).bind(at).bind(id),
        Start::Name(name, id) => filtered(db, BY_NAME[n], filter, limit).bind(name).bind(id),
    };
    let query = match scope {
        Scope::All => query,
        Scope::Category(category) => query.bind(category),
        Scope::Products(ids) => query.bind(id_list(ids)),
    };
    products(query.all::<ProductRow>().await?)
}

/// The products with these ids, in the order of the ids.
pub(crate) async fn ranked(
    db: &Db,
    ids: impl IntoIterator<Item = Uuid>,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Product>> {
    products(filtered(db, BY_RANK, filter, limit).bind(id_list(ids)).all().await?)
}
