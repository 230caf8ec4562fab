//! Carts and their lines.

use kernel::id::{CartId, CustomerId, LineId, OrderId, ProductId};
use platform::fault;
use platform::sql::{Db, Result, Tx};
use uuid::Uuid;

use crate::domain::cart::{CartLine, LINES_MAX, QUANTITY_MAX};

platform::statements! {
    /// Takes the cart's row, making it when it is not there; no row when it is being ordered.
    TOUCH = "insert into cart (id, owner, version, updated_at) values ($1, $2, 1, $3)
             on conflict (owner) do update set version = cart.version + 1,
                    updated_at = excluded.updated_at
              where cart.order_id is null
             returning id, version";
    FIND = "select c.id, c.coupon, c.order_id, c.version, l.id as line_id, l.product_id, l.quantity
              from cart c left join cart_line l on l.cart_id = c.id
             where c.owner = $1 order by l.id";
    PUT_LINE = "insert into cart_line (id, cart_id, product_id, quantity, added_at)
                select $1, $2, $3, $4, $5
                 where (select count(*) from cart_line where cart_id = $2) < $6
                    or exists (select 1 from cart_line where cart_id = $2 and product_id = $3)
                on conflict (cart_id, product_id) do update
                   set quantity = cart_line.quantity + excluded.quantity
                 where cart_line.quantity + excluded.quantity <= $7";
    SET_QUANTITY = "update cart_line set quantity = $3 where cart_id = $1 and id = $2";
    REMOVE_LINE = "delete from cart_line where cart_id = $1 and id = $2";
    SET_COUPON = "update cart set coupon = $2 where id = $1";
    /// The cart stands still while an order is made of it; whoever changed it first wins.
    HOLD = "update cart set order_id = $3, version = version + 1
             where id = $1 and version = $2 and order_id is null";
    EMPTY = "delete from cart_line where cart_id = $1";
    LET_GO = "update cart set order_id = null, version = version + 1
               where id = $1 and order_id = $2";
    LET_GO_ORDERED = "update cart set order_id = null, coupon = null, version = version + 1
               where id = $1 and order_id = $2";
    /// PostgreSQL holds the guest's cart, so that no line comes into it meanwhile; SQLite has one writer.
    TO_MERGE =
        "select id, order_id is not null from cart where owner = $1",
        "select id, order_id is not null from cart where owner = $1 for update";
    MERGE_SAME =
        "update cart_line set quantity = case when cart_line.quantity + g.quantity > $3 then $3
                                              else cart_line.quantity + g.quantity end
           from cart_line g
          where cart_line.cart_id = $2 and g.cart_id = $1 and g.product_id = cart_line.product_id";
    MERGE_OTHERS =
        "update cart_line set cart_id = $2
          where id in (select id from cart_line g
                        where g.cart_id = $1 and not exists
                              (select 1 from cart_line o
                                where o.cart_id = $2 and o.product_id = g.product_id)
                        order by g.id
                        limit (select $3 - count(*) from cart_line where cart_id = $2))";
    MERGE_COUPON =
        "update cart set coupon = (select g.coupon from cart g where g.id = $1)
          where id = $2 and coupon is null";
    /// An order that was begun before is not made of what has gone.
    LEAVE = "update cart set coupon = null, version = version + 1 where id = $1";
    /// Whose cart an order was made of, where the order has become somebody else's since.
    STRANDED = "select c.id, o.customer_id from orders o join cart c on c.id = o.cart_id
                 where o.id = $1 and c.owner <> o.customer_id";
    HELD_COUNT = "select count(*) from cart where order_id is not null";
    HELD_BY_ENDED = "select coalesce(o.number, 'an order that is not there')
                       from cart c left join orders o on o.id = c.order_id
                      where c.order_id is not null
                        and (o.id is null or o.status not in ('PENDING', 'AWAITING_PAYMENT'))
                      limit 20";
}

/// A cart's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cart {
    /// The cart.
    pub id: CartId,
    /// The coupon the shopper gave.
    pub coupon: Option<String>,
    /// The order that is being made of it.
    pub order_id: Option<OrderId>,
    /// Moves with every change of the cart.
    pub version: i64,
    /// What is in it, in the order it was put there.
    pub lines: Vec<CartLine>,
}

/// A line, with its cart; an empty cart has one row without a line.
#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    coupon: Option<String>,
    order_id: Option<Uuid>,
    version: i64,
    line_id: Option<Uuid>,
    product_id: Option<Uuid>,
    quantity: Option<i64>,
}

impl Row {
    fn line(&self) -> Option<CartLine> {
        Some(CartLine {
            id: self.line_id?.into(),
            product_id: self.product_id?.into(),
            quantity: self.quantity?,
        })
    }
}

/// The shopper's cart; none when nothing was ever put into it.
pub async fn find(db: &Db, owner: CustomerId) -> Result<Option<Cart>> {
    let mut rows: Vec<Row> = db.query(FIND).bind(owner.uuid()).all().await?;
    let lines = rows.iter().filter_map(Row::line).collect();
    Ok(rows.pop().map(|row| Cart {
        id: row.id.into(),
        coupon: row.coupon,
        order_id: row.order_id.map(OrderId::from),
        version: row.version,
        lines,
    }))
}

/// Takes the shopper's cart for a change. None when it is being ordered.
pub async fn touch(tx: &mut Tx, owner: CustomerId) -> Result<Option<CartId>> {
    let now = tx.now();
    let row: Option<(Uuid, i64)> =
        tx.query(TOUCH).bind(CartId::new().uuid()).bind(owner.uuid()).bind(now).optional().await?;
    Ok(row.map(|(id, _)| id.into()))
}

/// Adds units of a product. False when the cart is full or the line would be too large.
pub async fn put_line(
    tx: &mut Tx,
    cart: CartId,
    product: ProductId,
    quantity: i64,
) -> Result<bool> {
    let now = tx.now();
    let put = tx
        .query(PUT_LINE)
        .bind(LineId::new().uuid())
        .bind(cart.uuid())
        .bind(product.uuid())
        .bind(quantity)
        .bind(now)
        .bind(LINES_MAX)
        .bind(QUANTITY_MAX)
        .execute()
        .await?;
    Ok(put == 1)
}

/// Changes how many units a line has. False when there is no such line.
pub async fn set_quantity(tx: &mut Tx, cart: CartId, line: LineId, quantity: i64) -> Result<bool> {
    let set =
        tx.query(SET_QUANTITY).bind(cart.uuid()).bind(line.uuid()).bind(quantity).execute().await?;
    Ok(set == 1)
}

/// Takes a line out. False when there is no such line.
pub async fn remove_line(tx: &mut Tx, cart: CartId, line: LineId) -> Result<bool> {
    Ok(tx.query(REMOVE_LINE).bind(cart.uuid()).bind(line.uuid()).execute().await? == 1)
}

/// Puts a coupon to the cart, or takes it away.
pub async fn set_coupon(tx: &mut Tx, cart: CartId, coupon: Option<&str>) -> Result<()> {
    tx.query(SET_COUPON).bind(cart.uuid()).bind(coupon).execute().await.map(drop)
}

/// The cart of a guest who turned out to be somebody.
pub struct ToMerge {
    /// The cart.
    pub id: CartId,
    /// Whether an order is being made of it.
    pub ordering: bool,
}

/// The guest's cart, which stays as it is until the unit of work is over; none when nothing was ever
/// put into it.
pub async fn to_merge(tx: &mut Tx, guest: CustomerId) -> Result<Option<ToMerge>> {
    let row: Option<(Uuid, bool)> = tx.query(TO_MERGE).bind(guest.uuid()).optional().await?;
    Ok(row.map(|(id, ordering)| ToMerge { id: id.into(), ordering }))
}

/// Moves what is in one cart into another: units are added up as far as a line goes, and lines come
/// as long as there is room. A coupon goes along where there is none.
pub async fn merge(tx: &mut Tx, from: CartId, into: CartId) -> Result<()> {
    let (from, into) = (from.uuid(), into.uuid());
    tx.query(MERGE_SAME).bind(from).bind(into).bind(QUANTITY_MAX).execute().await?;
    tx.query(MERGE_OTHERS).bind(from).bind(into).bind(LINES_MAX).execute().await?;
    tx.query(MERGE_COUPON).bind(from).bind(into).execute().await?;
    empty(tx, from.into()).await?;
    tx.query(LEAVE).bind(from).execute().await.map(drop)
}

/// Takes everything out of a cart.
pub async fn empty(tx: &mut Tx, cart: CartId) -> Result<()> {
    tx.query(EMPTY).bind(cart.uuid()).execute().await.map(drop)
}

/// Holds a cart for an order. False when it has changed or another order holds it.
pub async fn hold(tx: &mut Tx, cart: &Cart, order: OrderId) -> Result<bool> {
    let held =
        tx.query(HOLD).bind(cart.id.uuid()).bind(cart.version).bind(order.uuid()).execute().await?;
    Ok(held == 1)
}

/// Gives a cart back to its shopper with all that is in it, after its order failed.
pub async fn let_go(tx: &mut Tx, cart: CartId, order: OrderId) -> Result<()> {
    if fault::bug("cart_is_not_let_go") {
        return Ok(());
    }
    tx.query(LET_GO).bind(cart.uuid()).bind(order.uuid()).execute().await.map(drop)
}

/// The cart of a guest who has become somebody while it was ordered, and who that is.
pub async fn stranded(tx: &mut Tx, order: OrderId) -> Result<Option<(CartId, CustomerId)>> {
    let row: Option<(Uuid, Uuid)> = tx.query(STRANDED).bind(order.uuid()).optional().await?;
    Ok(row.map(|(cart, customer)| (cart.into(), customer.into())))
}

/// Empties a cart whose order is confirmed.
pub async fn ordered(tx: &mut Tx, cart: CartId, order: OrderId) -> Result<()> {
    let held = tx.query(LET_GO_ORDERED).bind(cart.uuid()).bind(order.uuid()).execute().await?;
    if held == 1 && !fault::bug("cart_is_not_emptied") {
        empty(tx, cart).await?;
    }
    Ok(())
}
