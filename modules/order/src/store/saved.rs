//! Carts that were put aside.

use kernel::Timestamp;
use kernel::id::{CartId, CustomerId, ProductId, SavedCartId};
use platform::sql::{Db, Json, Result, Tx};
use uuid::Uuid;

use crate::domain::cart::{LINES_MAX, QUANTITY_MAX};

platform::statements! {
    /// The row of the cart is held by then, so that nobody of this owner saves another one meanwhile.
    SAVE = "insert into saved_cart (id, owner, name, created_at)
            select $1, $2, $3, $4
             where (select count(*) from saved_cart where owner = $2) < $5
            on conflict (owner, name) do nothing";
    MOVE_AWAY = "insert into saved_cart_line (id, saved_cart_id, product_id, quantity)
                 select id, $2, product_id, quantity from cart_line where cart_id = $1";
    LIST = "select id, name, created_at from saved_cart where owner = $1 order by id";
    FIND = "select id, name, created_at from saved_cart where owner = $1 and id = $2";
    LINES =
        "select saved_cart_id, product_id, quantity from saved_cart_line
          where saved_cart_id in (select unhex(value, '-') from json_each($1)) order by id",
        "select saved_cart_id, product_id, quantity from saved_cart_line
          where saved_cart_id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))
          order by id";
    TOO_LARGE = "select count(*) from saved_cart_line s
                   join cart_line c on c.cart_id = $2 and c.product_id = s.product_id
                  where s.saved_cart_id = $1 and c.quantity + s.quantity > $3";
    ADD_SAME = "update cart_line set quantity = cart_line.quantity + s.quantity
                  from saved_cart_line s
                 where cart_line.cart_id = $2 and s.saved_cart_id = $1
                   and s.product_id = cart_line.product_id";
    ADD_OTHERS = "insert into cart_line (id, cart_id, product_id, quantity, added_at)
                  select s.id, $2, s.product_id, s.quantity, $3 from saved_cart_line s
                   where s.saved_cart_id = $1 and not exists
                         (select 1 from cart_line c
                           where c.cart_id = $2 and c.product_id = s.product_id)";
    IN_CART = "select count(*) from cart_line where cart_id = $1";
    DELETE_LINES = "delete from saved_cart_line where saved_cart_id = $1";
    DELETE = "delete from saved_cart where owner = $1 and id = $2";
}

/// A cart that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The saved cart.
    pub id: SavedCartId,
    /// What its shopper calls it.
    pub name: String,
    /// When it was put aside.
    pub created_at: Timestamp,
    /// Its products with their quantities.
    pub lines: Vec<(ProductId, i64)>,
}

type Row = (Uuid, String, Timestamp);

/// Makes an empty one. False when there is one of this name, or as many as there may be.
pub async fn create(
    tx: &mut Tx,
    id: SavedCartId,
    owner: CustomerId,
    name: &str,
    most: i64,
) -> Result<bool> {
    let now = tx.now();
    let save = tx.query(SAVE).bind(id.uuid()).bind(owner.uuid()).bind(name).bind(now).bind(most);
    Ok(save.execute().await? == 1)
}

/// Moves all lines of a cart into a saved one; how many there were.
pub async fn move_away(tx: &mut Tx, from: CartId, into: SavedCartId) -> Result<u64> {
    tx.query(MOVE_AWAY).bind(from.uuid()).bind(into.uuid()).execute().await
}

/// All of a shopper, the oldest first.
pub async fn list(db: &Db, owner: CustomerId) -> Result<Vec<Saved>> {
    let rows: Vec<Row> = db.query(LIST).bind(owner.uuid()).all().await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.0).collect();
    let lines: Vec<(Uuid, Uuid, i64)> = db.query(LINES).bind(Json(ids)).all().await?;
    let saved = |(id, name, created_at): Row| {
        let own = lines.iter().filter(|line| line.0 == id);
        let lines = own.map(|(_, product, quantity)| ((*product).into(), *quantity)).collect();
        Saved { id: id.into(), name, created_at, lines }
    };
    Ok(rows.into_iter().map(saved).collect())
}

/// Whether it is there and belongs to this shopper.
pub async fn is_there(tx: &mut Tx, owner: CustomerId, id: SavedCartId) -> Result<bool> {
    let row = tx.query(FIND).bind(owner.uuid()).bind(id.uuid()).optional::<Row>();
    Ok(row.await?.is_some())
}

/// Moves all lines into a cart, where units of the same product are added up. False when the cart would
/// be too large: the unit of work is then to be dropped.
pub async fn move_back(tx: &mut Tx, from: SavedCartId, into: CartId) -> Result<bool> {
    let (from, into, now) = (from.uuid(), into.uuid(), tx.now());
    let too_large = tx.query(TOO_LARGE).bind(from).bind(into).bind(QUANTITY_MAX);
    let (too_large,): (i64,) = too_large.one().await?;
    if too_large > 0 {
        return Ok(false);
    }
    tx.query(ADD_SAME).bind(from).bind(into).execute().await?;
    tx.query(ADD_OTHERS).bind(from).bind(into).bind(now).execute().await?;
    let (lines,): (i64,) = tx.query(IN_CART).bind(into).one().await?;
    Ok(lines <= LINES_MAX)
}

/// Removes it with its lines. False when it is not there.
pub async fn delete(tx: &mut Tx, owner: CustomerId, id: SavedCartId) -> Result<bool> {
    if !is_there(tx, owner, id).await? {
        return Ok(false);
    }
    tx.query(DELETE_LINES).bind(id.uuid()).execute().await?;
    Ok(tx.query(DELETE).bind(owner.uuid()).bind(id.uuid()).execute().await? == 1)
}
