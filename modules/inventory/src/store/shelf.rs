//! What lies where orders are served from.

use kernel::Timestamp;
use kernel::id::ProductId;
use platform::sql::{Db, Error, Result, Tx};
use uuid::Uuid;

use super::stock::ids;
use crate::domain::{Level, Shelf};

/// What lies of the products that a condition names, where orders are served from.
macro_rules! shelves {
    ($of:literal) => {
        concat!(
            "select s.id, s.product_id, s.location, s.on_hand, s.reserved, s.safety,
                    s.low_at, s.low, s.policy, s.backorder_max, s.available_from,
                    l.priority, l.country, l.postal_code
               from stock s join location l on l.code = s.location
              where l.active and l.serves_orders and s.product_id ",
            $of
        )
    };
}

platform::statements! {
    SHELVES =
        shelves!("in (select unhex(value, '-') from json_each($1))"),
        shelves!("= any(array(select cast(p as uuid) from jsonb_array_elements_text($1) as p))");
    /// Locked in the order of ids, as the guard does; SQLite's unit of work is alone anyway.
    LOCK_SHELVES =
        shelves!("in (select unhex(value, '-') from json_each($1))"),
        shelves!("= any(array(select cast(p as uuid) from jsonb_array_elements_text($1) as p))
                  order by s.id for update of s");
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    product_id: Uuid,
    location: String,
    on_hand: i64,
    reserved: i64,
    safety: i64,
    low_at: Option<i64>,
    low: bool,
    policy: String,
    backorder_max: i64,
    available_from: Option<Timestamp>,
    priority: i64,
    country: Option<String>,
    postal_code: Option<String>,
}

impl Row {
    fn shelf(self) -> Result<Shelf> {
        let level = Level {
            stock_id: self.id.into(),
            product_id: self.product_id.into(),
            location: self.location,
            on_hand: self.on_hand,
            reserved: self.reserved,
            safety: self.safety,
            low_at: self.low_at,
            low: self.low,
            policy: self.policy.parse().map_err(Error::Inconsistent)?,
            backorder_max: self.backorder_max,
            available_from: self.available_from,
            available: 0,
            backordered: 0,
            backorderable: 0,
        };
        let Self { priority, country, postal_code, .. } = self;
        Ok(Shelf { level: level.counted(), priority, country, postal_code })
    }
}

fn shelves_of(rows: Vec<Row>) -> Result<Vec<Shelf>> {
    rows.into_iter().map(Row::shelf).collect()
}

/// What lies of some products where orders are served from. Never takes SQLite's writer.
pub(crate) async fn shelves(
    db: &Db,
    products: impl Iterator<Item = ProductId>,
) -> Result<Vec<Shelf>> {
    db.query(SHELVES).bind(ids(products)).all().await.and_then(shelves_of)
}

/// What lies of some products where orders are served from, until this unit of work ends: nobody
/// else takes it meanwhile.
pub(crate) async fn lock_shelves(
    tx: &mut Tx,
    products: impl Iterator<Item = ProductId>,
) -> Result<Vec<Shelf>> {
    tx.query(LOCK_SHELVES).bind(ids(products)).all().await.and_then(shelves_of)
}
