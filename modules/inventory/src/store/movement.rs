use kernel::Timestamp;
use kernel::id::{CustomerId, OrderId, ProductId, StockId};
use platform::sql::Json;
use platform::sql::{Db, Result, Tx};
use serde_json::json;
use uuid::Uuid;

platform::statements! {
    RECORD =
        "insert into movement (stock_id, version, product_id, kind, delta_on_hand, delta_reserved,
                               order_id, reason, actor, at)
         select unhex(value->>'stock_id', '-'), value->>'version',
                unhex(value->>'product_id', '-'), $2, value->>'on_hand', value->>'reserved',
                $3, $4, $5, $6
           from json_each($1)",
        "insert into movement (stock_id, version, product_id, kind, delta_on_hand, delta_reserved,
                               order_id, reason, actor, at)
         select m.stock_id, m.version, m.product_id, $2, m.on_hand, m.reserved, $3, $4, $5, $6
           from jsonb_to_recordset($1) as m(stock_id uuid, version bigint, product_id uuid,
                                            on_hand bigint, reserved bigint)";
    MOVEMENTS = "select m.stock_id, m.version, s.location, m.kind, m.delta_on_hand,
                        m.delta_reserved, m.order_id, m.reason, m.actor, m.at
                   from movement m join stock s on s.id = m.stock_id
                  where m.product_id = $1 and (m.at, m.stock_id, m.version) < ($2, $3, $4)
                  order by m.at desc, m.stock_id desc, m.version desc limit $5";
}

/// What kind of change it was.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Opened,
    Adjusted,
    Limited,
    Counted,
    Transferred,
    Reserved,
    Released,
    Expired,
    Shipped,
    Returned,
    Covered,
}

impl Kind {
    /// As it is stored.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Adjusted => "adjusted",
            Self::Limited => "limited",
            Self::Counted => "counted",
            Self::Transferred => "transferred",
            Self::Reserved => "reserved",
            Self::Released => "released",
            Self::Expired => "expired",
            Self::Shipped => "shipped",
            Self::Returned => "returned",
            Self::Covered => "covered",
        }
    }
}

/// Why stock changed.
pub(crate) struct Cause<'a> {
    pub kind: Kind,
    pub order: Option<OrderId>,
    pub reason: &'a str,
    /// Who did it; none for the house itself.
    pub actor: Option<CustomerId>,
}

/// One change of one row of stock.
pub(crate) struct Moved {
    pub stock_id: StockId,
    pub product_id: ProductId,
    /// The row's version after the change.
    pub version: i64,
    pub on_hand: i64,
    pub reserved: i64,
}

/// Writes changes into the journal.
pub(crate) async fn record(tx: &mut Tx, cause: Cause<'_>, moved: &[Moved]) -> Result<()> {
    let now = tx.now();
    let list: Vec<_> = moved
        .iter()
        .map(|row| {
            json!({
                "stock_id": row.stock_id.to_string(),
                "product_id": row.product_id.to_string(),
                "version": row.version,
                "on_hand": row.on_hand,
                "reserved": row.reserved,
            })
        })
        .collect();
    tx.query(RECORD)
        .bind(Json(list))
        .bind(cause.kind.word())
        .bind(cause.order.map(OrderId::uuid))
        .bind(cause.reason)
        .bind(cause.actor.map(CustomerId::uuid))
        .bind(now)
        .execute()
        .await
        .map(drop)
}

/// A row of the journal.
#[derive(Debug, platform::sql::Record)]
pub(crate) struct MovementRow {
    pub stock_id: Uuid,
    pub version: i64,
    pub location: String,
    pub kind: String,
    pub delta_on_hand: i64,
    pub delta_reserved: i64,
    pub order_id: Option<Uuid>,
    pub reason: String,
    pub actor: Option<Uuid>,
    pub at: Timestamp,
}

/// A place in a product's journal.
pub(crate) type Position = (Timestamp, Uuid, i64);

/// The last second both engines can write with a year of four digits.
const END_OF_TIME: i64 = 253_402_300_799;

/// The place before the newest row.
pub(crate) fn newest() -> Position {
    (Timestamp::from_timestamp(END_OF_TIME, 0).unwrap_or_default(), Uuid::max(), i64::MAX)
}

/// A product's journal from a place on, newest first.
pub(crate) async fn movements(
    db: &Db,
    product: ProductId,
    (at, stock, version): Position,
    limit: i64,
) -> Result<Vec<MovementRow>> {
    db.query(MOVEMENTS)
        .bind(product.uuid())
        .bind(at)
        .bind(stock)
        .bind(version)
        .bind(limit)
        .all()
        .await
}
