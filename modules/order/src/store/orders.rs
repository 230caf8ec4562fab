//! Orders.

use std::collections::{BTreeSet, HashMap};

use kernel::id::{CustomerId, OrderId};
use kernel::ports::{CreditPart, PersonKey};
use kernel::{Address, Currency, Money, Timestamp};
use platform::outbox;
use platform::personal::Ring;
use platform::sql::Json;
use platform::sql::{Db, Error, Result, Tx};
use uuid::Uuid;

use crate::domain::exchange::Replaces;
use crate::domain::order::{Order, OrderFailure};
use crate::domain::promotion::Told;
use crate::domain::shipment::Shipment;
use crate::domain::status::Status;
use crate::domain::tax::LineTax;
use crate::domain::timeline::Moved;
use crate::domain::totals::Totals;
use crate::store::lines::{self, LineRow, line_tax};
use crate::store::personal::{AddressRow, Personal, opened, sealed};
use crate::store::shipment;

macro_rules! order {
    ($rest:literal) => {
        concat!(
            "select id, number, customer_id, cart_id, status, currency, items_minor, discount_minor, \
             shipping_minor, tax_minor, included_tax_minor, total_minor, coupon, promotions, \
             shipping_address, billing_address, email, personal, shipping_method, \
             shipping_tax_minor, shipping_tax_ppm, locale, failure, version, created_at, updated_at, \
             confirmed_at, editing, replaces, account, credit from orders ",
            $rest
        )
    };
}

platform::statements! {
    INSERT = "insert into orders (id, number, customer_id, cart_id, status, currency, items_minor,
                     discount_minor, shipping_minor, tax_minor, total_minor, included_tax_minor,
                     coupon, shipping_address, personal, shipping_method, version,
                     created_at, updated_at, promotions, shipping_tax_minor, shipping_tax_ppm,
                     locale, credit)
              values ($1, $2, $3, $4, 'PENDING', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
                      1, $16, $16, $17, $18, $19, $20, $21) on conflict (number) do nothing";
    FIND = order!("where id = $1");
    OF_CUSTOMER = order!("where customer_id = $1 and id < $2 order by id desc limit $3");
    LIST = order!("where id < $1 order by id desc limit $2");
    OF_STATUS = order!("where status = $1 and id < $2 order by id desc limit $3");
    OF_IDS =
        order!("where id in (select unhex(value, '-') from json_each($1))"),
        order!("where id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))");
    ADOPT = "update orders set customer_id = $2 where customer_id = $1";
    /// The version is the lock: of two who decide on the same state, one is refused.
    MOVE = "update orders set status = $3, version = version + $4, failure = $5,
                   updated_at = $6, confirmed_at = coalesce(confirmed_at, $7)
             where id = $1 and status = $2 and version = $8";
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    number: String,
    customer_id: Uuid,
    cart_id: Uuid,
    status: String,
    currency: String,
    items_minor: i64,
    discount_minor: i64,
    shipping_minor: i64,
    tax_minor: i64,
    included_tax_minor: i64,
    total_minor: i64,
    coupon: Option<String>,
    promotions: Option<Json<Vec<Told>>>,
    shipping_address: Json<AddressRow>,
    billing_address: Option<Json<Address>>,
    email: Option<String>,
    personal: Option<String>,
    shipping_method: String,
    shipping_tax_minor: Option<i64>,
    shipping_tax_ppm: Option<i64>,
    locale: Option<String>,
    failure: Option<Json<OrderFailure>>,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
    confirmed_at: Option<Timestamp>,
    editing: Option<Uuid>,
    replaces: Option<Uuid>,
    account: Option<Uuid>,
    credit: Option<Json<Vec<CreditPart>>>,
}

impl Row {
    fn order(self, lines: Vec<LineRow>, shipments: Vec<Shipment>, ring: &Ring) -> Result<Order> {
        let nonsense = |what: &str| Error::Inconsistent(format!("order {}: {what}", self.number));
        let currency: Currency = self.currency.parse().map_err(|_| nonsense("its currency"))?;
        let status = Status::from_word(&self.status).ok_or_else(|| nonsense("its status"))?;
        let money = |minor| Money::from_minor(minor, currency);
        let personal = opened(self.id.into(), self.personal.as_deref(), ring)?;
        let Personal { shipping_address, billing_address, email } = match (personal, self.personal)
        {
            (Some(personal), _) => personal,
            (None, Some(_)) => Personal::erased(self.shipping_address.0),
            (None, None) => Personal {
                shipping_address: self.shipping_address.0.into(),
                billing_address: self.billing_address.map(|address| address.0),
                email: self.email,
            },
        };
        Ok(Order {
            lines: lines.into_iter().map(|line| line.line(currency)).collect::<Result<_>>()?,
            id: self.id.into(),
            number: self.number,
            customer_id: self.customer_id.into(),
            cart_id: self.cart_id.into(),
            status,
            totals: Totals {
                items: money(self.items_minor),
                discount: money(self.discount_minor),
                shipping: money(self.shipping_minor),
                tax: money(self.tax_minor),
                included_tax: money(self.included_tax_minor),
                total: money(self.total_minor),
            },
            coupon: self.coupon,
            promotions: self.promotions.map(|told| told.0).unwrap_or_default(),
            credit: self.credit.map(|parts| parts.0).unwrap_or_default(),
            shipments,
            shipping_address,
            billing_address,
            shipping_method: self.shipping_method,
            shipping_tax: line_tax(self.shipping_tax_minor, self.shipping_tax_ppm, currency),
            email,
            locale: self.locale,
            failure: self.failure.map(|failure| failure.0),
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
            confirmed_at: self.confirmed_at,
            editing: self.editing.map(Into::into),
            replaces: self.replaces.zip(self.account).map(|(change, account)| Replaces {
                return_id: change.into(),
                account_id: account.into(),
            }),
        })
    }
}

/// Inserts a new order with its lines; what is personal of it is sealed under a key of its customer.
/// False when another order has drawn the same number.
pub async fn insert(tx: &mut Tx, order: &Order, key: &PersonKey) -> Result<bool> {
    let personal = sealed(key, order)?;
    let inserted = tx
        .query(INSERT)
        .bind(order.id.uuid())
        .bind(order.number.as_str())
        .bind(order.customer_id.uuid())
        .bind(order.cart_id.uuid())
        .bind(order.totals.total.currency().code())
        .bind(order.totals.items.minor())
        .bind(order.totals.discount.minor())
        .bind(order.totals.shipping.minor())
        .bind(order.totals.tax.minor())
        .bind(order.totals.total.minor())
        .bind(order.totals.included_tax.minor())
        .bind(order.coupon.as_deref())
        .bind(Json(AddressRow::of(&order.shipping_address)))
        .bind(personal)
        .bind(order.shipping_method.as_str())
        .bind(order.created_at)
        .bind((!order.promotions.is_empty()).then_some(Json(&order.promotions)))
        .bind(order.shipping_tax.map(|tax| tax.amount.minor()))
        .bind(order.shipping_tax.map(LineTax::rate_ppm))
        .bind(order.locale.as_deref())
        .bind((!order.credit.is_empty()).then_some(Json(&order.credit)))
        .execute()
        .await?;
    if inserted == 0 {
        return Ok(false);
    }
    lines::insert(tx, order.id, &order.lines).await?;
    Ok(true)
}

/// An order with its lines.
pub async fn find(db: &Db, id: OrderId) -> Result<Option<Order>> {
    let Some(row) = db.query(FIND).bind(id.uuid()).optional::<Row>().await? else {
        return Ok(None);
    };
    Ok(with_lines(db, vec![row]).await?.pop())
}

/// An order with its lines, inside a unit of work.
pub async fn load(tx: &mut Tx, id: OrderId) -> Result<Option<Order>> {
    let Some(row) = tx.query(FIND).bind(id.uuid()).optional::<Row>().await? else {
        return Ok(None);
    };
    let lines = lines::of_order(tx, id).await?;
    let has_left = lines.iter().any(|line| line.shipped > 0);
    let shipments = if has_left { shipment::of_order(tx, id).await? } else { vec![] };
    let ring = ring(tx.db(), std::slice::from_ref(&row)).await?;
    row.order(lines, shipments.into_iter().map(|(_, shipment)| shipment).collect(), &ring).map(Some)
}

/// A customer's orders before one, newest first.
pub async fn of_customer(
    db: &Db,
    customer: CustomerId,
    before: OrderId,
    limit: i64,
) -> Result<Vec<Order>> {
    let rows = db.query(OF_CUSTOMER).bind(customer.uuid()).bind(before.uuid()).bind(limit);
    with_lines(db, rows.all().await?).await
}

/// All orders before one, newest first, perhaps only those of one status.
pub async fn list(
    db: &Db,
    status: Option<Status>,
    before: OrderId,
    limit: i64,
) -> Result<Vec<Order>> {
    let query = match status {
        None => db.query(LIST),
        Some(status) => db.query(OF_STATUS).bind(status.word()),
    };
    let rows = query.bind(before.uuid()).bind(limit).all().await?;
    with_lines(db, rows).await
}

/// The orders of these ids that are there.
pub async fn of_ids(db: &Db, ids: &[OrderId]) -> Result<Vec<Order>> {
    let rows = db.query(OF_IDS).bind(Json(ids)).all().await?;
    with_lines(db, rows).await
}

/// Makes a guest's orders those of the account they logged in to.
pub async fn adopt(tx: &mut Tx, guest: CustomerId, account: CustomerId) -> Result<()> {
    tx.query(ADOPT).bind(guest.uuid()).bind(account.uuid()).execute().await.map(drop)
}

async fn ring(db: &Db, rows: &[Row]) -> Result<Ring> {
    db.people()?.ring(rows.iter().filter_map(|row| row.personal.as_deref())).await
}

async fn with_lines(db: &Db, rows: Vec<Row>) -> Result<Vec<Order>> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let lines = lines::of_orders(db, &ids).await?;
    let left: BTreeSet<OrderId> =
        lines.iter().filter(|line| line.shipped > 0).map(|line| line.order_id.into()).collect();
    let mut parcels: HashMap<OrderId, Vec<Shipment>> = HashMap::new();
    // Nothing has left of most orders that are looked at.
    if !left.is_empty() {
        for (order, parcel) in shipment::of_orders(db, &left).await? {
            parcels.entry(order).or_default().push(parcel);
        }
    }
    let mut of_order: HashMap<Uuid, Vec<LineRow>> = HashMap::new();
    for line in lines {
        of_order.entry(line.order_id).or_default().push(line);
    }
    let ring = ring(db, &rows).await?;
    rows.into_iter()
        .map(|row| {
            let lines = of_order.remove(&row.id).unwrap_or_default();
            let shipments = parcels.remove(&row.id.into()).unwrap_or_default();
            row.order(lines, shipments, &ring)
        })
        .collect()
}

/// Moves an order on from the state it was loaded in, with so many events. False when it has moved
/// meanwhile.
pub async fn move_on(tx: &mut Tx, order: &Order, to: Status, events: i64) -> Result<bool> {
    let now = tx.now();
    let moved = tx
        .query(MOVE)
        .bind(order.id.uuid())
        .bind(order.status.word())
        .bind(to.word())
        .bind(events)
        .bind(order.failure.as_ref().map(Json))
        .bind(now)
        .bind((to == Status::Confirmed).then_some(now))
        .bind(order.version)
        .execute()
        .await?;
    Ok(moved == 1)
}

/// The events of an order, in their order.
pub async fn moves(db: &Db, order: OrderId) -> Result<Vec<Moved>> {
    let told = outbox::of_subject(db, order.uuid()).await?;
    Ok(told.into_iter().map(|event| Moved { kind: event.kind, at: event.time }).collect())
}
